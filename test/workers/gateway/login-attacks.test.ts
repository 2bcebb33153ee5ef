/** What others try with logins and sessions: each is refused with the right status, never with a 500, and nobody passes. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { Browser, createOp, HOST, OP, type Op, ORIGIN, web, webPlan } from "./support/login.ts";

const SESSION = "__Host-selvage-session-web";

let op: Op;
let gateway: Gateway;
let browser: Browser;
let nowMs: number;

const start = (plan = webPlan()): Promise<Gateway> =>
  startGateway(plan, async (request) => (await op.outside(request)) ?? new Response("upstream"));

beforeEach(async () => {
  nowMs = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
  op = await createOp();
  gateway = await start();
  browser = new Browser(gateway);
});
afterEach(() => vi.restoreAllMocks());

const refusal = async (response: Response): Promise<string> =>
  `${response.status} ${((await response.json()) as { code: string }).code}`;
const reached = (): number => gateway.sent.filter(({ url }) => !url.startsWith(OP)).length;

/** Begins a login. @returns what the provider sends the browser back with */
async function begun(who = browser): Promise<URLSearchParams> {
  const away = await who.open("/app/1");
  return new URL(op.authorize(away.headers.get("location") ?? "")).searchParams;
}
const callback = (answer: URLSearchParams | string, who = browser): Promise<Response> =>
  who.open(`/.selvage/web/callback?${answer}`);

describe("a session cookie", () => {
  const flip = (text: string, at: number): string =>
    text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);

  test("that was changed anywhere is none", async () => {
    await browser.logIn(op);
    const good = browser.session ?? "";
    const wrong = [
      ...Array.from({ length: 24 }, (_, step) => flip(good, Math.floor((step * good.length) / 24))),
      flip(good, good.length - 1),
      good.slice(0, -1),
      good.slice(0, 20),
      good.slice(1),
      `${good}A`,
      `${good}=`,
      `2${good.slice(1)}`,
      good.toLowerCase(),
      `${good} ${good}`,
      `"${good}"`,
      encodeURIComponent(`${good}ü`),
      "1",
      "",
      "1AAAA",
      "__proto__",
      "x".repeat(limits.login.cookieBytesMax + 1),
      "A".repeat(40_000),
    ];
    for (const value of wrong) {
      const response = await browser.call("/app/1", { headers: { cookie: `${SESSION}=${value}` } });
      expect(await refusal(response), value.slice(0, 40)).toBe("401 credentials_invalid");
    }
    expect(reached()).toBe(0);
  });

  test.each([
    ["twice", (good: string) => `${SESSION}=${good}; ${SESSION}=${good}`],
    ["twice in joined fields", (good: string) => `${SESSION}=${good}, ${SESSION}=x`],
    ["beside a forged one", (good: string) => `${SESSION}=1AAAA; a=1; ${SESSION}=${good}`],
  ])("%s is none", async (_, cookie) => {
    await browser.logIn(op);
    const response = await browser.call("/app/1", { headers: { cookie: cookie(browser.session ?? "") } });
    expect(await refusal(response)).toBe("401 credentials_invalid");
  });

  test("of another name is not looked at", async () => {
    await browser.logIn(op);
    const good = browser.session ?? "";
    for (const name of [
      "__host-selvage-session-web",
      "selvage-session-web",
      `x${SESSION}`,
      "__Host-selvage-session-web2",
    ])
      expect((await browser.call("/app/1", { headers: { cookie: `${name}=${good}` } })).status).toBe(401);
  });

  test("of another host, provider, client or of a login is none", async () => {
    const staff = web({ name: "staff", path: "/.selvage/staff" });
    gateway = await start(webPlan(web(), staff));
    browser = new Browser(gateway);
    await browser.open("/app/1");
    const [pending = ""] = browser.cookies.values();
    await browser.logIn(op);
    const good = browser.session ?? "";
    const asked: [Browser, string, string][] = [
      [new Browser(gateway, "other.shop.example"), "/app/1", `${SESSION}=${good}`],
      [browser, "/staff/1", `__Host-selvage-session-staff=${good}`],
      [browser, "/app/1", `${SESSION}=${pending}`],
    ];
    for (const [who, path, cookie] of asked)
      expect(await refusal(await who.call(path, { headers: { cookie } }))).toBe("401 credentials_invalid");
    for (const changed of [web({ clientId: "other" }), web({ issuer: "https://elsewhere.example/" })]) {
      const later = new Browser(await start(webPlan(changed)));
      const response = await later.call("/app/1", { headers: { cookie: `${SESSION}=${good}` } });
      expect(await refusal(response)).toBe("401 credentials_invalid");
    }
  });

  test("among very many others is found, or the head is refused", async () => {
    await browser.logIn(op);
    const many = Array.from({ length: 500 }, (_, at) => `c${at}=${"v".repeat(50)}`).join("; ");
    const good = await browser.call("/app/1", { headers: { cookie: `${many}; ${SESSION}=${browser.session}` } });
    expect(good.status).toBe(200);
    const huge = await browser.call("/app/1", { headers: { cookie: `a=${"v".repeat(70_000)}` } });
    expect(await refusal(huge)).toBe("431 header_too_large");
  });
});

