/** What drawn cases have shown `explain` to say otherwise than a gateway does. */
import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import { explainExposed } from "../../../shared/plan/explain-expose.ts";
import type { Credential } from "../../../shared/plan/explain-step.ts";

const { document, problems } = loadDocument(
  `
selvage: 1
name: t
gateway:
  hosts: [h]
  identity:
    login: { jwt: { issuer: "urn:staff", audience: api, jwks: "https://i.example/keys" } }
    opaque: { introspection: { issuer: "urn:opaque", url: "https://o.example/introspect", bearer: "\${secret:B}", jwts: false } }
    partners: { apiKey: { header: x-api-key } }
    signed: { signature: { keys: [{ keyid: k, secret: "\${secret:S}", subject: s }], components: ["@method"] } }
  routes:
    - name: parts
      match: { path: "/parts/{id}" }
      aggregate:
        first: { get: "closed:/", optional: true }
        second: { get: "open:/{first.id}", optional: true }
        third: { get: "open:/", when: "path.id == '1'" }
        fourth: { get: "open:/{third.id}" }
    - name: needs
      match: { path: /needs }
      aggregate: { only: { get: "open:/{query.q}" } }
      answer: { status: { map: { 502: 418 } } }
    - name: waits
      match: { path: /waits }
      aggregate:
        first: { get: "closed:/", optional: true }
        second: { get: "open:/{first.id}" }
    - name: stands
      match: { path: /stands }
      aggregate:
        first: { get: "closed:/", fallback: { id: 1 } }
        second: { get: "open:/{first.id}" }
    - name: once
      match: { path: /once, methods: [POST] }
      idempotency: { required: true }
      aggregate: { only: { get: "open:/" } }
    - { name: faulty, match: { path: /faulty }, aggregate: { only: { get: "faulty:/" } } }
    - { name: graph, match: { path: /graph }, graphql: {}, to: open }
    - { name: chat, match: { path: /chat }, upgrades: [websocket], to: "https://o.example" }
    - { name: groups, match: { path: /groups }, auth: { any: [opaque], groups: [ops] }, to: open }
    - { name: whose, match: { path: /whose }, auth: { any: [opaque], when: "identity.sub == 'a'" }, to: open }
    - { name: where, match: { path: /where }, auth: { any: [opaque], groups: [ops], when: "request.method == 'PUT'" }, to: open }
    - name: sticky
      match: { path: /sticky }
      to: open
      traffic: [{ split: { open: 50, closed: 50 }, sticky: { cookie: side } }]
    - { name: optional, match: { path: /optional }, auth: { any: [partners], optional: true }, to: open }
    - { name: both, match: { path: /both }, auth: { all: [signed, partners], scopes: [read] }, to: open }
mesh:
  trustDomain: t.internal
  services:
    open: { port: 8080 }
    shown: { port: 8083, expose: { hosts: [h], routes: [{ name: r, match: { path: /x } }] } }
    closed: { port: 8081, access: [] }
    faulty: { port: 8082, faults: [{ match: { methods: [GET] }, until: "2100-01-01T00:00:00Z", abort: { percent: 100, status: 503 } }] }
`,
  "f",
  () => undefined,
);
if (document === undefined) throw new Error(JSON.stringify(problems));
const plan = compile(document);

const NOBODY: Credential = { kind: "none" };
const OPAQUE: Credential = { kind: "malformed", reason: "not a JWT" };

function ask(target: string, headers: Record<string, string> = {}, credential = NOBODY, method = "GET") {
  const [path = "", query] = target.split("?");
  const request = { method, host: "h", path, query: query === undefined ? "" : `?${query}`, credential };
  return explain(plan, { ...request, headers: Object.entries(headers) }, 0);
}
const endOf = (...asked: Parameters<typeof ask>): string => {
  const { result } = ask(...asked);
  return result.outcome === "refuse" ? `${result.status} ${result.code}` : result.outcome;
};
const callsOf = (target: string) =>
  ask(target).steps.flatMap(({ stage, verdict, part, text }) => (stage === "call" ? [[part, verdict, text]] : []));

