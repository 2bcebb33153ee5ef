import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { GraphqlSettings } from "../../../shared/policy/graphql-guard.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";

const settings: GraphqlSettings = {
  depthMax: 3,
  aliasesMax: 10,
  rootFieldsMax: 10,
  tokensMax: 1_000,
  batchMax: 1,
  listArguments: ["first"],
  operations: ["query", "mutation"],
};
const LISTED = "{ me { name } }";
const listed = async (): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(LISTED));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};

let gateway: Gateway;
let texts: string[];
beforeEach(async () => {
  texts = [];
  const routes = [
    route("guarded", "/graphql", { graphql: settings }),
    route("listed", "/listed", { graphql: { ...settings, allow: [await listed()] } }),
    route("watched", "/watched", { graphql: { ...settings, shadow: true } }),
  ];
  gateway = await startGateway(plan(routes), async (request) => {
    texts.push(await request.text());
    return Response.json({ data: {} });
  });
});
afterEach(() => vi.restoreAllMocks());

const ask = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  gateway.fetch(path, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });

test("what may be asked goes on, byte for byte", async () => {
  const text = '{ "query" : "{ a { b { c } } }", "variables": { "big": 12345678901234567890 } }';
  expect((await ask("/graphql", text)).status).toBe(200);
  expect(texts).toEqual([text]);
});

describe("what may not", () => {
  test.each([
    [{ query: "{ a { b { c { d } } } }" }, 400, "QUERY_TOO_DEEP"],
    [{ query: "{ __schema { types { name } } }" }, 400, "INTROSPECTION_DISABLED"],
    [{ query: "subscription { a }" }, 400, "OPERATION_NOT_ALLOWED"],
    [[{ query: "{ a }" }, { query: "{ a }" }], 400, "BATCH_TOO_LARGE"],
    ['{"query":"{a}","query":"{b}"}', 400, "BAD_REQUEST"],
    ["", 400, "BAD_REQUEST"],
  ])("%j is %i %s", async (body, status, code) => {
    const response = await ask("/graphql", body);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code } }] });
    expect(texts).toEqual([]);
  });

  test("a form, and content that is encoded, are 415", async () => {
    expect(
      (await ask("/graphql", "query=%7Ba%7D", { "content-type": "application/x-www-form-urlencoded" })).status,
    ).toBe(415);
    expect((await ask("/graphql", { query: "{ a }" }, { "content-encoding": "gzip" })).status).toBe(415);
  });

  test("content that would take too much to read is 413", async () => {
    const query = `{ a(b: "${"x".repeat(1024 * 1024)}") }`;
    expect((await ask("/graphql", { query })).status).toBe(413);
  });

  test("other methods are 405", async () => {
    const response = await gateway.fetch("/graphql?query=%7Ba%7D", { method: "PUT" });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, POST");
  });

  test("a mutation by GET", async () => {
    expect((await gateway.fetch("/graphql?query=mutation%7Ba%7D")).status).toBe(400);
    expect((await gateway.fetch("/graphql?query=%7Ba%7D")).status).toBe(200);
  });
});

test("documents of a list pass by their text or by its hash, others do not", async () => {
  const hash = await listed();
  expect((await ask("/listed", { query: LISTED })).status).toBe(200);
  expect((await ask("/listed", { extensions: { persistedQuery: { version: 1, sha256Hash: hash } } })).status).toBe(200);
  expect((await ask("/listed", { query: `${LISTED} ` })).status).toBe(400);
});

test("a batch that is too large is refused before anything of it is hashed", async () => {
  const digest = vi.spyOn(crypto.subtle, "digest");
  const response = await ask("/listed", Array(1_000).fill({ query: LISTED }));
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: "BATCH_TOO_LARGE" } }] });
  expect(digest.mock.calls.length).toBeLessThan(10);
});

test("in shadow everything passes, and the log says what would have been refused", async () => {
  expect((await ask("/watched", { query: "{ __schema { a } }" })).status).toBe(200);
  expect(gateway.logs.at(-1)).toMatchObject({ status: 200, wouldRefuse: [{ error: "graphql_refused" }] });
  const large = `{ a(b: "${"x".repeat(1024 * 1024)}") }`;
  expect((await ask("/watched", { query: large })).status).toBe(200);
  expect(gateway.logs.at(-1)).toMatchObject({ wouldRefuse: [{ policy: "graphql", error: "body_too_large" }] });
  expect(texts.at(-1)?.length).toBeGreaterThan(large.length);
  const put = await gateway.fetch("/watched", { method: "PUT", body: "a" });
  expect([put.status, put.headers.get("allow")]).toEqual([200, null]);
});