describe("session fixation", () => {
  /** Cookies that a neighbouring host can set for the whole site: their names do not begin with `__Host-`. */
  const planted: [string, (name: string, value: string) => string][] = [
    ["in another cookie's value, behind a comma", (name, value) => `x=1,${name}=${value}`],
    ["behind a comma and a space", (name, value) => `x=1, ${name}=${value}`],
    ["behind a no-break space", (name, value) => `\u00a0${name}=${value}`],
    ["behind a byte order mark", (name, value) => `x=1; \ufeff${name}=${value}`],
    ["behind an ideographic space", (name, value) => `\u3000${name}=${value}`],
  ];

  test.each(planted)("%s: a neighbour's cookie is no session, and does not displace one", async (_, cookieOf) => {
    const attacker = new Browser(gateway);
    op.sub = "mallory";
    await attacker.logIn(op);
    const cookie = cookieOf(SESSION, attacker.session ?? "");
    expect(await refusal(await browser.call("/app/1", { headers: { cookie } }))).toBe("401 credentials_missing");
    op.sub = "alice";
    await browser.logIn(op);
    const both = `${cookie}; ${SESSION}=${browser.session}`;
    const told = await browser.call("/.selvage/web/session", { headers: { cookie: both } });
    expect(await told.json()).toMatchObject({ sub: "alice" });
  });

  test.each(planted)("%s: a neighbour's login is not ended in another browser (login CSRF)", async (_, cookieOf) => {
    const attacker = new Browser(gateway);
    const answer = await begun(attacker);
    const [[name = "", value = ""] = []] = attacker.cookies;
    const response = await browser.open(`/.selvage/web/callback?${answer}`, { cookie: cookieOf(name, value) });
    expect(await refusal(response)).toBe("400 login_failed");
    expect(op.exchanges).toEqual([]);
  });

  test("a session that was there before a login is not adopted, and ends with it", async () => {
    const attacker = new Browser(gateway);
    op.sub = "mallory";
    await attacker.logIn(op);
    op.sub = "alice";
    browser.cookies.set(SESSION, attacker.session ?? "");
    const away = await browser.open("/.selvage/web/login?return=/app/1");
    const back = new URL(op.authorize(away.headers.get("location") ?? ""));
    await browser.open(back.pathname + back.search);
    expect(browser.session).not.toBe(attacker.session);
    const who = async (one: Browser): Promise<unknown> => (await one.call("/.selvage/web/session")).json();
    expect(await who(browser)).toMatchObject({ sub: "alice" });
    expect(await who(attacker)).toMatchObject({ authenticated: false });
  });
});