describe("parts of composed answers", () => {
  test("whose source is refused fail, whose source is skipped are skipped", () => {
    expect(callsOf("/parts/2")).toEqual([
      ["first", "pass", expect.stringContaining("GET / to service closed")],
      ["second", "deny", "waits for first, which fails"],
      ["third", "skip", expect.stringContaining("which is false")],
      ["fourth", "skip", "waits for third, which is skipped"],
    ]);
    expect(endOf("/parts/2")).toBe("forward");
    expect(endOf("/parts/1")).toBe("forward");
    expect(endOf("/waits")).toBe("502 aggregate_part_failed");
  });

  test("a fallback stands for what is refused", () => {
    expect(endOf("/stands")).toBe("forward");
  });

  test("whose path lacks a value fail, with the status that the route maps that to", () => {
    expect(endOf("/needs?q=1")).toBe("forward");
    expect(endOf("/needs")).toBe("418 aggregate_part_failed");
    expect(endOf("/needs?q=..")).toBe("418 aggregate_part_failed");
  });

  test("are asked for what the gateway reads, also in a query that is not well formed", () => {
    expect(callsOf("/needs?q=%FF&q=a+b")).toEqual([["only", "pass", expect.stringContaining("GET /a%20b to")]]);
    expect(callsOf("/needs?q=%FF")).toEqual([["only", "pass", expect.stringContaining("GET /%EF%BF%BD to")]]);
  });

  test("of a service that a fault answers for fail", () => {
    expect(endOf("/faulty")).toBe("502 aggregate_part_failed");
  });

  test("what refuses the request before any part is said as it is", () => {
    expect(endOf("/once", {}, NOBODY, "POST")).toBe("400 idempotency_key_missing");
  });
});

test("by a method or a URL that GraphQL has not, nothing is asked", () => {
  expect(endOf("/graph", {}, NOBODY, "PUT")).toBe("405 method_not_allowed");
  expect(endOf("/graph?query=%zz")).toBe("400 graphql_invalid");
  expect(endOf("/graph?query={a}", {}, NOBODY, "POST")).toBe("400 graphql_invalid");
  expect(endOf("/graph?query={a}")).toBe("forward");
  expect(endOf("/graph", {}, NOBODY, "POST")).toBe("forward");
});

test("a request for a WebSocket goes on as one", () => {
  const { result } = ask("/chat", { upgrade: "WebSocket" });
  expect(result).toMatchObject({ outcome: "forward", sent: { fields: { upgrade: "websocket" } } });
});

test("a client stays where it is by a cookie that holds a share, and by no other", () => {
  const among = (cookie: string) => ask("/sticky", { cookie }).steps.find(({ stage }) => stage === "traffic")?.text;
  expect(among("side=1")).toContain("where this client stays");
  for (const cookie of ["side=b", "beside=1", "other=side=1"])
    expect(among(cookie)).toContain("drawn for each request");
});

describe("of a credential that nobody was asked about", () => {
  const shown = { authorization: "Bearer opaque" };
  test.each(["/groups", "/whose"])("what depends on whom it is of is left open: %s", (path) => {
    const { steps } = ask(path, shown, OPAQUE);
    expect(steps).toContainEqual(
      expect.objectContaining({ verdict: "note", text: expect.stringContaining("not known here") }),
    );
    expect(endOf(path, shown, OPAQUE)).toBe("forward");
  });

  test("what does not depend on that is decided", () => {
    expect(endOf("/where", shown, OPAQUE)).toBe("403 not_permitted");
  });

  test("that is composed with another one its scopes are taken for granted, too", () => {
    const signature = { "signature-input": 'sig1=("@method");created=0;keyid="k"', signature: "sig1=:AAAA:" };
    const { steps } = ask("/both", { ...signature, "x-api-key": "slv_suv96wxVgSer7cRCHjWMWPfb4W5YGp" });
    expect(steps[0]?.text).toMatch(/NOT LOOKED UP.*CONTENT WERE NOT CHECKED/);
    expect(steps).toContainEqual(expect.objectContaining({ stage: "scopes", verdict: "pass" }));
  });
});

test("nobody is not told of as the holder of a token that no provider asks for", () => {
  const token: Credential = { kind: "token", header: { alg: "ES256" }, claims: { sub: "a" } };
  expect(ask("/optional", {}, token).steps[0]?.text).not.toContain("CHECKED");
});

test("an agent that faces the outside counts no gateways that a request has passed", () => {
  const headers = [["via", Array(9).fill("1.1 selvage").join(", ")]] as const;
  const request = { method: "GET", host: "h", path: "/x", query: "", headers, credential: NOBODY };
  expect(explainExposed(plan, "shown", request, 0)?.result.outcome).toBe("forward");
});
