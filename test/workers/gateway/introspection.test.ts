/** Opaque tokens: whom the issuer is asked about, what is made of its answers, and what happens when it is away. */
import fc from "fast-check";
import { base64url } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { IntrospectionProvider } from "../../../shared/auth/providers.ts";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

const ISSUER = "https://opaque.example/";
const URL = `${ISSUER}introspect`;
const SECRETS = { SECRET_CLIENT: "a b:c%d+é", SECRET_BEARER: "gateway-token" };
const begin = Date.now();
const exp = Math.floor(begin / 1000) + 600;
const good = { active: true, sub: "alice", scope: "orders:read" };

type Reply = object | Response | undefined;

let gateway: Gateway;
/** What the endpoint says of a token. */
let answers: Map<string, () => Reply | Promise<Reply>>;
let asked: { token: string | null; form: URLSearchParams; authorization: string | null; accept: string | null }[];
let isUp: boolean;

const provider = (more: Partial<IntrospectionProvider> = {}): IntrospectionProvider => ({
  kind: "introspection",
  issuer: ISSUER,
  url: URL,
  client: { method: "client_secret_basic", id: "gate way", secret: "CLIENT" },
  subject: ["sub"],
  jwts: true,
  clockSkewMs: 0,
  timeoutMs: 200,
  rememberMs: 30_000,
  ...more,
});
const planOf = (more: Partial<IntrospectionProvider> = {}, whole: Partial<GatewayPlan> = {}): GatewayPlan =>
  plan([route("orders", "/orders/*", { auth: { any: ["p"], scopes: ["orders:read"] } })], {
    identity: { p: provider(more) },
    ...whole,
  });

async function outside(request: Request): Promise<Response | undefined> {
  if (!request.url.startsWith(ISSUER)) return Response.json({ ok: true });
  if (!isUp) return undefined;
  if (request.url.endsWith("openid-configuration"))
    return Response.json({ issuer: ISSUER, introspection_endpoint: URL });
  const form = new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer()));
  const token = form.get("token");
  const { headers } = request;
  asked.push({ token, form, authorization: headers.get("authorization"), accept: headers.get("accept") });
  const reply = await (answers.get(token ?? "") ?? (() => ({ active: false })))();
  return reply instanceof Response || reply === undefined ? reply : Response.json(reply);
}

async function start(more: Partial<IntrospectionProvider> = {}, whole: Partial<GatewayPlan> = {}): Promise<void> {
  gateway = await startGateway(planOf(more, whole), outside, { env: SECRETS });
}

beforeEach(() => {
  answers = new Map([["good", () => good]]);
  asked = [];
  isUp = true;
});
afterEach(() => vi.restoreAllMocks());

const get = (token: string, ip = "192.0.2.1"): Promise<Response> =>
  gateway.fetch("/orders/1", { headers: { authorization: `Bearer ${token}`, "cf-connecting-ip": ip } });
const status = async (token: string, ip?: string): Promise<number> => (await get(token, ip)).status;
/** Moves the clock of the gateway. */
const at = (ms: number): void => void vi.spyOn(Date, "now").mockReturnValue(begin + ms);
const reasonOfLast = (): unknown => gateway.logs.filter(({ kind }) => kind === "access").at(-1)?.reason;