describe("the callback", () => {
  test("works once", async () => {
    const answer = await begun();
    const cookies = new Map(browser.cookies);
    expect((await callback(answer)).status).toBe(303);
    expect(await refusal(await callback(answer))).toBe("400 login_failed");
    for (const [name, value] of cookies) browser.cookies.set(name, value);
    expect(await refusal(await callback(answer))).toBe("400 login_failed");
  });

  test("of a login that somebody else began is refused, so that nobody is logged in as another (login CSRF)", async () => {
    const answer = await begun(new Browser(gateway));
    expect(await refusal(await callback(answer))).toBe("400 login_failed");
    await begun();
    expect(await refusal(await callback(answer))).toBe("400 login_failed");
    expect(op.exchanges).toEqual([]);
    expect(browser.session).toBeUndefined();
  });

  test("with the code of another login is refused by the provider, for the verifier is another (code injection)", async () => {
    const [stolen, own] = [await begun(new Browser(gateway)), await begun()];
    own.set("code", stolen.get("code") ?? "");
    expect(await refusal(await callback(own))).toBe("400 login_failed");
    expect(op.exchanges).toHaveLength(1);
    expect(browser.session).toBeUndefined();
  });

  const without = (answer: URLSearchParams, name: string): URLSearchParams => {
    answer.delete(name);
    return answer;
  };
  const twice = (answer: URLSearchParams, name: string): URLSearchParams => {
    answer.append(name, answer.get(name) ?? "");
    return answer;
  };
  const changed = (answer: URLSearchParams, name: string, value: string): URLSearchParams => {
    answer.set(name, value);
    return answer;
  };
  test.each<[string, (answer: URLSearchParams) => URLSearchParams | string]>([
    ["without anything", () => ""],
    ["without state", (answer) => without(answer, "state")],
    ["with two states", (answer) => twice(answer, "state")],
    ["with another state", (answer) => changed(answer, "state", "x".repeat(43))],
    [
      "with a state of the same beginning",
      (answer) => changed(answer, "state", `${answer.get("state")?.slice(0, 8)}x`),
    ],
    ["with an empty state", (answer) => changed(answer, "state", "")],
    ["with a state that is no text of ours", (answer) => changed(answer, "state", "__proto__;\r\n=é")],
    ["without code", (answer) => without(answer, "code")],
    ["with two codes", (answer) => twice(answer, "code")],
    ["without iss, which this provider sends (mix-up)", (answer) => without(answer, "iss")],
    ["with another iss (mix-up)", (answer) => changed(answer, "iss", "https://evil.example/")],
    ["with two iss", (answer) => twice(answer, "iss")],
    ["with an error of the provider", (answer) => changed(without(answer, "code"), "error", "access_denied")],
    ["with a code and an error", (answer) => changed(answer, "error", "server_error")],
    ["with an ID token of the implicit flow", (answer) => changed(answer, "id_token", "x.y.z")],
    ["with a response as a JWT", (answer) => changed(answer, "response", "x.y.z")],
    ["with a query that is no query", () => "%%%&&&=&=&state"],
  ])("%s is refused before the provider is asked", async (_, change) => {
    const answer = change(await begun());
    expect(await refusal(await callback(answer))).toBe("400 login_failed");
    expect(op.exchanges).toEqual([]);
    expect(browser.session).toBeUndefined();
  });

  test("with a changed, foreign or old cookie is refused", async () => {
    const answer = await begun();
    const [[name = "", value = ""] = []] = browser.cookies;
    for (const wrong of [`${value}A`, value.slice(0, -4), "", "1", `${value}; ${name}=${value}`]) {
      browser.cookies.set(name, wrong);
      expect(await refusal(await callback(answer))).toBe("400 login_failed");
    }
    browser.cookies.set(name, value);
    nowMs += limits.login.pendingMs;
    expect(await refusal(await callback(answer))).toBe("400 login_failed");
    nowMs -= 1;
    expect((await callback(answer)).status).toBe(303);
  });

  test("of one provider with the cookie of another is refused", async () => {
    gateway = await start(webPlan(web(), web({ name: "staff", path: "/.selvage/staff" })));
    browser = new Browser(gateway);
    const answer = await begun();
    const [[name = "", value = ""] = []] = browser.cookies;
    browser.cookies.set(name.replace("-web-", "-staff-"), value);
    expect(await refusal(await browser.open(`/.selvage/staff/callback?${answer}`))).toBe("400 login_failed");
  });

  test("tells nobody what was wrong, and writes no code, token or cookie to the log", async () => {
    const answer = await begun();
    op.wrong = { claims: { nonce: "other" } };
    const response = await callback(answer);
    expect(await response.json()).toMatchObject({
      detail: "The login could not be completed. Please begin it again.",
    });
    const logged = JSON.stringify(gateway.logs);
    expect(logged).toContain("nonce");
    for (const secret of [answer.get("code"), answer.get("state"), ...browser.cookies.values()])
      expect(logged).not.toContain(secret);
  });
});

describe("an open redirect", () => {
  test.each([
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "app/1",
    "?x",
    "/a\r\nset-cookie: x=1",
    "/ä",
    "/a\u0000b",
    "/..//evil.example",
    "/.//evil.example",
    "/.selvage/web/login?return=/app",
    "/.selvage/web/logout",
    "/x/../.selvage/web/login",
    `/${"x".repeat(3000)}`,
    "",
  ])("to %j is none", async (wanted) => {
    const away = await browser.open(`/.selvage/web/login?${new URLSearchParams({ return: wanted })}`);
    const back = new URL(op.authorize(away.headers.get("location") ?? ""));
    expect((await browser.open(back.pathname + back.search)).headers.get("location")).toBe("/");
  });

  test("to a page that asks for the login itself is none either", async () => {
    const away = await browser.open("//evil.example/app/1");
    expect(away.status).toBe(400);
    expect((await browser.open("/app/\\evil.example")).headers.get("location") ?? "").not.toContain("evil");
  });
});

