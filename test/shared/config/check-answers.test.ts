import { expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

function load(route: string, gateway = "") {
  return loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
  ${gateway}
  routes:
    - { name: r, match: { path: "/r/{id}/*" }, ${route} }
`,
    "f",
    () => undefined,
  );
}
const codes = (...given: Parameters<typeof load>): string[] =>
  load(...given).problems.map(
    ({ severity, code, path }) => `${severity} ${code} ${path.join(".").replace("gateway.routes.0.", "")}`,
  );

test.each<[route: string, problems: string[], gateway?: string]>([
  ["respond: { status: 204 }", []],
  ["respond: { json: { a: '{path.id}', b: { cel: 'request.method' } } }", []],
  ["redirect: { scheme: https }", []],
  ["redirect: { path: '/x/{id}/*' }", []],
  [
    "respond: {}, errorPages: [{ on: [404, no_route], html: '{error.status}' }, { on: [404], upstream: true, json: {} }]",
    [],
  ],
  ["respond: {}", [], "securityHeaders: { hsts: false, frame: SAMEORIGIN, hide: [] }"],
  ["respond: {}, to: 'https://o.example'", ["error SLV2005 gateway.routes.0"]],
  ["redirect: { status: 304, scheme: https }", ["error SLV2001 redirect.status"]],
  ["redirect: { status: 303 }", []],
  ["redirect: {}", ["warning SLV3092 redirect"]],
  ["redirect: { path: '/r/{id}/*' }", ["warning SLV3092 redirect"]],
  ["redirect: { path: '/x/{ID}' }", ["error SLV3004 redirect.path"]],
  ["redirect: { host: '*.example' }", ["error SLV2001 redirect.host"]],
  ["redirect: { scheme: https }, rewrite: /x", ["error SLV3009 rewrite"]],
  ["respond: { body: a, json: 1 }", ["error SLV3009 respond.json"]],
  ["respond: { status: 204, body: a }", ["error SLV3091 respond.status"]],
  ["respond: { status: 304 }", ["error SLV3091 respond.status"]],
  ["respond: { headers: { content-length: '1' } }", ["error SLV3009 respond.headers.content-length"]],
  ["respond: { body: '{pth.id}' }", ["error SLV3004 respond.body"]],
  ["respond: { body: '{identity.sub}' }", ["error SLV3009 respond.body"]],
  ["respond: {}, cache: true", ["error SLV3009 cache"]],
  ["respond: {}, errorPages: [{ on: [no_rute], text: a }]", ["error SLV3004 errorPages.0.on.0"]],
  ["respond: {}, errorPages: [{ on: [404] }]", ["error SLV2005 errorPages.0"]],
  ["respond: {}, errorPages: [{ on: [302], text: a }]", ["error SLV3091 errorPages.0.on.0"]],
  ["respond: {}, errorPages: [{ on: [404], text: a }, { on: [404], text: b }]", ["warning SLV3092 errorPages.1.on.0"]],
  ["respond: {}, errorPages: [{ on: [404], text: '{identity.sub}' }]", ["error SLV3004 errorPages.0.text"]],
  [
    "respond: {}",
    ["error SLV3009 gateway.securityHeaders.hsts.preload"],
    "securityHeaders: { hsts: { preload: true } }",
  ],
  ["to: 'https://o.example', rewrite: { regex: '(a)\\1', to: '/' }", ["error SLV2001 rewrite.regex"]],
  ["to: 'https://o.example', rewrite: { regex: '^/(a)', to: '/$2' }", ["error SLV3004 rewrite.to"]],
  ["to: 'https://o.example', rewrite: { regex: '^/(?P<x>a)', to: '/$<x>' }", []],
])("%s", (route, problems, gateway) => {
  expect(codes(route, gateway)).toEqual(problems);
});

test.each([
  [
    "respond: { status: 418, body: 'hi {path.id}' }",
    "would be answered here: 418; content-type: text/plain; charset=utf-8; 4 characters",
    418,
  ],
  [
    "redirect: { status: 301, host: o.example, path: '/n/*' }",
    "would be answered here: 301 to https://o.example/n/b?q=1",
    301,
  ],
])("explain: %s", (route, text, status) => {
  const { document } = load(route);
  if (document === undefined) throw new Error("no document");
  const request = {
    method: "GET",
    host: "localhost",
    path: "/r/7/b",
    query: "?q=1",
    headers: [],
    credential: { kind: "none" },
  } as const;
  expect(explain(compile(document), request, 0).result).toEqual({ outcome: "answer", text, status });
});

test("explain: edits by the same functions as requests, and what the answer would go through", () => {
  const transform = `{ request: { method: POST, headers: { remove: [x-a], set: { x-id: "{path.id}", x-none: "{query.none}" } }, query: { allow: [q] } }, response: { when: [404], statuses: { 404: 200 }, json: { pick: [/a], wrap: data } } }`;
  const { document, problems } = load(
    `to: "https://o.example", transform: ${transform}, rewrite: { regex: "^/r/([0-9]+)", to: "/x/$1" }`,
  );
  if (document === undefined) throw new Error(JSON.stringify(problems));
  const headers = [
    ["x-a", "1"],
    ["x-none", "forged"],
  ] as const;
  const request = {
    method: "GET",
    host: "localhost",
    path: "/r/7/b",
    query: "?q=1&z=2",
    headers,
    credential: { kind: "none" },
  } as const;
  const { steps } = explain(compile(document), request, 0);
  const texts = Object.fromEntries(steps.map(({ stage, text }) => [stage, text]));
  expect(texts["request edits"]).toBe("x-id: 7; without x-a; without x-none; method POST; query ?q=1");
  expect(texts["response edits"]).toBe(
    "on 404: 404 becomes 200; JSON body: pick /a, wrap data (streams, from 65536 bytes on)",
  );
  expect(texts.target).toBe("POST /x/7/b?q=1 to https://o.example");
});

test("explain: why a body is held for its edits", () => {
  const { document } = load(
    `to: "https://o.example", transform: { response: { json: { remove: ["$.a[?@.b]"], others: refuse } } }`,
  );
  if (document === undefined) throw new Error("no document");
  const request = {
    method: "GET",
    host: "localhost",
    path: "/r/7",
    query: "",
    headers: [],
    credential: { kind: "none" },
  } as const;
  expect(explain(compile(document), request, 0).steps.map(({ text }) => text)).toContain(
    "JSON body: remove $.a[?@.b]; others are refused (held, at most 1048576 bytes: $.a[?@.b] looks at values, or counts from the end)",
  );
});
