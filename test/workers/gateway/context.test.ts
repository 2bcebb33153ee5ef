import { createExecutionContext } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import type { Env } from "../../../workers/gateway/env.ts";
import { Context } from "../../../workers/gateway/upstream/context.ts";
import type { GatewayEnv } from "../../../workers/gateway/upstream/exchange.ts";

const newContext = (): Context<GatewayEnv> =>
  new Context<GatewayEnv>(new Request("http://gateway/"), {} as Env, createExecutionContext());

describe("the context of a request", () => {
  test("knows what was left in it, and undefined of the rest", () => {
    const c = newContext();
    c.set("path", "/orders");
    expect([c.get("path"), c.get("failure")]).toEqual(["/orders", undefined]);
  });

  test("has the answer that was set last, whole, and says when there is none", () => {
    const c = newContext();
    expect(c.finalized).toBe(false);
    expect(() => c.res).toThrow("no stage has answered");
    c.res = new Response("first", { headers: { "x-first": "1" } });
    const second = new Response("second");
    c.res = second;
    expect([c.finalized, c.res === second, c.res.headers.has("x-first")]).toEqual([true, true, false]);
    c.res = undefined;
    expect(c.finalized).toBe(false);
  });

  test("refuses with the fields that were set before, unless the refusal has its own", async () => {
    const c = newContext();
    c.header("retry-after", "1");
    c.header("Retry-After", "7");
    c.header("content-type", "text/plain");
    const refusal = c.body("{}", 429, { "content-type": "application/problem+json" });
    expect([refusal.status, await refusal.text(), Object.fromEntries(refusal.headers)]).toEqual([
      429,
      "{}",
      { "retry-after": "7", "content-type": "application/problem+json" },
    ]);
  });

  test("leaves an answer alone to which no refusal belongs", () => {
    const c = newContext();
    c.header("allow", "GET");
    c.res = new Response("answer");
    expect(c.res.headers.has("allow")).toBe(false);
  });
});
