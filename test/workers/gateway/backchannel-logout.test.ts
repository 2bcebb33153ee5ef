/** A provider ends sessions (Back-Channel Logout 1.0); others try to. */
import { generateKeyPair } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { Browser, CountedSessions, createOp, type Op, web, webPlan } from "./support/login.ts";

const SESSION = "__Host-selvage-session-web";
const { staleMs } = limits.login;

let op: Op;
let gateway: Gateway;
let browser: Browser;
let nowMs: number;
let sessions: CountedSessions;

const start = (plan = webPlan()): Promise<Gateway> =>
  startGateway(plan, async (request) => (await op.outside(request)) ?? new Response("upstream"), {
    env: { SESSIONS: sessions.namespace },
  });

beforeEach(async () => {
  nowMs = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
  op = await createOp();
  op.sub = crypto.randomUUID();
  op.sid = crypto.randomUUID();
  sessions = new CountedSessions();
  gateway = await start();
  browser = new Browser(gateway);
});
afterEach(() => vi.restoreAllMocks());

const refusal = async (response: Response): Promise<string> =>
  `${response.status} ${((await response.json()) as { code: string }).code}`;

/** Somebody who has a copy of the cookie. */
function thief(of: Gateway = gateway): Browser {
  const other = new Browser(of);
  other.cookies.set(SESSION, browser.session ?? "");
  return other;
}
const byForm = { "sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", accept: "text/html" };
const logOut = (headers: Record<string, string> = byForm): Promise<Response> =>
  browser.call("/.selvage/web/logout", { method: "POST", headers });

function order(token: string | URLSearchParams, headers: Record<string, string> = {}): Promise<Response> {
  const body = typeof token === "string" ? new URLSearchParams({ logout_token: token }) : token;
  const form = { "content-type": "application/x-www-form-urlencoded", ...headers };
  return new Browser(gateway).send("/.selvage/web/backchannel-logout", {
    method: "POST",
    headers: form,
    body: String(body),
  });
}

