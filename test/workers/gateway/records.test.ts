/** What an isolate keeps of its requests, and what it tells the control plane of them. */
import { base64url, SignJWT } from "jose";
import { afterEach, expect, test, vi } from "vitest";
import { records as bounds } from "../../../shared/limits/records.ts";
import type { RequestRecord } from "../../../shared/policy/request-record.ts";
import { EXPLAIN_TOKEN_TYPE, explainAudience } from "../../../shared/wire/explain-token.ts";
import { RecordKeeper } from "../../../workers/gateway/telemetry/record-keeper.ts";
import { type Gateway, type Outside, startGateway } from "./support/gateway.ts";
import { limit, plan, route } from "./support/plans.ts";

afterEach(() => vi.restoreAllMocks());

const routes = [
  route("open", "/open/*"),
  route("mine", "/mine", { auth: { any: ["login"], scopes: ["orders:read"] } }),
  route("few", "/few", { rateLimits: [limit("by-ip", 1)] }),
  route("away", "/away", { target: { kind: "forward", to: { origin: "https://away.example" } } }),
  route("keyed", "/keyed", { auth: { any: ["keys"], scopes: [] } }),
];
const keys = { kind: "api-key", header: "x-shop", bearer: false, query: "k", prefix: "shop", foreign: true } as const;
const outside: Outside = (request) =>
  request.url.startsWith("https://away.example") ? undefined : new Response("", { status: 200 });

async function start(telemetry?: object): Promise<Gateway> {
  const { identity } = plan(routes);
  const more = { identity: { ...identity, keys }, ...(telemetry && { telemetry: { resource: {}, ...telemetry } }) };
  return startGateway(plan(routes, more), outside, { keeper: new RecordKeeper() });
}

const kept = ({ control }: Gateway): RequestRecord[] =>
  control.recordReports.flatMap(({ records }) => records.map(({ record }) => record));
const wordsOf = ({ decisions }: RequestRecord): string[] =>
  decisions.map(({ stage, verdict }) => `${stage} ${verdict}`);
/** What fails is reported soon, and all that waits with it. */
const fail = (gateway: Gateway) => gateway.fetch("/away", { whole: false });
const waiting = { timeout: 10_000, interval: 50 };
const told = (gateway: Gateway) => vi.waitFor(() => expect(gateway.control.recordReports).toHaveLength(1), waiting);

test("what failed, was refused or was drawn is told, with what was decided, and in one report", async () => {
  const gateway = await start();
  for (let at = 0; at < 3; at++) await gateway.fetch(`/open/${at}?page=${at}`, { whole: false });
  for (const path of ["/mine", "/few", "/few", "/none"]) await gateway.fetch(path, { whole: false });
  await fail(gateway);
  await told(gateway);
  expect(gateway.control.recordReports).toHaveLength(1);
  expect(gateway.control.recordReports[0]).toMatchObject({ keepMs: bounds.keepMs, perRoute: bounds.perRoute });
  const seen = kept(gateway).map(({ because, entry, request, decisions }) => [
    ...[because, entry.route, entry.status, request.query, decisions.at(-1)?.stage],
  ]);
  expect(seen.sort()).toEqual(
    [
      ...[0, 1, 2].map((at) => ["drawn", "open", 200, `?page=${at}`, "target"]),
      ["drawn", "few", 200, "", "target"],
      ["failed", "few", 429, "", "limits"],
      ["failed", "mine", 401, "", "auth"],
      ["failed", undefined, 404, "", "route"],
      ["failed", "away", 502, "", "target"],
    ].sort(),
  );
  const limited = kept(gateway).find(({ entry }) => entry.status === 429);
  expect(limited?.decisions.at(-1)?.text).toMatch(/^limit_exceeded.*by-ip has 0 left for \d+ s$/);
  const passed = kept(gateway).find(({ entry }) => entry.route === "few" && entry.status === 200);
  expect(wordsOf(passed as RequestRecord)).toEqual(["route pass", "auth pass", "limits pass", "target pass"]);
});

test("nothing that proves a client is in a report, and nothing that the document hides", async () => {
  const gateway = await start({
    records: { perRoute: 7, keepMs: 3_600_000, hide: { headers: ["x-mine"], query: ["q"] } },
  });
  const headers = {
    ...{ authorization: "Bearer hush-1", cookie: "sid=hush-2", "x-shop": "hush-3", "x-api-key": "hush-4" },
    ...{ "x-mine": "hush-5", "x-odd": "Basic hush-67890", dpop: "hush-7", "x-canary": "true" },
  };
  const query = "?k=hush-8&access_token=hush-9&q=hush-10&page=2";
  for (const path of ["/keyed", "/open/1", "/mine"]) await gateway.fetch(path + query, { headers, whole: false });
  await fail(gateway);
  await told(gateway);
  const [report] = gateway.control.recordReports;
  expect(report).toMatchObject({ perRoute: 7, keepMs: 3_600_000 });
  expect(kept(gateway)).toHaveLength(4);
  expect(JSON.stringify(report)).not.toContain("hush");
  const open = kept(gateway).find(({ entry }) => entry.route === "open");
  expect(open?.request.query).toBe("?k=…&access_token=…&q=…&page=2");
  expect(open?.request.headers).toContainEqual(["x-canary", "true"]);
  expect(open?.request.headers).toContainEqual(["x-mine", "…"]);
  expect(open?.request.identity).toMatchObject({ method: "anonymous", sub: "anonymous", claims: {} });
});

