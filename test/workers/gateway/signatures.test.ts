/** HTTP message signatures against a gateway in workerd: published ones, whom they name, and where keys come from. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { MessageKey, SignatureProvider } from "../../../shared/auth/http-signature.ts";
import type { PublicJwk } from "../../../shared/auth/jwk.ts";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import {
  requestContent,
  keys as rfcKeys,
  sharedSecret,
  transformed,
  type Vector,
  vectors,
} from "../../support/rfc9421.ts";
import { type Gateway, type Outside, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";
import {
  digestOf,
  ed25519Signer,
  HOST,
  hmacSign,
  keyOf,
  nowSeconds,
  type Signer,
  signed,
  usualProvider,
} from "./support/sign.ts";

let alice: Signer;
let bob: Signer;
let published: PublicJwk[];
let asked: number;
let issuerIsUp: boolean;

const outside: Outside = ({ url }) => {
  if (!url.endsWith("/keys")) return Response.json({ ok: true });
  asked++;
  return issuerIsUp ? Response.json({ keys: published }) : undefined;
};
const planWith = (provider: Partial<SignatureProvider>, hosts: readonly string[] = [HOST]): GatewayPlan =>
  plan([route("orders", "/*", { auth: { any: ["partner"], scopes: [] } })], {
    hosts,
    identity: { partner: { ...usualProvider, ...provider } },
  });
const start = (provider: Partial<SignatureProvider>, env: Record<string, string> = {}, hosts?: readonly string[]) =>
  startGateway(planWith(provider, hosts), outside, { env });
const claimsOf = (gateway: Gateway): Record<string, unknown> =>
  JSON.parse(atob((gateway.sent.at(-1)?.headers.get("txn-token") ?? "").split(".")[1] ?? ""));

beforeEach(async () => {
  [alice, bob] = [await ed25519Signer("alice-2026"), await ed25519Signer("bob-2026")];
  published = [];
  asked = 0;
  issuerIsUp = true;
});
afterEach(() => vi.restoreAllMocks());

describe("published requests of RFC 9421", () => {
  const requests = vectors.filter(({ message }) => message.answer === undefined);

  async function gatewayFor(vector: Vector, more: Partial<SignatureProvider> = {}): Promise<Gateway> {
    const at = Number(/created=(\d+)/.exec(vector.input)?.[1]) * 1000 + 10_000;
    vi.spyOn(Date, "now").mockReturnValue(at);
    const material: MessageKey["material"] =
      vector.key === "test-shared-secret" ? { secret: "RFC", encoding: "base64" } : { jwk: rfcKeys[vector.key] };
    const algorithm = vector.alg as MessageKey["algorithm"];
    const key = { keyid: vector.key, algorithm, material, sub: "rfc", scopes: [], groups: [] };
    const tag = /tag="([^"]+)"/.exec(vector.input)?.[1];
    const { hostname } = new URL(vector.message.url);
    return start(
      { keys: [key], components: [], clockSkewMs: 0, ...(tag !== undefined && { tag }), ...more },
      { SECRET_RFC: sharedSecret },
      [hostname, "example.com"],
    );
  }

  const ask = (
    gateway: Gateway,
    { label, input, signature }: Vector,
    message: Vector["message"],
  ): Promise<Response> => {
    const { host, pathname, search } = new URL(message.url);
    const headers = new Headers([
      ...message.fields.map(([name, value]): [string, string] => [name, value]),
      ["signature-input", `${label}=${input}`],
      ["signature", `${label}=:${signature}:`],
    ]);
    const body = message.method === "GET" ? {} : { body: requestContent };
    return gateway.fetch(pathname + search, { host, method: message.method, headers, ...body });
  };

  test.each(requests)("$section $label names its key's subject", async (vector) => {
    const gateway = await gatewayFor(vector);
    expect((await ask(gateway, vector, vector.message)).status).toBe(200);
    expect(claimsOf(gateway)).toMatchObject({ sub: "rfc", rctx: { method: "signature", issuer: "partner" } });
  });

  test.each(requests)("$section $label is refused when anything that it covers is another", async (vector) => {
    const gateway = await gatewayFor(vector);
    const { message } = vector;
    const changed = vector.base.length === 0 ? [] : [{ ...message, method: "PUT" }];
    if (vector.base.some((line) => line.startsWith('"@method"')))
      for (const other of changed) expect((await ask(gateway, vector, other)).status).toBe(401);
    const flipped = { ...vector, signature: vector.signature.replace(/^./, (one) => (one === "A" ? "B" : "A")) };
    expect((await ask(gateway, flipped, message)).status).toBe(401);
    const older = { ...vector, input: vector.input.replace(/created=(\d+)/, (_, at) => `created=${Number(at) - 1}`) };
    expect((await ask(gateway, older, message)).status).toBe(401);
  });

  test("what may become of a request on its way, and what may not (appendix B.4)", async () => {
    const vector = requests.find(({ label }) => label === "transform") as Vector;
    const gateway = await gatewayFor(vector);
    const statuses = (messages: readonly Vector["message"][]): Promise<number[]> =>
      Promise.all(messages.map(async (message) => (await ask(gateway, vector, message)).status));
    expect(await statuses(transformed.good)).toEqual([200, 200, 200]);
    expect(await statuses(transformed.bad)).toEqual([401, 401]);
  });

  test("only until they expire", async () => {
    const vector = requests.find(({ label }) => label === "proxy_sig") as Vector;
    const gateway = await gatewayFor(vector, { algorithms: ["rsa-v1_5-sha256"] });
    vi.mocked(Date.now).mockReturnValue(1_618_884_539_999);
    expect((await ask(gateway, vector, vector.message)).status).toBe(200);
    vi.mocked(Date.now).mockReturnValue(1_618_884_540_000);
    expect((await ask(gateway, vector, vector.message)).status).toBe(401);
  });
});

describe("whom a key stands for", () => {
  test("each key has a subject, scopes, consumer, plan and groups of its own", async () => {
    const grants = { sub: "partner-7", scopes: ["orders:read"], consumer: "acme", plan: "gold", groups: ["b2b"] };
    const gateway = await start({ keys: [keyOf(alice, grants), keyOf(bob)] });
    const as = async (signer: Signer): Promise<Record<string, unknown>> => {
      const headers = await signed(signer.sign, { keyid: signer.keyid });
      expect((await gateway.fetch("/orders/1", { headers })).status).toBe(200);
      return claimsOf(gateway);
    };
    expect(await as(alice)).toMatchObject({ sub: "partner-7", scope: "orders:read" });
    expect(await as(bob)).toMatchObject({ sub: "bob-2026", scope: "" });
  });

  test("the signature ends at the gateway, and what it covers is a claim", async () => {
    const auth = { any: ["partner"], scopes: [], claims: { nonce: ["n1"], covered: ['"@path"'] } };
    const gateway = await startGateway(
      plan([route("orders", "/*", { auth })], { identity: { partner: { ...usualProvider, keys: [keyOf(alice)] } } }),
      outside,
    );
    const params = `;created=${nowSeconds()};nonce="n1";keyid="alice-2026"`;
    const headers = await signed(alice.sign, { keyid: "alice-2026", params });
    expect((await gateway.fetch("/orders/1", { headers })).status).toBe(200);
    // The gateway's own proof is all that stands there.
    expect(gateway.sent.at(-1)?.headers.get("signature")).toMatch(/^selvage=:[^,]+:$/);
    expect(gateway.sent.at(-1)?.headers.get("signature-input")).toMatch(/^selvage=\([^,]+$/);
    expect(JSON.stringify(gateway.logs)).not.toContain(headers.signature.slice(6, 30));
  });

  test("who signed before a time is refused by a revocation of that time", async () => {
    const gateway = await start({ keys: [keyOf(alice)] });
    const revoke = (issuedBefore: number): void => {
      const entries = [{ issuer: "partner", issuedBefore, expiresAtMs: Date.now() + 60_000 }];
      gateway.control.revocations = { revision: gateway.control.revocations.revision + 1, entries };
      gateway.restart();
    };
    const headers = await signed(alice.sign, { keyid: alice.keyid });
    revoke(nowSeconds() - 60);
    expect((await gateway.fetch("/orders/1", { headers })).status).toBe(200);
    revoke(nowSeconds() + 60);
    expect((await gateway.fetch("/orders/1", { headers })).status).toBe(401);
  });

  test("without scopes of the route: 403 with a challenge; without a signature: what must be covered", async () => {
    const auth = { any: ["partner"], scopes: ["orders:write"] };
    const gateway = await startGateway(
      plan([route("orders", "/*", { auth })], {
        identity: { partner: { ...usualProvider, keys: [keyOf(alice)], tag: "shop" } },
      }),
      outside,
    );
    const params = `;created=${nowSeconds()};keyid="alice-2026";tag="shop"`;
    const headers = await signed(alice.sign, { keyid: alice.keyid, params });
    const refused = await gateway.fetch("/orders/1", { headers });
    expect(refused.status).toBe(403);
    const covers =
      'Signature realm="api.shop.example", covers="@method @authority @path @query content-digest", tag="shop"';
    expect(refused.headers.get("www-authenticate")).toBe(`${covers}, error="insufficient_scope", scope="orders:write"`);
    const missing = await gateway.fetch("/orders/1");
    expect([missing.status, missing.headers.get("www-authenticate")]).toEqual([401, covers]);
    const wrong = await gateway.fetch("/orders/1", { headers: { ...headers, signature: "sig1=:AAAA:" } });
    expect([wrong.status, wrong.headers.get("www-authenticate")]).toEqual([
      401,
      `${covers}, error="invalid_signature"`,
    ]);
  });
});

describe("which signature is meant", () => {
  const both = async (more: { tag?: string; label?: string } = {}) => {
    const params = `;created=${nowSeconds()};keyid="alice-2026"${more.tag === undefined ? "" : `;tag="${more.tag}"`}`;
    const one = await signed(alice.sign, { keyid: alice.keyid, params, ...(more.label && { label: more.label }) });
    const other = await signed(bob.sign, { keyid: bob.keyid, label: "proxy" });
    return {
      "signature-input": `${one["signature-input"]}, ${other["signature-input"]}`,
      signature: `${one.signature}, ${other.signature}`,
    };
  };
  const statusOf = async (provider: Partial<SignatureProvider>, headers: HeadersInit): Promise<number> =>
    (await (await start(provider)).fetch("/orders/1", { headers })).status;

  test("the one of a known key, of the label, or of the tag", async () => {
    expect(await statusOf({ keys: [keyOf(alice)] }, await both())).toBe(200);
    expect(await statusOf({ keys: [keyOf(alice), keyOf(bob)], label: "proxy" }, await both())).toBe(200);
    expect(await statusOf({ keys: [keyOf(alice), keyOf(bob)], tag: "shop" }, await both({ tag: "shop" }))).toBe(200);
  });

  test("none where several could be", async () => {
    expect(await statusOf({ keys: [keyOf(alice), keyOf(bob)] }, await both())).toBe(401);
  });

  test("a signature for somebody else counts as none", async () => {
    const auth = { any: ["partner"], scopes: [], optional: true as const };
    const identity = { partner: { ...usualProvider, keys: [keyOf(alice)] } };
    const gateway = await startGateway(plan([route("orders", "/*", { auth })], { identity }), outside);
    const params = `;created=${nowSeconds()};keyid="bot";tag="web-bot-auth"`;
    const headers = await signed(bob.sign, { keyid: "bot", params });
    expect((await gateway.fetch("/orders/1", { headers })).status).toBe(200);
    expect(claimsOf(gateway)).toMatchObject({ sub: "anonymous" });
    expect((await gateway.fetch("/orders/1", { headers: { signature: headers.signature } })).status).toBe(401);
  });

  test("two providers of one route each find their own", async () => {
    const identity = {
      partner: { ...usualProvider, keys: [keyOf(alice)] },
      proxy: { ...usualProvider, name: "proxy", keys: [keyOf(bob, { scopes: ["via"] })] },
    };
    const auth = { any: [], all: ["partner", "proxy"], scopes: ["via"] };
    const gateway = await startGateway(plan([route("orders", "/*", { auth })], { identity }), outside);
    expect((await gateway.fetch("/orders/1", { headers: await both() })).status).toBe(200);
    expect(claimsOf(gateway)).toMatchObject({ sub: "alice-2026", scope: "via" });
  });
});

describe("what may be covered", () => {
  test("the target as a whole stands for its parts", async () => {
    const gateway = await start({ keys: [keyOf(alice)] });
    const ask = async (covered: readonly string[], query = "?a=1") => {
      const headers = await signed(alice.sign, { keyid: alice.keyid, covered, query });
      return (await gateway.fetch(`/orders/1${query}`, { headers })).status;
    };
    expect(await ask(["@method", "@target-uri"])).toBe(200);
    expect(await ask(["@method", "@authority", "@request-target"])).toBe(200);
    expect(await ask(["@method", "@authority", "@path"])).toBe(401);
    expect(await ask(["@method", "@authority", "@path"], "")).toBe(401);
    expect(await ask(["@method", "@authority", "@path", "@query", "@scheme"])).toBe(200);
  });

  test("a field that ends at the edge, and any other that must be", async () => {
    const gateway = await start({ keys: [keyOf(alice)], components: ["@method", "x-forwarded-for", "date"] });
    const fields = { "x-forwarded-for": "192.0.2.1", date: "Tue, 20 Apr 2021 02:07:55 GMT" };
    const covered = ["@method", "x-forwarded-for", "date"];
    const headers = { ...fields, ...(await signed(alice.sign, { keyid: alice.keyid, fields, covered })) };
    expect((await gateway.fetch("/orders/1", { headers })).status).toBe(200);
    expect((await gateway.fetch("/orders/1", { headers: { ...headers, date: "x" } })).status).toBe(401);
  });
});

describe("shared secrets", () => {
  const secret = "a secret of at least thirty-two bytes";
  const key: MessageKey = {
    keyid: "legacy",
    algorithm: "hmac-sha256",
    material: { secret: "LEGACY", encoding: "text" },
    sub: "legacy",
    scopes: [],
    groups: [],
  };
  const headersOf = (): Promise<Record<string, string>> =>
    signed((base) => hmacSign(new TextEncoder().encode(secret), base), { keyid: "legacy" });
  const answerOf = async (env: Record<string, string>, material = key.material): Promise<[number, unknown]> => {
    const gateway = await start({ keys: [{ ...key, material }] }, env);
    const response = await gateway.fetch("/orders/1", { headers: await headersOf() });
    return [response.status, ((await response.json()) as { code?: string }).code];
  };

  test("prove who has them", async () => {
    expect(await answerOf({ SECRET_LEGACY: secret })).toEqual([200, undefined]);
    expect(await answerOf({ SECRET_LEGACY: `${secret}!` })).toEqual([401, "credentials_invalid"]);
    const inBase64 = { secret: "LEGACY", encoding: "base64" } as const;
    expect(await answerOf({ SECRET_LEGACY: btoa(secret) }, inBase64)).toEqual([200, undefined]);
  });

  test("that are missing, too short or not what they should be are our fault", async () => {
    expect(await answerOf({})).toEqual([500, "secret_missing"]);
    expect(await answerOf({ SECRET_LEGACY: "x".repeat(31) })).toEqual([500, "secret_missing"]);
    const inBase64 = { secret: "LEGACY", encoding: "base64" } as const;
    expect(await answerOf({ SECRET_LEGACY: secret }, inBase64)).toEqual([500, "secret_missing"]);
  });
});

describe("published keys", () => {
  const provider = {
    published: { url: "https://keys.partner.example/keys", grants: { sub: "partner", scopes: [], groups: [] } },
  };
  const ask = async (gateway: Gateway, signer: Signer): Promise<number> =>
    (await gateway.fetch("/orders/1", { headers: await signed(signer.sign, { keyid: signer.keyid }) })).status;

  test("are fetched once, and again for a keyid that is new, at most once in the cool-down", async () => {
    published = [alice.jwk];
    const gateway = await start(provider);
    expect([await ask(gateway, alice), await ask(gateway, alice)]).toEqual([200, 200]);
    expect(claimsOf(gateway)).toMatchObject({ sub: "partner" });
    expect(asked).toBe(1);
    published = [alice.jwk, bob.jwk];
    vi.spyOn(Date, "now").mockReturnValue(Date.now() + limits.identity.jwksQuietMs);
    expect(await ask(gateway, bob)).toBe(200);
    expect(asked).toBe(2);
    const stranger = await ed25519Signer("stranger");
    for (let at = 0; at < 5; at++) expect(await ask(gateway, stranger)).toBe(401);
    expect(asked).toBe(2);
    expect(await ask(gateway, { ...stranger, keyid: alice.keyid })).toBe(401);
  });

  test("outlive the signer, and are missing without one: 503", async () => {
    published = [alice.jwk];
    issuerIsUp = false;
    const gateway = await start(provider);
    expect(await ask(gateway, alice)).toBe(503);
  });

  test("are not asked for by what cannot be good", async () => {
    const gateway = await start(provider);
    const old = `;created=${nowSeconds() - 900};keyid="alice-2026"`;
    const headers = await signed(alice.sign, { keyid: alice.keyid, params: old });
    expect((await gateway.fetch("/orders/1", { headers })).status).toBe(401);
    expect(asked).toBe(0);
  });

  test("of no accepted algorithm are none", async () => {
    published = [alice.jwk];
    const gateway = await start({ ...provider, algorithms: ["ecdsa-p256-sha256"] });
    expect(await ask(gateway, alice)).toBe(401);
  });
});

describe("content", () => {
  const text = '{"amount":5}';
  const ask = async (
    gateway: Gateway,
    headers: Record<string, string>,
    body: BodyInit | null = text,
    method = "POST",
  ) => (await gateway.fetch("/orders/1", { method, headers, body })).status;
  const signedFor = async (digest: string, method = "POST"): Promise<Record<string, string>> => {
    const fields = { "content-digest": digest };
    return { ...fields, ...(await signed(alice.sign, { keyid: alice.keyid, fields, method })) };
  };

  test("must have the digest that is signed, by every algorithm that is known", async () => {
    const gateway = await start({ keys: [keyOf(alice)] });
    const [short, long, other] = [await digestOf(text), await digestOf(text, "sha-512"), await digestOf("other")];
    expect(await ask(gateway, await signedFor(short))).toBe(200);
    expect(await ask(gateway, await signedFor(long))).toBe(200);
    expect(await ask(gateway, await signedFor(`${short}, ${long}`))).toBe(200);
    expect(await ask(gateway, await signedFor(`md5=:AAAAAAAAAAAAAAAAAAAAAA==:, ${short}`))).toBe(200);
    expect(await ask(gateway, await signedFor(other))).toBe(401);
    expect(await ask(gateway, await signedFor(short), '{"amount":6}')).toBe(401);
    expect(await ask(gateway, await signedFor(`${other}, ${long}`))).toBe(401);
    expect(await ask(gateway, await signedFor("md5=:AAAAAAAAAAAAAAAAAAAAAA==:"))).toBe(401);
    expect(await ask(gateway, await signedFor("sha-256=:AAAA:"))).toBe(401);
    expect(await ask(gateway, await signedFor(`${short}, ${short}`))).toBe(401);
    expect(await ask(gateway, await signedFor("garbage("))).toBe(401);
  });

  test("must be covered where there is some, and only there", async () => {
    const gateway = await start({ keys: [keyOf(alice)] });
    const bare = await signed(alice.sign, { keyid: alice.keyid, method: "POST" });
    expect(await ask(gateway, bare)).toBe(401);
    expect(await ask(gateway, { ...bare, "content-digest": await digestOf(text) })).toBe(401);
    expect(await ask(gateway, bare, null)).toBe(200);
    expect(await ask(gateway, bare, "")).toBe(200);
    expect(await ask(gateway, await signedFor(await digestOf("")), null)).toBe(200);
    const loose = await start({ keys: [keyOf(alice)], components: ["@method"] });
    expect(await ask(loose, bare)).toBe(200);
  });
});