describe("a request of somebody else's page (CSRF)", () => {
  test.each<[string, string, Record<string, string>, number]>([
    ["POST of the own page", "POST", { "sec-fetch-site": "same-origin" }, 200],
    ["POST that a person made", "POST", { "sec-fetch-site": "none" }, 200],
    ["POST of an older browser's own page", "POST", { origin: ORIGIN }, 200],
    ["GET of a link elsewhere", "GET", { "sec-fetch-site": "cross-site" }, 200],
    ["POST of another site", "POST", { "sec-fetch-site": "cross-site", origin: "https://evil.example" }, 403],
    ["POST of a neighbour", "POST", { "sec-fetch-site": "same-site", origin: "https://x.shop.example" }, 403],
    ["DELETE of a neighbour", "DELETE", { "sec-fetch-site": "same-site" }, 403],
    ["PUT of an older browser elsewhere", "PUT", { origin: "https://evil.example" }, 403],
    ["PATCH of a sandbox", "PATCH", { origin: "null" }, 403],
    ["POST of another port", "POST", { origin: `${ORIGIN}:8443` }, 403],
    ["POST without TLS", "POST", { origin: `http://${HOST}` }, 403],
    ["POST of a name that begins alike", "POST", { origin: `${ORIGIN}.evil.example` }, 403],
    ["POST of a name in another case", "POST", { origin: ORIGIN.toUpperCase() }, 403],
    ["POST that says nothing", "POST", {}, 403],
    ["POST that says two things", "POST", { "sec-fetch-site": "same-origin, cross-site" }, 403],
    ["POST with a referrer alone", "POST", { referer: `${ORIGIN}/app` }, 403],
    ["a method of one's own", "PURGE", { "sec-fetch-site": "cross-site" }, 403],
  ])("%s", async (_, method, headers, status) => {
    await browser.logIn(op);
    const before = reached();
    const response = await browser.send("/app/1", { method, headers });
    expect(response.status).toBe(status);
    expect(reached() - before).toBe(status === 200 ? 1 : 0);
    if (status === 403) expect(((await response.json()) as { code: string }).code).toBe("cross_site");
  });

  test("passes where the document trusts that origin", async () => {
    gateway = await start(webPlan(web({ origins: ["https://spa.shop.example"] })));
    browser = new Browser(gateway);
    await browser.logIn(op);
    const from = (origin: string) => ({ method: "POST", headers: { "sec-fetch-site": "same-site", origin } });
    expect((await browser.send("/app/1", from("https://spa.shop.example"))).status).toBe(200);
    expect((await browser.send("/app/1", from("https://other.shop.example"))).status).toBe(403);
  });

  test("that shows a token needs no page, for no page can make it", async () => {
    const response = await browser.send("/either/1", { method: "POST", headers: { authorization: "Bearer x" } });
    expect(response.status).toBe(401);
  });

  test("is no logout either", async () => {
    await browser.logIn(op);
    for (const headers of [{ "sec-fetch-site": "cross-site" }, { origin: "https://evil.example" }, {}])
      expect(await refusal(await browser.send("/.selvage/web/logout", { method: "POST", headers }))).toBe(
        "403 cross_site",
      );
    expect((await browser.open("/.selvage/web/logout")).status).toBe(405);
    expect((await browser.call("/app/1")).status).toBe(200);
  });
});

describe("the gateway's own endpoints", () => {
  test("are there by one spelling, on the hosts of their routes, by their methods", async () => {
    for (const path of [
      "/.selvage/web/login/",
      "/.selvage/web//login",
      "/.selvage/web/%6Cogin",
      "/.selvage/WEB/login",
      "/.selvage/web",
    ])
      expect((await browser.open(path)).headers.get("location")).toBeNull();
    const elsewhere = new Browser(gateway, "evil.example");
    expect((await elsewhere.open("/.selvage/web/login")).status).toBe(421);
    for (const [method, endpoint] of [
      ["POST", "login"],
      ["POST", "callback"],
      ["PUT", "session"],
      ["GET", "backchannel-logout"],
    ])
      expect((await browser.call(`/.selvage/web/${endpoint}`, { method: method as string })).status).toBe(405);
  });
});