test("off means off", async () => {
  const gateway = await start({ records: "off" });
  await gateway.fetch("/open/1");
  await fail(gateway);
  // Nothing waits to be told.
  await gateway.settled();
  expect(gateway.control.recordReports).toEqual([]);
});

test("of many equal requests few are kept, each standing for several", async () => {
  const gateway = await start();
  const requests = 4 * bounds.drawnOfReport;
  for (let at = 0; at < requests; at++) await gateway.fetch(`/open/${at}`, { whole: false });
  for (let at = 0; at < 20; at++) await gateway.fetch("/none", { whole: false });
  await told(gateway);
  const [report] = gateway.control.recordReports;
  const weights = report?.records.filter(({ record }) => record.because === "drawn").map(({ weight }) => weight) ?? [];
  expect(weights).toEqual(Array(bounds.drawnOfReport).fill(4));
  expect(kept(gateway).filter(({ because }) => because === "failed")).toHaveLength(bounds.failedOfReport);
});

test("a control plane that does not answer costs no request anything, and what is lost is counted", async () => {
  const gateway = await start();
  await gateway.fetch("/open/1", { whole: false });
  gateway.control.mode = "down";
  expect((await fail(gateway)).status).toBe(502);
  await vi.waitFor(
    () => expect(gateway.logs.filter(({ kind }) => kind === "records")).toMatchObject([{ dropped: 2 }]),
    waiting,
  );
});

const SECRET = "s".repeat(43);
const NOW_S = Math.floor(Date.now() / 1000);
const tokenFor = (wrong: { host?: string; secret?: string; typ?: string; age?: number; exp?: number } = {}) =>
  new SignJWT({})
    .setProtectedHeader({ alg: "HS256", typ: wrong.typ ?? EXPLAIN_TOKEN_TYPE })
    .setSubject("ann")
    .setIssuer("selvage")
    .setAudience(explainAudience(wrong.host ?? "api.shop.example"))
    .setIssuedAt(NOW_S - (wrong.age ?? 0))
    .setExpirationTime(wrong.exp ?? NOW_S + 600)
    .sign(base64url.decode(wrong.secret ?? SECRET));

async function explained(token: string | undefined, path: string): Promise<[Response, Gateway]> {
  const gateway = await startGateway(plan(routes), () => new Response("ok", { headers: { "selvage-explain": "x" } }), {
    keeper: new RecordKeeper(),
    env: { KEY_ADMIN_SECRET: SECRET },
  });
  const headers = { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`, tracestate: "selvage=explain,a=b" };
  const sent = token === undefined ? headers : { ...headers, "x-selvage-explain": token };
  return [await gateway.fetch(path, { headers: sent, whole: false }), gateway];
}

test("an operator with a token is told what is decided, and the request is kept as asked for", async () => {
  const [answer, gateway] = await explained(await tokenFor(), "/open/1?a=b");
  const said = JSON.parse(new TextDecoder().decode(base64url.decode(answer.headers.get("selvage-explain") ?? "")));
  expect(said.entry).toMatchObject({ route: "open", status: 200, traceId: "a".repeat(32) });
  expect(said.decisions.map(({ stage }: { stage: string }) => stage)).toEqual(["route", "auth", "target"]);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  await told(gateway);
  expect(kept(gateway)).toMatchObject([{ because: "asked", entry: { route: "open" } }]);
  expect(kept(gateway)[0]?.request.headers).toContainEqual(["x-selvage-explain", "…"]);
  const [call] = gateway.sent;
  expect(call?.headers.has("x-selvage-explain")).toBe(false);
  expect(call?.headers.get("tracestate")).toBe("selvage=explain,a=b");
});

test.each<[string, () => Promise<string> | undefined]>([
  ["none", () => undefined],
  ["one for another host", () => tokenFor({ host: "other.example" })],
  ["one of another key", () => tokenFor({ secret: "t".repeat(43) })],
  ["one of another kind", () => tokenFor({ typ: "selvage-control+jwt" })],
  ["one that is over", () => tokenFor({ exp: NOW_S - 60 })],
  ["one that was to live too long", () => tokenFor({ age: 3_600, exp: NOW_S + 3_600 })],
  ["anything", () => Promise.resolve("anything")],
  ["a long one", () => Promise.resolve("a".repeat(8_000))],
])("a token that is %s asks for nothing, and goes nowhere", async (_, make) => {
  const [answer, gateway] = await explained(await make(), "/open/1");
  expect(answer.status).toBe(200);
  expect(answer.headers.has("selvage-explain")).toBe(false);
  expect(answer.headers.has("cache-control")).toBe(false);
  const [call] = gateway.sent;
  expect(call?.headers.has("x-selvage-explain")).toBe(false);
  expect(call?.headers.get("tracestate")).toBe("a=b");
});
