/** Logins of browsers: the flow as it should be. Attacks are in login-attacks.test.ts. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { Browser, bindings, createOp, type Op, ORIGIN, web, webPlan } from "./support/login.ts";
import { route } from "./support/plans.ts";

const SESSION = "__Host-selvage-session-web";

let op: Op;
let gateway: Gateway;
let browser: Browser;
let nowMs: number;
let upstream: () => Response;

const start = (plan = webPlan(), env = {}): Promise<Gateway> =>
  startGateway(plan, async (request) => (await op.outside(request)) ?? upstream(), { env });

beforeEach(async () => {
  nowMs = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
  upstream = () => new Response("upstream");
  op = await createOp();
  gateway = await start();
  browser = new Browser(gateway);
});
afterEach(() => vi.restoreAllMocks());

function claimsSent(): Record<string, unknown> {
  const token = gateway.sent.at(-1)?.headers.get("txn-token") ?? "";
  return JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")));
}
const code = async (response: Response): Promise<string> => ((await response.json()) as { code: string }).code;

describe("a login", () => {
  test("takes a page to the provider, back, and to the page", async () => {
    const away = await browser.open("/app/1?a=b");
    expect(away.status).toBe(302);
    const asked = new URL(away.headers.get("location") ?? "");
    expect(asked.origin + asked.pathname).toBe("https://id.shop.example/authorize");
    expect(Object.fromEntries(asked.searchParams)).toMatchObject({
      response_type: "code",
      client_id: "shop-web",
      redirect_uri: `${ORIGIN}/.selvage/web/callback`,
      scope: "openid profile",
      code_challenge_method: "S256",
    });
    expect(away.headers.get("cache-control")).toBe("no-store");
    const back = new URL(op.authorize(asked.href));
    const done = await browser.open(back.pathname + back.search);
    expect([done.status, done.headers.get("location")]).toEqual([303, "/app/1?a=b"]);
    expect(done.headers.get("cache-control")).toBe("no-store");
    expect(done.headers.getSetCookie().at(-1)).toMatch(
      /^__Host-selvage-session-web=1[\w-]+; Path=\/; Max-Age=600; Secure; HttpOnly; SameSite=Lax$/,
    );
    expect([...browser.cookies.keys()]).toEqual([SESSION]);
    const basic = atob(op.exchanges[0]?.authorization?.slice("Basic ".length) ?? "");
    expect(decodeURIComponent(basic)).toBe("shop-web:web-client-secret");
  });

  test("names who it is to limits, templates and those inside", async () => {
    await browser.logIn(op);
    expect((await browser.call("/app/1")).status).toBe(200);
    expect(claimsSent()).toMatchObject({
      sub: "alice",
      scope: "openid profile",
      rctx: { method: "oidc", issuer: "https://id.shop.example/" },
    });
  });

  test("that no page asked for goes to where it says, or to the configured place", async () => {
    for (const [query, expected] of [
      ["?return=/app/7%3Fx=1", "/app/7?x=1"],
      ["", "/"],
    ]) {
      const away = await browser.open(`/.selvage/web/login${query}`);
      const back = new URL(op.authorize(away.headers.get("location") ?? ""));
      expect((await browser.open(back.pathname + back.search)).headers.get("location")).toBe(expected);
    }
  });

  test("of several tabs at once: each ends its own", async () => {
    const [one, two] = [await browser.open("/app/1"), await browser.open("/app/2")];
    for (const [away, page] of [
      [two, "/app/2"],
      [one, "/app/1"],
    ] as const) {
      const back = new URL(op.authorize(away.headers.get("location") ?? ""));
      expect((await browser.open(back.pathname + back.search)).headers.get("location")).toBe(page);
    }
  });

  test("begun very often leaves no more cookies than a browser can send", async () => {
    for (let count = 0; count < 20; count++) expect((await browser.open(`/app/${count}`)).status).toBe(302);
    expect(browser.cookies.size).toBe(limits.login.pendingMax);
    expect((await browser.logIn(op, "/app/last")).status).toBe(303);
  });

  test("begun with very long paths leaves a head that servers in front of the gateway take", async () => {
    for (let count = 0; count < 10; count++) expect((await browser.open(`/app/${"x".repeat(1_000)}`)).status).toBe(302);
    const bytes = [...browser.cookies].reduce((sum, [name, value]) => sum + name.length + value.length + 3, 0);
    expect(bytes).toBeLessThanOrEqual(limits.login.pendingBytesMax);
    expect((await browser.logIn(op, "/app/last")).status).toBe(303);
  });

  test("as a public client shows no secret", async () => {
    const { clientSecret: _, ...open } = web({ clientAuth: "none" });
    gateway = await start(webPlan(open));
    browser = new Browser(gateway);
    expect((await browser.logIn(op)).status).toBe(303);
    expect(op.exchanges[0]?.authorization).toBeNull();
    expect(op.exchanges[0]?.form.get("client_id")).toBe("shop-web");
  });

  test("whose secret is not set is 500, and logs nobody in", async () => {
    gateway = await start(webPlan(web({ clientSecret: "LOST" })));
    browser = new Browser(gateway);
    const response = await browser.logIn(op);
    expect([response.status, await code(response), browser.session]).toEqual([500, "secret_missing", undefined]);
  });

  test("with the secret in the form", async () => {
    gateway = await start(webPlan(web({ clientAuth: "post" })));
    browser = new Browser(gateway);
    expect((await browser.logIn(op)).status).toBe(303);
    expect(op.exchanges[0]?.form.get("client_secret")).toBe("web-client-secret");
  });

  test("asks UserInfo where the document says so, and keeps what the document names", async () => {
    op.extra = { name: "Alice", roles: ["admin"], email: "old@shop.example", secret_note: "x" };
    const names = { groups: "roles" };
    gateway = await start(webPlan(web({ userinfo: true, keep: ["email"], claims: names })));
    browser = new Browser(gateway);
    await browser.logIn(op);
    const told = (await (await browser.call("/.selvage/web/session")).json()) as Record<string, unknown>;
    expect(told).toMatchObject({ authenticated: true, sub: "alice", groups: ["admin"], scopes: ["openid", "profile"] });
    expect(Object.keys(told.claims as object).sort()).toEqual(["email", "iat", "iss", "roles", "scope", "sid", "sub"]);
  });

  test("that the provider did not change the scopes of has those that were asked for", async () => {
    op.scope = undefined;
    await browser.logIn(op);
    await browser.call("/app/1");
    expect(claimsSent()).toMatchObject({ scope: "openid profile" });
  });

  test("tolerates clocks that differ a little", async () => {
    op.wrong = { claims: { iat: nowMs / 1000 + 9, exp: nowMs / 1000 - 9 } };
    expect((await browser.logIn(op)).status).toBe(303);
    op.wrong = { claims: { exp: nowMs / 1000 - 11 } };
    expect((await new Browser(gateway).logIn(op)).status).toBe(400);
  });

  test("on loopback comes back by http, for browsers take that for secure", async () => {
    gateway = await start({ ...webPlan(), hosts: ["localhost"] });
    const away = await new Browser(gateway, "localhost:8787").open("/app/1");
    const asked = new URL(away.headers.get("location") ?? "").searchParams;
    expect(asked.get("redirect_uri")).toBe("http://localhost:8787/.selvage/web/callback");
  });

  test("at two providers are two sessions", async () => {
    const other = await createOp("https://staff.shop.example/");
    const staff = web({ name: "staff", issuer: "https://staff.shop.example/", path: "/.selvage/staff" });
    gateway = await startGateway(
      webPlan(web(), staff),
      async (request) => (await op.outside(request)) ?? (await other.outside(request)) ?? upstream(),
    );
    browser = new Browser(gateway);
    other.sub = "bob";
    await browser.logIn(op);
    expect((await browser.open("/staff/1")).status).toBe(302);
    await browser.logIn(other, "/staff/1");
    await browser.call("/staff/1");
    expect(claimsSent()).toMatchObject({ sub: "bob" });
    await browser.call("/app/1");
    expect(claimsSent()).toMatchObject({ sub: "alice" });
  });
});

describe("without a session", () => {
  test("a page goes to the login, everything else hears 401 and where the login is", async () => {
    expect((await browser.open("/app/1")).status).toBe(302);
    for (const init of [
      { headers: { "sec-fetch-mode": "cors" } },
      { method: "POST", headers: { "sec-fetch-mode": "navigate" } },
      { headers: { "sec-fetch-mode": "navigate", "sec-purpose": "prefetch" } },
      { headers: { accept: "application/json" } },
    ]) {
      const response = await new Browser(gateway).send("/app/1", init);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe(
        'Login realm="app.shop.example", path="/.selvage/web/login"',
      );
      expect(await code(response)).toBe("credentials_missing");
    }
    expect(gateway.sent).toEqual([]);
  });

  test("an older browser is told from a script by what it accepts", async () => {
    expect((await browser.send("/app/1", { headers: { accept: "text/html,*/*" } })).status).toBe(302);
  });

  test("an optional route is open", async () => {
    expect((await browser.open("/perhaps/1")).status).toBe(200);
    expect(claimsSent()).toMatchObject({ sub: "anonymous" });
  });

  test("a provider that is away is 503, and nobody passes", async () => {
    op.down = true;
    const response = await browser.open("/app/1");
    expect([response.status, await code(response)]).toEqual([503, "issuer_unavailable"]);
  });

  test("a gateway without its secret is 500", async () => {
    gateway = await start(webPlan(), { SESSION_SECRET: undefined });
    const response = await new Browser(gateway).open("/app/1");
    expect([response.status, await code(response)]).toEqual([500, "secret_missing"]);
  });
});

