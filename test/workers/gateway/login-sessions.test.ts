/** Ends of sessions: logout here and at the provider, in other isolates, and while nobody can say. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { Browser, bindings, CountedSessions, createOp, type Op, ORIGIN, webPlan } from "./support/login.ts";

const SESSION = "__Host-selvage-session-web";
const { staleMs, confirmAfterMs } = limits.login;

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

describe("a logout", () => {
  test("ends the session here and leads to the provider's", async () => {
    await browser.logIn(op);
    const copy = thief();
    const response = await logOut();
    expect(response.status).toBe(303);
    const next = new URL(response.headers.get("location") ?? "");
    expect(next.origin + next.pathname).toBe("https://id.shop.example/logout");
    const { id_token_hint: hint, ...others } = Object.fromEntries(next.searchParams);
    expect(others).toEqual({ client_id: "shop-web", post_logout_redirect_uri: `${ORIGIN}/bye` });
    expect(JSON.parse(atob(hint?.split(".")[1] ?? ""))).toMatchObject({ sub: op.sub });
    expect(browser.cookies.size).toBe(0);
    expect(await refusal(await copy.call("/app/1"))).toBe("401 credentials_invalid");
    expect((await copy.open("/app/1")).status).toBe(302);
  });

  test("of a script is told where to go", async () => {
    await browser.logIn(op);
    const response = await logOut({});
    expect(response.status).toBe(200);
    expect((await response.json()) as object).toEqual({
      location: expect.stringContaining("https://id.shop.example/logout?id_token_hint="),
    });
    expect(browser.session).toBeUndefined();
  });

  test("without a session, or without a place at the provider, ends at the configured page", async () => {
    expect((await logOut()).headers.get("location")).toBe("/bye");
    delete op.metadata.end_session_endpoint;
    gateway = await start();
    browser = new Browser(gateway);
    await browser.logIn(op);
    expect((await logOut()).headers.get("location")).toBe("/bye");
    expect(browser.session).toBeUndefined();
  });

  test("is not claimed while the object does not answer: the session can be ended later", async () => {
    await browser.logIn(op);
    sessions.mode = "down";
    expect(await refusal(await logOut())).toBe("503 sessions_unavailable");
    expect(browser.session).toBeDefined();
    sessions.mode = "up";
    expect((await logOut()).status).toBe(303);
  });

  test("with a cookie that is no session does no harm", async () => {
    browser.cookies.set(SESSION, "1AAAA");
    expect((await logOut()).headers.get("location")).toBe("/bye");
    expect(browser.session).toBeUndefined();
  });

  test("of one of two sessions leaves the other", async () => {
    await browser.logIn(op);
    const phone = new Browser(gateway);
    await phone.logIn(op);
    await logOut();
    expect((await phone.call("/app/1")).status).toBe(200);
  });

  test("is final, also for a renewed copy, and for what the isolate remembered", async () => {
    await browser.logIn(op);
    nowMs += 120_000;
    const copy = thief();
    await copy.call("/app/1");
    await logOut();
    for (const wait of [0, confirmAfterMs, staleMs, 300_000]) {
      nowMs += wait;
      expect((await copy.call("/app/1")).status).toBe(401);
    }
    const before = sessions.calls.ask;
    for (let count = 0; count < 20; count++) await copy.call("/app/1");
    expect(sessions.calls.ask).toBe(before);
  });
});

describe("in another isolate", () => {
  test("a session passes without a call on its way, and one call a second confirms those of a shard", async () => {
    await browser.logIn(op);
    const other = thief(await start());
    await other.call("/app/1");
    expect(sessions.calls.ask).toBe(1);
    for (let seconds = 0; seconds < 10; seconds++) {
      nowMs += 1_000;
      for (let count = 0; count < 5; count++) expect((await other.call("/app/1")).status).toBe(200);
    }
    expect(sessions.calls.ask).toBe(1);
    expect(sessions.calls.confirm).toBeLessThanOrEqual(10);
  });

  test("a logged-out session is refused no later than 3 s afterwards", async () => {
    await browser.logIn(op);
    const other = thief(await start());
    expect((await other.call("/app/1")).status).toBe(200);
    await logOut();
    const endedAtMs = nowMs;
    while ((await other.call("/app/1")).status === 200) nowMs += 100;
    expect(nowMs - endedAtMs).toBeLessThanOrEqual(staleMs + 100);
    expect(nowMs - endedAtMs).toBeLessThanOrEqual(5_000);
  });

  test("one that was never seen there is refused at once", async () => {
    await browser.logIn(op);
    const copy = browser.session ?? "";
    await logOut();
    browser.cookies.set(SESSION, copy);
    expect((await thief(await start()).call("/app/1")).status).toBe(401);
  });
});

describe("while the object does not answer", () => {
  test.each(["down", "silent"] as const)(
    "%s: what was confirmed lately goes on, everything else is 503",
    async (mode) => {
      vi.mocked(Date.now).mockRestore();
      await browser.logIn(op);
      nowMs = Date.now();
      vi.spyOn(Date, "now").mockImplementation(() => nowMs);
      sessions.mode = mode;
      nowMs += confirmAfterMs;
      expect((await browser.call("/app/1")).status).toBe(200);
      nowMs += staleMs;
      expect(await refusal(await browser.call("/app/1"))).toBe("503 sessions_unavailable");
      expect(await refusal(await browser.open("/app/1"))).toBe("503 sessions_unavailable");
      sessions.mode = "up";
      expect((await browser.call("/app/1")).status).toBe(200);
    },
  );

  test("nobody logs in, for the session could not be ended", async () => {
    sessions.mode = "down";
    expect(await refusal(await browser.logIn(op))).toBe("503 sessions_unavailable");
    expect(browser.session).toBeUndefined();
  });
});

describe("an object of sessions", () => {
  const row = (id: string, more: object = {}) => ({
    id,
    subject: "s",
    startedAtMs: nowMs,
    endsAtMs: nowMs + 1000,
    ...more,
  });
  const shard = () => bindings.SESSIONS.getByName(crypto.randomUUID());

  test("knows what lives, and forgets what is over", async () => {
    const object = shard();
    await object.open(row("0a"), -1);
    expect(await object.ask("0a", -1)).toMatchObject({ alive: true });
    expect(await object.ask("0b", -1)).toMatchObject({ alive: false });
  });

  test("bounds the sessions of one subject by ending the oldest", async () => {
    const object = shard();
    const max = limits.login.sessionsPerSubjectMax;
    for (let at = 0; at < max + 2; at++) await object.open(row(`0${at}`, { startedAtMs: nowMs + at }), 0);
    const { ended } = await object.confirm(0);
    expect(ended).toEqual(["00", "01"]);
    expect(await object.ask("02", 0)).toMatchObject({ alive: true });
  });

  test("tells of ends since a revision, and that it does not know any more", async () => {
    const object = shard();
    for (const id of ["01", "02"]) await object.open(row(id), -1);
    await object.end("01");
    const { revision, ended } = await object.confirm(0);
    expect([revision, ended]).toEqual([1, ["01"]]);
    expect(await object.confirm(revision)).toEqual({ revision, ended: [] });
    expect(await object.confirm(99)).toEqual({ revision });
    await object.end("01");
    expect((await object.confirm(revision)).revision).toBe(revision);
  });
});