describe("a question", () => {
  test("is the standard's, and what it says is an identity", async () => {
    await start({ claims: { plan: "tier" }, audiences: ["api"] });
    answers.set("good", () => ({ ...good, aud: ["x", "api"], exp, tier: "gold", groups: ["a"] }));
    expect(await status("good")).toBe(200);
    expect(Object.fromEntries(asked[0]?.form ?? [])).toEqual({ token: "good", token_type_hint: "access_token" });
    expect(asked[0]?.accept).toBe("application/json");
    expect(gateway.logs.at(-1)).toMatchObject({ sub: "alice" });
    expect(gateway.sent.at(-1)?.headers.has("authorization")).toBe(false);
  });

  test.each<[string, IntrospectionProvider["client"], string | null, Record<string, string>]>([
    [
      "Basic, form-encoded before base64",
      { method: "client_secret_basic", id: "gate way", secret: "CLIENT" },
      `Basic ${btoa("gate+way:a+b%3Ac%25d%2B%C3%A9")}`,
      {},
    ],
    [
      "the form",
      { method: "client_secret_post", id: "gate way", secret: "CLIENT" },
      null,
      { client_id: "gate way", client_secret: SECRETS.SECRET_CLIENT },
    ],
    ["a bearer token", { method: "bearer", secret: "BEARER" }, "Bearer gateway-token", {}],
  ])("shows who asks by %s", async (_, client, authorization, form) => {
    await start({ client });
    expect(await status("good")).toBe(200);
    expect(asked[0]?.authorization).toBe(authorization);
    expect(Object.fromEntries(asked[0]?.form ?? [])).toMatchObject(form);
  });

  test("is not put without the secret: 500, and the name of it in the log alone", async () => {
    await start({ client: { method: "bearer", secret: "NONE" } });
    const response = await get("good");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("NONE");
    expect(reasonOfLast()).toContain("NONE");
    expect(asked).toEqual([]);
  });

  test("goes where discovery says, which is asked once", async () => {
    const { url: _, ...discovered } = provider();
    await start({}, { identity: { p: discovered } });
    const all = vi.mocked(fetch).mock.calls;
    expect([await status("good"), await status("other")]).toEqual([200, 401]);
    expect(all.filter(([url]) => String(url).includes(".well-known"))).toHaveLength(1);
    expect(asked).toHaveLength(2);
  });

  test.each<[string, object]>([
    ["another issuer", { issuer: "https://evil.example/", introspection_endpoint: URL }],
    ["no endpoint", { issuer: ISSUER }],
    ["no TLS", { issuer: ISSUER, introspection_endpoint: "http://opaque.example/introspect" }],
    ["no URL", { issuer: ISSUER, introspection_endpoint: ["x"] }],
  ])("is not put where discovery names %s: 503", async (_, document) => {
    const { url: __, ...discovered } = provider();
    gateway = await startGateway(
      planOf({}, { identity: { p: discovered } }),
      (request) => (request.url.includes(".well-known") ? Response.json(document) : outside(request)),
      { env: SECRETS },
    );
    expect(await status("good")).toBe(503);
    expect(asked).toEqual([]);
  });
});

const segment = (value: unknown): string => base64url.encode(JSON.stringify(value));
const jwtOf = (claims: object): string => `${segment({ alg: "ES256" })}.${segment(claims)}.c2ln`;

describe("a token that the issuer is not asked about", () => {
  test.each([
    ["empty", ""],
    ["two words", "a b"],
    ["unicode", "caf\u00e9"],
    ["a quote", 'a"b'],
    ["padding inside", "a=b"],
    ["padding alone", "="],
    ["a line's end, encoded", "a%0a"],
    ["a form's member", "a&token=good"],
    ["too long", "a".repeat(limits.identity.tokenBytesMax + 1)],
    ["a JWT of another issuer", jwtOf({ iss: "https://other.example/", sub: "x" })],
  ])("%s: 401", async (_, token) => {
    await start();
    expect(await status(token)).toBe(401);
    expect(asked).toEqual([]);
  });

  test("one without its prefix, and a JWT where those are not wanted", async () => {
    await start({ prefix: "shop_", jwts: false });
    answers.set("shop_a", () => good);
    expect([await status("good"), await status("shop_a"), await status(jwtOf({ sub: "x" }))]).toEqual([401, 200, 401]);
    await start({ jwts: false });
    expect(await status(jwtOf({ iss: ISSUER }))).toBe(401);
    expect(asked).toHaveLength(1);
  });

  test("a JWT of the issuer is asked about otherwise, and three words that are none", async () => {
    await start();
    expect([await status(jwtOf({ iss: ISSUER })), await status("a.b.c")]).toEqual([401, 401]);
    expect(asked).toHaveLength(2);
  });

  test("one that another provider of the route has accepted; who refuses it leaves it to the next", async () => {
    const login = await createIssuer();
    const { identity } = plan([]);
    gateway = await startGateway(
      plan([route("orders", "/orders/*", { auth: { any: ["login", "p"], scopes: [] } })], {
        identity: { ...identity, p: provider({ jwts: false }) },
      }),
      (request) => login.answer(request.url) ?? outside(request),
      { env: SECRETS },
    );
    expect(await status(await login.sign())).toBe(200);
    expect(await status(await login.sign({ aud: "other" }))).toBe(401);
    expect(asked).toEqual([]);
    expect(await status("good")).toBe(200);
  });
});