describe("a session", () => {
  test("is renewed once in a tenth of its idle time, and goes on as long as it is used", async () => {
    await browser.logIn(op);
    const first = browser.session;
    nowMs += 59_000;
    expect((await browser.call("/app/1")).headers.getSetCookie()).toEqual([]);
    nowMs += 2_000;
    const renewed = await browser.call("/app/1");
    expect(renewed.headers.getSetCookie()).toHaveLength(1);
    expect(renewed.headers.get("cache-control")).toContain("no-store");
    expect(browser.session).not.toBe(first);
    expect((await browser.call("/app/1")).headers.getSetCookie()).toEqual([]);
    for (let minutes = 0; minutes < 50; minutes += 5) {
      nowMs += 300_000;
      expect((await browser.call("/app/1")).status).toBe(200);
    }
  });

  test("ends when it is idle for too long", async () => {
    await browser.logIn(op);
    nowMs += 600_000;
    expect((await browser.call("/app/1")).status).toBe(401);
    expect((await browser.open("/app/1")).status).toBe(302);
  });

  test("ends after its longest life, however it is used", async () => {
    await browser.logIn(op);
    let minutes = 0;
    for (; minutes < 60 && (await browser.call("/app/1")).status === 200; minutes += 5) nowMs += 300_000;
    expect(minutes).toBe(60);
    expect((await browser.call("/app/1")).status).toBe(401);
  });

  test("is told to the pages, without renewing it", async () => {
    expect(await (await browser.call("/.selvage/web/session")).json()).toEqual({
      authenticated: false,
      login: "/.selvage/web/login",
    });
    await browser.logIn(op);
    nowMs += 120_000;
    const response = await browser.call("/.selvage/web/session");
    expect(await response.json()).toMatchObject({ authenticated: true, sub: "alice", claims: { name: "Alice" } });
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("outlives a change of the secret, while the one before is known", async () => {
    await browser.logIn(op);
    const [fresh, old] = [btoa("x".repeat(32)), bindings.SESSION_SECRET];
    const SESSION_SECRET = fresh.replaceAll("=", "");
    gateway = await start(webPlan(), { SESSION_SECRET, SESSION_SECRET_OLD: old });
    const later = new Browser(gateway);
    later.cookies.set(SESSION, browser.session ?? "");
    expect((await later.call("/app/1")).headers.getSetCookie()).toHaveLength(1);
    gateway = await start(webPlan(), { SESSION_SECRET });
    const last = new Browser(gateway);
    last.cookies.set(SESSION, later.session ?? "");
    expect((await last.call("/app/1")).status).toBe(200);
    last.cookies.set(SESSION, browser.session ?? "");
    expect((await last.call("/app/1")).status).toBe(401);
  });

  test("of a revoked subject is refused, and a new login does not go round in circles", async () => {
    await browser.logIn(op);
    const entries = [{ sub: "alice", issuer: op.metadata.issuer as string, expiresAtMs: nowMs + 1e9 }];
    gateway.control.revocations = { revision: 1, entries };
    nowMs += 11_000;
    expect((await browser.call("/app/1")).status).toBe(401);
    expect(await (await browser.call("/.selvage/web/session")).json()).toMatchObject({ authenticated: false });
    expect((await browser.open("/app/1")).status).toBe(302);
    expect((await browser.logIn(op)).status).toBe(303);
    const refused = await browser.open("/app/1");
    expect([refused.status, await code(refused)]).toEqual([401, "credentials_invalid"]);
  });

  test("beside which another proof is missing leads to no login", async () => {
    const both = route("both", "/both/*", { auth: { any: [], all: ["web", "login"], scopes: [] } });
    gateway = await start({ ...webPlan(), routes: [both] });
    browser = new Browser(gateway);
    expect((await browser.logIn(op, "/both/1")).status).toBe(303);
    nowMs += 60_000;
    const refused = await browser.open("/both/1");
    expect([refused.status, await code(refused)]).toEqual([401, "credentials_missing"]);
  });

  test("is one of several proofs where a route takes others, too", async () => {
    expect((await browser.open("/either/1")).status).toBe(302);
    await browser.logIn(op, "/either/1");
    expect((await browser.call("/either/1")).status).toBe(200);
    expect(claimsSent()).toMatchObject({ rctx: { method: "oidc" } });
    const challenge = (await new Browser(gateway).call("/either/1")).headers.get("www-authenticate");
    expect(challenge).toBe(
      'Login realm="app.shop.example", path="/.selvage/web/login", Bearer realm="app.shop.example"',
    );
  });

  test("and its cookies do not reach a service, others do", async () => {
    await browser.logIn(op);
    for (const path of ["/app/1", "/open/1"]) {
      await browser.send(path, { headers: { cookie: `a=1; ${SESSION}=${browser.session}; b="2, 3"` } });
      expect(gateway.sent.at(-1)?.headers.get("cookie")).toBe('a=1; b="2, 3"');
      await browser.send(path, { headers: { cookie: `${SESSION}=${browser.session}` } });
      expect(gateway.sent.at(-1)?.headers.get("cookie")).toBeNull();
    }
  });
});
