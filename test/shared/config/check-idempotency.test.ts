import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

const PRIVATE = "auth: login, ";
function load(idempotency: string, more = PRIVATE, match = "", cors = "") {
  return loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
${cors}  identity: { login: { jwt: { issuer: "https://i.example/", audience: a } } }
  routes:
    - { name: r, match: { path: /r, ${match} }, to: "https://o.example", ${more} idempotency: ${idempotency} }
`,
    "f",
    () => undefined,
  );
}
const codes = (...given: Parameters<typeof load>): string[] =>
  load(...given).problems.map(({ severity, code, path }) => `${severity} ${code} ${path.slice(3).join(".")}`);
const planOf = (...given: Parameters<typeof load>) => {
  const { document, problems } = load(...given);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};
const compiled = (...given: Parameters<typeof load>) => planOf(...given).gateway.routes[0]?.idempotency;

test("defaults", () => {
  expect(compiled("{}")).toEqual({
    required: false,
    ttlMs: 86_400_000,
    methods: ["PATCH", "POST"],
    header: "idempotency-key",
    unquoted: false,
    fingerprintHeaders: [],
    answerBytesMax: 1_048_576,
    onUnknown: "refuse",
  });
});

test("everything stated", () => {
  const text =
    '{ required: true, ttl: 1h, methods: [PUT, POST], header: X-Request-Key, unquoted: true, fingerprintHeaders: [X-B, x-a], maxResponse: 64KiB, wait: 0s, onUnknown: retry, documentation: "https://d.example/keys" }';
  expect(compiled(text)).toEqual({
    required: true,
    ttlMs: 3_600_000,
    methods: ["POST", "PUT"],
    header: "x-request-key",
    unquoted: true,
    fingerprintHeaders: ["x-a", "x-b"],
    answerBytesMax: 65_536,
    waitMs: 0,
    onUnknown: "retry",
    documentation: "https://d.example/keys",
  });
});

test.each<[string, string[], string?, string?, string?]>([
  ["{ methods: [POST, GET] }", ["error SLV3009 idempotency.methods.1"]],
  ["{ methods: [PUT] }", ["error SLV3012 idempotency.methods.0"], PRIVATE, "methods: [POST]"],
  ["{ }", ["error SLV3009 idempotency"], PRIVATE, "methods: [GET, PUT]"],
  ["{ }", [], PRIVATE, "methods: [GET, POST]"],
  ["{ header: Authorization }", ["error SLV3009 idempotency.header"]],
  ["{ header: selvage-key }", ["error SLV3009 idempotency.header"]],
  ["{ header: 'a b' }", ["error SLV2001 idempotency.header"]],
  ["{ ttl: 0s }", ["error SLV2001 idempotency.ttl"]],
  ["{ ttl: 32d }", ["error SLV2001 idempotency.ttl"]],
  ["{ ttl: 24 }", ["error SLV2001 idempotency.ttl"]],
  ["{ maxResponse: 2MiB }", ["error SLV2001 idempotency.maxResponse"]],
  ["{ maxResponse: 1792KiB }", []],
  ["{ wait: 20s }", ["warning SLV3009 idempotency.wait"]],
  ["{ wait: 20s }", [], `${PRIVATE} timeout: 20s,`],
  ["{ onUnknown: ignore }", ["error SLV2001 idempotency.onUnknown"]],
  ["{ documentation: 'd.example' }", ["error SLV2001 idempotency.documentation"]],
  ["{ documentation: 'https://d.example/>;x' }", ["error SLV2001 idempotency.documentation"]],
  ["{ requierd: true }", ["error SLV2003 idempotency.requierd"]],
  ["{ }", ["warning SLV3009 maxBody"], `${PRIVATE} maxBody: 20MiB,`],
  ["{ }", ["warning SLV3022 idempotency", "warning SLV3022 idempotency"], ""],
  ["{ }", ["warning SLV3022 idempotency"], "rateLimit: { limit: 1/second, by: ip, onFailure: closed },"],
  ["{ }", ["warning SLV3022 idempotency", "warning SLV3022 idempotency"], "auth: { any: [login], optional: true },"],
])("%s: %j (%s %s)", (text, expected, more, match) => {
  expect(codes(text, more, match)).toEqual(expected);
});

test("a composed answer has no keys", () => {
  const { problems } = loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
  routes: [{ name: r, match: { path: /r }, aggregate: { a: { get: "https://o.example/a" } }, idempotency: {} }]
`,
    "f",
    () => undefined,
  );
  expect(problems.map(({ code }) => code)).toEqual(["SLV3009"]);
});

test("pages of other origins must be allowed to send the field", () => {
  const cors = (allowed: string): string => `  cors: { origins: ["https://a.example"], allowHeaders: [${allowed}] }\n`;
  expect(codes("{}", PRIVATE, "", cors("content-type"))).toHaveLength(1);
  expect(codes("{}", PRIVATE, "", cors("Idempotency-Key"))).toEqual([]);
  expect(codes("{}", PRIVATE, "", cors(""))).toEqual([]);
});

describe("explain", () => {
  const ask = (method: string, headers: Record<string, string>, text = "{ required: true }") => {
    const credential = { kind: "assumed", sub: "ann", scopes: [] } as const;
    const request = { method, host: "localhost", path: "/r", query: "", headers: Object.entries(headers), credential };
    const { result, steps } = explain(planOf(text), request, 0);
    const step = steps.find(({ stage }) => stage === "idempotency");
    return [result.outcome === "refuse" ? result.code : result.outcome, step?.verdict, step?.text ?? ""] as const;
  };

  test("says what a key does, and what is missing", () => {
    expect(ask("POST", {}).slice(0, 2)).toEqual(["idempotency_key_missing", "deny"]);
    expect(ask("POST", { "idempotency-key": "abc" }).slice(0, 2)).toEqual(["idempotency_key_invalid", "deny"]);
    expect(ask("PUT", {})).toEqual(["forward", "skip", "keys have no meaning for PUT"]);
    expect(ask("POST", {}, "{}")).toEqual(["forward", "skip", "no idempotency-key: carried out each time"]);
    expect(ask("POST", { "idempotency-key": '"abc"' })).toEqual([
      "forward",
      "note",
      "key abc of jwt|https://i.example/|ann, not looked up now: the first request runs; an equal one meanwhile waits up to 15s, later ones get its answer for 1d, up to 1MiB, one that differs gets 422, 409 where the outcome is not known",
    ]);
    expect(ask("POST", { "idempotency-key": '"abc"' }, "{ wait: 0s, onUnknown: retry }")[2]).toContain(
      "an equal one meanwhile gets 409",
    );
  });
});