describe("an answer", () => {
  const now = Math.floor(begin / 1000);
  test.each<[string, object]>([
    ["not active", { active: false }],
    ["not active, whatever else it says", { ...good, active: false }],
    ["of another issuer", { ...good, iss: "https://other.example/" }],
    ["with an iss that is no text", { ...good, iss: [ISSUER] }],
    ["for others", { ...good, aud: "other" }],
    ["for nobody", { ...good, aud: undefined }],
    ["for a number", { ...good, aud: [1] }],
    ["that has ended", { ...good, exp: now - 1 }],
    ["whose exp is a text", { ...good, exp: String(exp) }],
    ["whose exp is null", { ...good, exp: null }],
    ["not valid yet", { ...good, nbf: now + 60 }],
    ["issued tomorrow", { ...good, iat: now + 86_400 }],
    ["without a subject", { ...good, sub: undefined }],
    ["whose subject is empty", { ...good, sub: "" }],
    ["whose subject is a list", { ...good, sub: ["alice"] }],
    ["whose subject is too long", { ...good, sub: "a".repeat(257) }],
    ["about a refresh token", { ...good, token_type: "refresh_token" }],
    ["about a refresh token, said otherwise", { ...good, token_use: "refresh_token" }],
    ["about an ID token", { ...good, typ: "ID" }],
    ["about a DPoP token", { ...good, token_type: "DPoP" }],
    ["whose token_type is no text", { ...good, token_type: 1 }],
    ["about a token that is bound to a key", { ...good, cnf: { jkt: "x" } }],
  ])("%s: 401, remembered", async (_, answer) => {
    await start({ audiences: ["api"] });
    answers.set("t", () => ({ aud: "api", ...answer }));
    const response = await get("t");
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="api.shop.example", error="invalid_token"');
    expect(await status("t")).toBe(401);
    expect(asked).toHaveLength(1);
    answers.set("t", () => ({ ...good, aud: "api" }));
    at(Date.now() - begin + limits.introspection.refusedMs);
    expect(await status("t")).toBe(200);
  });

  const json = { "content-type": "application/json" };
  const text =
    (body: BodyInit, init: ResponseInit = { headers: json }) =>
    () =>
      new Response(body, init);
  test.each<[string, () => Response]>([
    ["nothing", text("")],
    ["no JSON", text("active")],
    ["cut off", text('{"active":true,"sub":"alice"')],
    ["a list", text('[{"active":true,"sub":"alice"}]')],
    ["null", text("null")],
    ["active twice", text('{"active":false,"active":true,"sub":"alice","scope":"orders:read"}')],
    ["active as text", text('{"active":"true","sub":"alice","scope":"orders:read"}')],
    ["active as number", text('{"active":1,"sub":"alice","scope":"orders:read"}')],
    ["active missing", text('{"sub":"alice","scope":"orders:read"}')],
    ["nested without end", text(`{"active":true,"sub":"alice","x":${"[".repeat(99)}${"]".repeat(99)}}`)],
    ["too long", text(JSON.stringify({ ...good, x: "x".repeat(limits.introspection.answerBytesMax) }))],
    ["not UTF-8", text(new Uint8Array([...new TextEncoder().encode('{"active":true,"sub":"'), 0xff, 0x22, 0x7d]))],
    ["HTML", text(JSON.stringify(good), { headers: { "content-type": "text/html" } })],
    ["a signed answer", text("e30.e30.e30", { headers: { "content-type": "application/token-introspection+jwt" } })],
    ["another status", text(JSON.stringify(good), { status: 201, headers: json })],
    ["a redirect", text("", { status: 302, headers: { location: "https://evil.example/" } })],
    ["that we are unknown", text('{"error":"invalid_client"}', { status: 401, headers: json })],
    ["that it is out of order", text("", { status: 500 })],
  ])("that is none, %s: 503, and nobody is let in", async (_, reply) => {
    await start();
    answers.set("t", reply);
    const response = await get("t");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "issuer_unavailable" });
    expect(asked).toHaveLength(1);
  });

  test("without scopes that the route asks for: 403", async () => {
    await start();
    answers.set("t", () => ({ ...good, scope: "other" }));
    expect(await status("t")).toBe(403);
  });

  test("names the subject by the first claim that is there, where the document says so", async () => {
    await start({ subject: ["sub", "client_id"] });
    answers.set("client", () => ({ ...good, sub: undefined, client_id: "robot" }));
    answers.set("both", () => ({ ...good, client_id: "robot" }));
    answers.set("wrong", () => ({ ...good, sub: 1, client_id: "robot" }));
    expect([await status("client"), await status("both"), await status("wrong")]).toEqual([200, 200, 401]);
    expect(gateway.logs.filter(({ sub }) => sub !== undefined).map(({ sub }) => sub)).toEqual(["robot", "alice"]);
  });
});