describe("a logout by the provider", () => {
  test.each<[string, Record<string, unknown>]>([
    ["of the session and subject", {}],
    ["of the session alone", { sub: undefined }],
    ["of the subject alone", { sid: undefined }],
  ])("%s ends it", async (_, claims) => {
    await browser.logIn(op);
    const response = await order(await op.logoutToken(claims));
    expect([response.status, response.headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(await refusal(await browser.call("/app/1"))).toBe("401 credentials_invalid");
  });

  test("of a session leaves the subject's others, of the subject ends all", async () => {
    await browser.logIn(op);
    const first = op.sid;
    op.sid = crypto.randomUUID();
    const phone = new Browser(gateway);
    await phone.logIn(op);
    await order(await op.logoutToken({ sid: first }));
    expect([(await browser.call("/app/1")).status, (await phone.call("/app/1")).status]).toEqual([401, 200]);
    await order(await op.logoutToken({ sid: undefined }));
    expect((await phone.call("/app/1")).status).toBe(401);
  });

  test("of nobody that is here is 200", async () => {
    await browser.logIn(op);
    expect((await order(await op.logoutToken({ sub: "nobody", sid: "none" }))).status).toBe(200);
    expect((await browser.call("/app/1")).status).toBe(200);
  });

  test("of a session that its ID tokens never named ends what could be it: every such session of the subject", async () => {
    op.wrong = { claims: { sid: undefined } };
    await browser.logIn(op);
    op.wrong = {};
    const named = new Browser(gateway);
    op.sid = crypto.randomUUID();
    await named.logIn(op);
    await order(await op.logoutToken({ sid: crypto.randomUUID() }));
    expect((await browser.call("/app/1")).status).toBe(401);
    expect((await named.call("/app/1")).status).toBe(200);
  });

  test("reaches other isolates in 3 s", async () => {
    await browser.logIn(op);
    const other = thief(await start());
    expect((await other.call("/app/1")).status).toBe(200);
    await order(await op.logoutToken());
    nowMs += staleMs + 1;
    expect((await other.call("/app/1")).status).toBe(401);
  });

  test("works once: a token that comes again ends no later session", async () => {
    for (const claims of [{ sid: undefined }, { sub: undefined }]) {
      const token = await op.logoutToken(claims);
      expect((await order(token)).status).toBe(200);
      browser = new Browser(gateway);
      await browser.logIn(op);
      expect(await refusal(await order(token))).toBe("400 bad_request");
      expect((await browser.call("/app/1")).status).toBe(200);
    }
  });

  test("that reached some shards only is 503, and is whole when it comes again", async () => {
    await browser.logIn(op);
    const all = Array.from({ length: limits.login.shards }, (_, at) => `sessions-${at}`);
    for (const name of all) sessions.lost.add(name);
    const token = await op.logoutToken({ sub: undefined });
    expect(await refusal(await order(token))).toBe("503 sessions_unavailable");
    sessions.lost.clear();
    sessions.lost.add("sessions-3");
    await order(token);
    sessions.lost.clear();
    expect((await order(token)).status).toBe(200);
    nowMs += staleMs + 1;
    expect((await browser.call("/app/1")).status).toBe(401);
  });

  const event = "http://schemas.openid.net/event/backchannel-logout";
  const seconds = (): number => Math.floor(nowMs / 1000);
  test.each<[string, () => Promise<string>]>([
    ["signed by somebody else", async () => op.logoutToken({}, {}, (await generateKeyPair("ES256")).privateKey)],
    ["of a key that nobody has", () => op.logoutToken({}, { kid: "other" })],
    ["of another issuer", () => op.logoutToken({ iss: "https://evil.example/" })],
    ["for another client", () => op.logoutToken({ aud: "other" })],
    ["without aud", () => op.logoutToken({ aud: undefined })],
    ["with a nonce", () => op.logoutToken({ nonce: "n" })],
    ["with a nonce that is null", () => op.logoutToken({ nonce: null })],
    ["without events", () => op.logoutToken({ events: undefined })],
    ["of another event", () => op.logoutToken({ events: { "urn:other": {} } })],
    ["whose event is no object", () => op.logoutToken({ events: { [event]: true } })],
    ["whose event is a list", () => op.logoutToken({ events: { [event]: [] } })],
    ["whose events are a list", () => op.logoutToken({ events: [event] })],
    ["without jti", () => op.logoutToken({ jti: undefined })],
    ["with a jti that is no text", () => op.logoutToken({ jti: 1 })],
    ["without sub and sid", () => op.logoutToken({ sub: undefined, sid: undefined })],
    ["with a sub that is no text", () => op.logoutToken({ sub: ["a"] })],
    ["with an empty sid", () => op.logoutToken({ sid: "" })],
    ["that has expired", () => op.logoutToken({ exp: seconds() - 60 })],
    ["without exp", () => op.logoutToken({ exp: undefined })],
    ["without iat", () => op.logoutToken({ iat: undefined })],
    ["of long ago", () => op.logoutToken({ iat: seconds() - 3600, exp: seconds() + 3600 })],
    ["of the future", () => op.logoutToken({ iat: seconds() + 3600, exp: seconds() + 7200 })],
    ["that is an access token", () => op.logoutToken({}, { typ: "at+jwt" })],
    ["with a critical extension", () => op.logoutToken({}, { crit: ["exp"], exp: 1 })],
    ["of no algorithm", async () => `${btoa('{"alg":"none"}').replaceAll("=", "")}.e30.`],
    ["cut short", async () => (await op.logoutToken()).slice(0, -10)],
    ["that is no token", async () => "garbage"],
    ["that is empty", async () => ""],
    ["that is huge", async () => `${"a".repeat(20_000)}.b.c`],
  ])("%s is refused", async (_, token) => {
    await browser.logIn(op);
    expect(await refusal(await order(await token()))).toBe("400 bad_request");
    expect((await browser.call("/app/1")).status).toBe(200);
  });

  test("an ID token is no logout token", async () => {
    let idToken = "";
    await browser.logIn(op);
    const response = await logOut();
    idToken = new URL(response.headers.get("location") ?? "").searchParams.get("id_token_hint") ?? "";
    expect(await refusal(await order(idToken))).toBe("400 bad_request");
  });

  test("older providers' type is taken, for the event says what it is", async () => {
    for (const typ of ["JWT", undefined]) {
      browser = new Browser(gateway);
      await browser.logIn(op);
      expect((await order(await op.logoutToken({}, { typ }))).status).toBe(200);
      expect((await browser.call("/app/1")).status).toBe(401);
    }
  });

  test("in another form is refused", async () => {
    const token = await op.logoutToken();
    expect((await order(token, { "content-type": "application/json" })).status).toBe(400);
    expect(
      (
        await order(
          new URLSearchParams([
            ["logout_token", token],
            ["logout_token", token],
          ]),
        )
      ).status,
    ).toBe(400);
    expect((await order(new URLSearchParams({ token }))).status).toBe(400);
    expect((await order(new URLSearchParams({ logout_token: token, x: "y".repeat(40_000) }))).status).toBe(400);
    expect((await order(token)).status).toBe(200);
  });
});

test("two clients of one provider have sessions of their own", async () => {
  const staff = web({ name: "staff", clientId: "staff", path: "/.selvage/staff" });
  gateway = await start(webPlan(web(), staff));
  browser = new Browser(gateway);
  await browser.logIn(op);
  op.wrong = { claims: { aud: "staff" } };
  await browser.logIn(op, "/staff/1");
  op.wrong = {};
  expect((await order(await op.logoutToken())).status).toBe(200);
  expect([(await browser.call("/app/1")).status, (await browser.call("/staff/1")).status]).toEqual([401, 200]);
});
