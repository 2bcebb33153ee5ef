/** Limits of a service that all its instances share: what the document may say, what becomes of it, and what is told of it. */
import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import { watchedBy } from "../../../shared/plan/watched-services.ts";

const load = (rateLimit: string, more = "") =>
  loadDocument(
    `
selvage: 1
name: shop
gateway:
  hosts: [api.example.com]
  routes: [{ name: orders, match: { path: /orders/* }, to: orders }]
mesh:
  trustDomain: shop.internal
  services:
    other: { port: 8080, access: [] }
    orders: { port: 8081, access: [{ from: gateway }, { from: other }], ${more} rateLimit: ${rateLimit} }
`,
    "selvage.yaml",
    () => undefined,
  );

function found(rateLimit: string, more?: string): string[] {
  const { problems } = load(rateLimit, more);
  return problems.map(({ code, severity, path }) => `${severity} ${code} ${path.slice(2).join(".")}`);
}

function planOf(rateLimit: string, more?: string) {
  const { document, problems } = load(rateLimit, more);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
}

describe("check", () => {
  const at = "orders.rateLimit";
  test.each<[string, string[]]>([
    ["{ limit: 100/second, by: service, mode: leased }", []],
    ["{ limit: 1/second, by: service, mode: exact, onFailure: closed, timeout: 2s }", []],
    ["[{ limit: 100/second, by: [service, { header: x-tenant }], mode: leased, missing: refuse }]", []],
    ["{ limit: 1/second, by: path, onFailure: open }", [`warning SLV3009 ${at}.onFailure`]],
    ["{ limit: 1/second, by: all, mode: local, timeout: 1s }", [`warning SLV3009 ${at}.timeout`]],
    ["{ concurrent: 5, by: all, mode: exact }", [`error SLV3191 ${at}.mode`]],
    ["{ limit: 9/second, by: { header: Selvage-Attempt } }", [`error SLV3190 ${at}.by.header`]],
    ["{ limit: 9/second, by: [service, { header: txn-token }] }", [`error SLV3190 ${at}.by.1.header`]],
    ["{ limit: 9/second, by: [{ header: a }, { header: A }] }", [`error SLV3006 ${at}.by`]],
    ["{ limit: 9/second, by: [all, { header: a }] }", [`error SLV3009 ${at}.by`]],
    ["{ limit: 9/second, by: { header: a }, missing: refuse }", []],
    ["{ limit: 9/second, by: path, missing: refuse }", [`warning SLV3009 ${at}.missing`]],
    ["{ limit: 9/second, by: all, mode: leased }", [`warning SLV3193 ${at}.mode`]],
    ["{ limit: 9/second, by: all, mode: leased, burst: 50 }", []],
    ["{ limit: 9/second, by: all, mode: sometimes }", [`error SLV2001 ${at}.mode`]],
    ["{ limit: 9/second, by: all, mode: exact, onFailure: maybe }", [`error SLV2001 ${at}.onFailure`]],
    ["{ limit: 9/second, by: all, mode: exact, timeout: 1ms }", [`error SLV2001 ${at}.timeout`]],
    ["{ limit: 9/second, by: { query: a } }", [`error SLV2002 ${at}.by.header`, `error SLV2003 ${at}.by.query`]],
  ])("%s", (rateLimit, problems) => {
    expect(found(rateLimit)).toEqual(problems);
  });

  test("a limit that may take all the time of its service", () => {
    expect(found("{ limit: 9/second, by: all, mode: exact }", "timeout: 200ms,")).toEqual([
      "error SLV3192 orders.rateLimit.mode",
    ]);
    expect(found("{ limit: 9/second, by: all, mode: exact, timeout: 2s }", "timeout: 2s,")).toEqual([
      "error SLV3192 orders.rateLimit.timeout",
    ]);
    expect(found("{ limit: 9/second, by: all, mode: exact, timeout: 1s }", "timeout: 2s,")).toEqual([]);
  });
});

describe("compile", () => {
  test("what is the default is the same as none", () => {
    const [bare, said] = ["", ", mode: local"].map((more) => planOf(`{ limit: 5/second, by: all${more} }`));
    expect(said).toEqual(bare);
    const [leased, whole] = ["", ", onFailure: share, timeout: 250ms"].map((more) =>
      planOf(`{ limit: 50/second, by: all, mode: leased${more} }`),
    );
    expect(whole).toEqual(leased);
  });

  test("an agent is told how many instances share a limit, where it has to know", () => {
    const faceOf = (rateLimit: string) => agentPlan(planOf(rateLimit), "orders");
    const watched = (rateLimit: string) => watchedBy(faceOf(rateLimit) as NonNullable<ReturnType<typeof faceOf>>);
    expect(watched("{ limit: 5/second, by: all }")).toEqual([]);
    expect(watched("{ limit: 5/second, by: all, mode: exact }")).toEqual(["orders"]);
    expect(watched("{ limit: 5/second, by: all, mode: exact, onFailure: open }")).toEqual([]);
    expect(
      faceOf("{ limit: 5/second, by: [{ header: X-Tenant }, path], mode: exact, onFailure: closed, timeout: 1s }")
        ?.inbound,
    ).toMatchObject({
      rateLimits: [
        { name: "header-path", by: ["header:x-tenant", "path"], mode: "exact", onFailure: "closed", timeoutMs: 1_000 },
      ],
    });
  });
});

describe("explain", () => {
  const told = (rateLimit: string, headers: Record<string, string> = {}) =>
    explain(
      planOf(rateLimit),
      {
        ...{ method: "GET", host: "api.example.com", path: "/orders/7", query: "x=1" },
        headers: Object.entries(headers),
        credential: { kind: "none" },
      },
      0,
    )
      .steps.filter(({ stage }) => stage.startsWith("limit "))
      .map(({ text }) => text);

  test.each([
    [
      "{ limit: 50/second, by: [path, { header: x-tenant }], mode: leased }",
      '50 in any window of 1s, over all instances, leased: instances hold tokens in advance; where the count does not answer within 250ms, each instance lets its share through, counted by field x-tenant "t1" and path "/orders/7"; not counted now',
    ],
    [
      "{ limit: 5/second, by: { header: x-none }, mode: exact, onFailure: closed, timeout: 1s }",
      "5 in any window of 1s, over all instances, exact: each call is asked for; where the count does not answer within 1s, calls are refused with 503, counted by field x-none: none; not counted now",
    ],
    [
      "{ limit: 5/second, by: { header: x-none }, mode: exact, missing: refuse }",
      "the call lacks a field that it is counted by (`missing: refuse`)",
    ],
  ])("%s", (rateLimit, text) => {
    expect(told(rateLimit, { "x-tenant": "t1" })).toEqual([text]);
  });
});