describe("what is remembered", () => {
  test("saves questions for its time, and no longer than the token lives", async () => {
    await start();
    answers.set("short", () => ({ ...good, exp: Math.floor(begin / 1000) + 11 }));
    for (const ms of [0, 9_000, 29_000]) {
      at(ms);
      expect(await status("good")).toBe(200);
    }
    expect(asked).toHaveLength(1);
    at(31_000);
    expect(await status("good")).toBe(200);
    expect(asked).toHaveLength(2);
    at(0);
    expect(await status("short")).toBe(200);
    at(9_000);
    expect(await status("short")).toBe(200);
    expect(asked).toHaveLength(3);
    at(12_000);
    expect(await status("short")).toBe(401);
    expect(asked).toHaveLength(4);
  });

  test("is what was revoked at the issuer, at most for that time", async () => {
    await start();
    at(0);
    expect(await status("good")).toBe(200);
    answers.set("good", () => ({ active: false }));
    at(29_000);
    expect(await status("good")).toBe(200);
    at(31_000);
    expect(await status("good")).toBe(401);
  });

  test("does not outlive a revocation here", async () => {
    await start();
    answers.set("good", () => ({ ...good, jti: "one" }));
    expect(await status("good")).toBe(200);
    gateway.control.revocations = { revision: 1, entries: [{ jti: "one", expiresAtMs: begin + 3_600_000 }] };
    await vi.waitFor(async () => expect(await status("good")).toBe(401), { timeout: 10_000, interval: 100 });
    expect(asked).toHaveLength(1);
  });

  test("is nothing where the document says so, but equal questions at once are one", async () => {
    await start({ rememberMs: 0 });
    expect([await status("good"), await status("good")]).toEqual([200, 200]);
    expect(asked).toHaveLength(2);
    answers.set("good", () => new Promise((done) => setTimeout(done, 50, good)));
    expect(await Promise.all(Array.from({ length: 20 }, () => status("good")))).toEqual(Array(20).fill(200));
    expect(asked).toHaveLength(3);
  });

  test("counts for its own settings alone: a new plan with others asks anew, one with the same does not", async () => {
    await start();
    expect(await status("good")).toBe(200);
    const live = async (next: GatewayPlan): Promise<void> => {
      gateway.control.plan = next;
      gateway.control.version++;
      const { version } = gateway.control;
      const isLive = async () => {
        await status("good");
        return gateway.logs.some(({ plan }) => plan === version);
      };
      await vi.waitFor(async () => expect(await isLive()).toBe(true), { timeout: 10_000, interval: 100 });
    };
    await live(planOf({}, { hosts: ["api.shop.example", "other.example"] }));
    expect(asked).toHaveLength(1);
    await live(planOf({ audiences: ["api"] }));
    expect(await status("good")).toBe(401);
  });

  test("is a failure for a moment, so that those who wait together fail together", async () => {
    await start();
    answers.set("t", () => new Promise((done) => setTimeout(done, 50, new Response(null, { status: 500 }))));
    expect(await Promise.all(Array.from({ length: 10 }, () => status("t")))).toEqual(Array(10).fill(503));
    expect(asked).toHaveLength(1);
  });
});

