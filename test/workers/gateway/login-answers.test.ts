/** What answers of routes with a login say of the session and to caches, beside what the service says. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { Browser, createOp, type Op, webPlan } from "./support/login.ts";
import { route } from "./support/plans.ts";

const SESSION = "__Host-selvage-session-web";

let op: Op;
let gateway: Gateway;
let browser: Browser;
let nowMs: number;
let upstream: () => Response;

const start = (plan = webPlan()): Promise<Gateway> =>
  startGateway(plan, async (request) => (await op.outside(request)) ?? upstream());

beforeEach(async () => {
  nowMs = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
  upstream = () => new Response("upstream");
  op = await createOp();
  gateway = await start();
  browser = new Browser(gateway);
});
afterEach(() => vi.restoreAllMocks());

describe("what the answer says", () => {
  /** Late enough for a renewal. */
  const due = async (path: string, init = {}): Promise<Response> => {
    browser = new Browser(gateway);
    await browser.logIn(op);
    nowMs += 120_000;
    return browser.call(path, init);
  };
  const renewed = (response: Response): number =>
    response.headers.getSetCookie().filter((line) => line.startsWith(`${SESSION}=1`)).length;

  test("comes with a service's answer, beside its own cookies and before every cache", async () => {
    upstream = () => {
      const headers = new Headers({
        "cache-control": "public, max-age=60",
        "cdn-cache-control": "max-age=3600",
        "cloudflare-cdn-cache-control": "max-age=3600",
        "surrogate-control": "max-age=3600",
      });
      for (const cookie of ["a=1; Path=/", `${SESSION}=evil; Path=/; Secure`, "__host-SELVAGE-login-web-x=evil", "b=2"])
        headers.append("set-cookie", cookie);
      return new Response("ok", { headers });
    };
    const response = await due("/app/1");
    expect(response.headers.getSetCookie()).toEqual(["a=1; Path=/", "b=2", expect.stringContaining(`${SESSION}=1`)]);
    expect(response.headers.get("cache-control")).toBe("no-store");
    for (const name of ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"])
      expect(response.headers.get(name)).toBeNull();
    const second = await browser.call("/app/1");
    expect(second.headers.get("cache-control")).toBe("public, max-age=60");
    expect(second.headers.get("cdn-cache-control")).toBe("max-age=3600");
  });

  test("says that it depends on the cookie, whoever asks: caches would not know (RFC 9111 section 4.1)", async () => {
    upstream = () => new Response("ok", { headers: { "cache-control": "max-age=60", vary: "accept" } });
    await browser.logIn(op);
    for (const path of ["/perhaps/1", "/app/1"])
      expect((await browser.call(path)).headers.get("vary")).toBe("accept, cookie");
    expect((await new Browser(gateway).call("/perhaps/1")).headers.get("vary")).toBe("accept, cookie");
    expect((await browser.call("/open/1")).headers.get("vary")).toBe("accept");
  });

  test("comes with a refusal of the service, with an error later on, and with a 403", async () => {
    upstream = () => new Response(null, { status: 500 });
    expect(renewed(await due("/app/1"))).toBe(1);
    upstream = () => {
      throw new Error("gone");
    };
    const failed = await due("/app/1");
    expect([failed.status, renewed(failed)]).toEqual([502, 1]);
    gateway = await start({
      ...webPlan(),
      routes: [route("app", "/app/*", { auth: { any: ["web"], scopes: ["never"] } })],
    });
    const forbidden = await due("/app/1");
    expect([forbidden.status, renewed(forbidden)]).toEqual([403, 1]);
  });

  test("comes with a composed answer", async () => {
    upstream = () => Response.json({ id: 1 });
    const parts = [
      {
        name: "user",
        method: "GET",
        target: { service: "users" },
        path: ["/u"],
        dependsOn: [],
        optional: false,
        timeoutMs: 1000,
      },
    ];
    const target = { kind: "aggregate", parts } as never;
    gateway = await start({
      ...webPlan(),
      routes: [route("app", "/app/*", { auth: { any: ["web"], scopes: [] }, target })],
    });
    const response = await due("/app/1");
    expect([response.status, renewed(response)]).toEqual([200, 1]);
  });
});