describe("an endpoint that is away", () => {
  test("lets nobody in whom it has not named lately: 503, and 401 to nobody who may be good", async () => {
    await start();
    at(0);
    expect(await status("good")).toBe(200);
    isUp = false;
    at(29_000);
    expect([await status("good"), await status("new")]).toEqual([200, 503]);
    at(31_000);
    expect(await status("good")).toBe(503);
    isUp = true;
    at(31_000 + limits.introspection.failureMs);
    expect(await status("good")).toBe(200);
  });

  test("that is silent is waited for no longer than its time", async () => {
    await start();
    answers.set("t", () => new Promise(() => undefined));
    expect(await status("t")).toBe(503);
    expect(reasonOfLast()).toContain("no answer in time");
  });

  test("is replaced by its last good answer where the document says so, for a time and never beyond `exp`", async () => {
    await start({ staleMs: 60_000 });
    answers.set("short", () => ({ ...good, exp: Math.floor(begin / 1000) + 50 }));
    at(0);
    expect([await status("good"), await status("short"), await status("bad")]).toEqual([200, 200, 401]);
    isUp = false;
    at(45_000);
    expect([await status("good"), await status("short"), await status("bad"), await status("new")]).toEqual([
      200, 200, 503, 503,
    ]);
    expect(gateway.logs.some(({ answered }) => answered === "stale")).toBe(true);
    at(52_000);
    expect([await status("good"), await status("short")]).toEqual([200, 503]);
    at(90_001);
    expect(await status("good")).toBe(503);
  });

  test("never replaces an answer that it gave", async () => {
    await start({ staleMs: 60_000 });
    at(0);
    expect(await status("good")).toBe(200);
    answers.set("good", () => ({ active: false }));
    at(31_000);
    expect(await status("good")).toBe(401);
    isUp = false;
    at(37_000);
    expect(await status("good")).toBe(503);
  });
});

describe("a flood of random tokens", () => {
  test("of one client is asked about to its bound, and known tokens go on", async () => {
    await start();
    at(0);
    expect(await status("good")).toBe(200);
    const { unknownBurstAndAddress } = limits.introspection;
    const statuses: number[] = [];
    for (let n = 0; n < unknownBurstAndAddress + 20; n++) statuses.push(await status(`random-${n}`, "192.0.2.9"));
    expect(asked).toHaveLength(1 + unknownBurstAndAddress);
    expect(statuses.slice(-20)).toEqual(Array(20).fill(429));
    const refused = await get("another", "192.0.2.9");
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await status("good", "192.0.2.9")).toBe(200);
    at(31_000 - 1);
    expect(await status("good", "192.0.2.9")).toBe(200);
  });

  test("from everywhere is bounded, too", async () => {
    await start();
    at(0);
    const { unknownBurst } = limits.introspection;
    for (let n = 0; n < unknownBurst + 50; n++) await status(`random-${n}`, `198.51.${n >> 8}.${n & 255}`);
    expect(asked).toHaveLength(unknownBurst);
  });
});

test("whatever stands in Authorization and in the answer: no error of ours, and no pass but the good one", async () => {
  await start({ rememberMs: 0 });
  let reply: () => Response = () => Response.json(good);
  answers = { get: () => () => reply() } as unknown as typeof answers;
  const members = ["active", "sub", "scope", "iss", "aud", "exp", "nbf", "iat", "token_type", "cnf", "client_id"];
  const value = fc.oneof(fc.constantFrom<unknown>(true, "true", "alice", ISSUER, exp, 0, null), fc.jsonValue());
  const body = fc.oneof(
    fc.dictionary(fc.constantFrom(...members), value).map((said) => JSON.stringify(said)),
    fc.string(),
  );
  const header = fc.oneof(
    fc.stringMatching(/^[Bb]earer +[\x21-\x7e]{0,20}$/),
    fc.stringMatching(/^[\x20-\x7e]{0,30}$/),
  );
  let clients = 0;
  await fc.assert(
    fc.asyncProperty(header, body, async (authorization, said) => {
      reply = () => new Response(said, { headers: { "content-type": "application/json" } });
      const ip = `10.${++clients >> 8}.${clients & 255}.1`;
      const response = await gateway.fetch("/orders/1", { headers: { authorization, "cf-connecting-ip": ip } });
      if (response.status === 200) expect(JSON.parse(said)).toMatchObject({ active: true, sub: expect.any(String) });
      else expect([401, 403, 429, 503]).toContain(response.status);
    }),
    { numRuns: 800 },
  );
}, 60_000);
