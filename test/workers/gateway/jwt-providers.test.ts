/** Where a JWT provider's keys come from, which of them is asked, and what is remembered. */
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type PublicJwk, readPublicJwk } from "../../../shared/auth/jwk.ts";
import type { JwtProvider } from "../../../shared/auth/providers.ts";
import { limits } from "../../../shared/limits.ts";
import { sleep } from "../../../workers/gateway/upstream/wait.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { times } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

const KEYS = "https://keys.example/set.json";
const routes = [route("orders", "/orders/*", { auth: { any: ["p"], scopes: [] } })];
const SECRET = "0123456789abcdef0123456789abcdef";

interface Signer {
  readonly jwk: JWK;
  sign(claims?: object, header?: object): Promise<string>;
}

async function signer(alg: string, kid?: string): Promise<Signer> {
  const pair = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(pair.publicKey)), ...(kid !== undefined && { kid }) };
  return {
    jwk,
    sign: (claims = {}, header = {}) =>
      new SignJWT({ iss: "urn:partner", aud: "api", sub: "alice", ...times(), ...claims })
        .setProtectedHeader({ alg, ...(kid !== undefined && { kid }), ...header })
        .sign(pair.privateKey),
  };
}

const hmac = (alg: string, secret: string, claims: object = {}): Promise<string> =>
  new SignJWT({ iss: "urn:partner", aud: "api", sub: "alice", ...times(), ...claims })
    .setProtectedHeader({ alg })
    .sign(new TextEncoder().encode(secret));

function publicJwk(jwk: JWK): PublicJwk {
  const read = readPublicJwk(jwk);
  if (typeof read === "string") throw new Error(read);
  return read;
}

let gateway: Gateway;
let published: JWK[];
let fetches: number;
let isUp: boolean;

const provider = (more: Partial<JwtProvider>): JwtProvider => ({
  kind: "jwt",
  issuer: "urn:partner",
  audiences: ["api"],
  algorithms: ["ES256", "RS256", "EdDSA"],
  clockSkewMs: 0,
  ...more,
});

async function start(more: Partial<JwtProvider>, env: Record<string, string> = {}): Promise<void> {
  gateway = await startGateway(
    plan(routes, { identity: { p: provider(more) } }),
    ({ url }) => {
      if (url !== KEYS) return Response.json({ ok: true });
      fetches++;
      return isUp ? Response.json({ keys: published }) : undefined;
    },
    { env },
  );
}

beforeEach(() => {
  published = [];
  fetches = 0;
  isUp = true;
});
afterEach(() => vi.restoreAllMocks());

async function status(token: string): Promise<number> {
  return (await gateway.fetch("/orders/1", { headers: { authorization: `Bearer ${token}` } })).status;
}
/** Moves the clock of the gateway to the time given, milliseconds after the first call. */
const begin = Date.now();
const at = (ms: number): void => void vi.spyOn(Date, "now").mockReturnValue(begin + ms);
const later = (ms: number): void => void vi.spyOn(Date, "now").mockReturnValue(Date.now() + ms);

describe("keys in the document", () => {
  test("prove without asking anybody", async () => {
    const [ec, ed] = [await signer("ES256", "a"), await signer("EdDSA", "b")];
    await start({ keys: { jwks: [publicJwk(ec.jwk), publicJwk(ed.jwk)] } });
    expect([await status(await ec.sign()), await status(await ed.sign())]).toEqual([200, 200]);
    expect(await status(await (await signer("ES256", "a")).sign())).toBe(401);
    expect(await status(await (await signer("ES256", "c")).sign())).toBe(401);
    expect(fetches).toBe(0);
  });

  test("a token that names no key is of the one that fits", async () => {
    const [ec, rsa] = [await signer("ES256"), await signer("RS256")];
    await start({ keys: { jwks: [publicJwk(ec.jwk), publicJwk(rsa.jwk)] } });
    expect([await status(await ec.sign()), await status(await rsa.sign())]).toEqual([200, 200]);
    expect(await status(await ec.sign({}, { kid: "any" }))).toBe(200);
  });

  test("of several that fit a few are tried, and of many none", async () => {
    const signers = await Promise.all(Array.from({ length: limits.identity.keysTriedMax }, () => signer("ES256")));
    const jwks = signers.map(({ jwk }) => publicJwk(jwk));
    await start({ keys: { jwks } });
    for (const one of signers) expect(await status(await one.sign())).toBe(200);
    const verify = vi.spyOn(crypto.subtle, "verify");
    expect(await status(await (await signer("ES256")).sign())).toBe(401);
    expect(verify).toHaveBeenCalledTimes(limits.identity.keysTriedMax);
    const last = await signer("ES256");
    await start({ keys: { jwks: [...jwks, publicJwk(last.jwk)] } });
    expect(await status(await last.sign())).toBe(401);
  });
});

describe("a shared secret", () => {
  test("proves HMAC signatures, and nothing else does", async () => {
    await start({ keys: { secret: "PARTNER" }, algorithms: ["HS256"] }, { SECRET_PARTNER: SECRET });
    expect(await status(await hmac("HS256", SECRET))).toBe(200);
    expect(await status(await hmac("HS256", `${SECRET}x`))).toBe(401);
    expect(await status(await hmac("HS512", SECRET))).toBe(401);
    expect(await status(await (await signer("ES256")).sign())).toBe(401);
  });

  test("never mixes with public keys, whatever a plan says", async () => {
    const ec = await signer("ES256");
    await start({ keys: { secret: "PARTNER" }, algorithms: ["HS256", "ES256"] }, { SECRET_PARTNER: SECRET });
    expect(await status(await ec.sign())).toBe(401);
    await start({ keys: { jwks: [publicJwk(ec.jwk)] }, algorithms: ["HS256", "ES256"] });
    expect(await status(await hmac("HS256", JSON.stringify(ec.jwk).padEnd(64)))).toBe(401);
    expect(await status(await ec.sign())).toBe(200);
  });

  test("that is missing or too short refuses everybody with 500, and says so in the log alone", async () => {
    await start({ keys: { secret: "NONE" }, algorithms: ["HS256"] });
    expect(await status(await hmac("HS256", SECRET))).toBe(500);
    expect(gateway.logs.at(-1)).toMatchObject({ error: "secret_missing", reason: "the secret NONE is not set" });
    await start({ keys: { secret: "SHORT" }, algorithms: ["HS256"] }, { SECRET_SHORT: SECRET.slice(1) });
    expect(await status(await hmac("HS256", SECRET.slice(1)))).toBe(500);
    await start({ keys: { secret: "SHORT" }, algorithms: ["HS512"] }, { SECRET_SHORT: SECRET });
    expect(await status(await hmac("HS512", SECRET))).toBe(500);
    expect(gateway.logs.at(-1)).toMatchObject({ reason: "the secret SHORT has 32 bytes, expected 64 or more" });
  });
});

describe("keys at a URL", () => {
  test("are fetched once, and a token of somebody else causes no fetch", async () => {
    const ec = await signer("ES256", "a");
    published.push(ec.jwk);
    await start({ keys: { url: KEYS } });
    expect(await status(await ec.sign({ iss: "urn:other" }))).toBe(401);
    expect(await status(await ec.sign({ aud: "other" }))).toBe(401);
    expect(await status(await ec.sign({ exp: 1 }))).toBe(401);
    expect(fetches).toBe(0);
    for (let count = 0; count < 3; count++) expect(await status(await ec.sign({ n: count }))).toBe(200);
    expect(fetches).toBe(1);
  });

  test("garbage kids cause at most one fetch in the time of cooling down", async () => {
    const ec = await signer("ES256", "a");
    const garbage = await signer("ES256");
    published.push(ec.jwk);
    await start({ keys: { url: KEYS } });
    const { jwksQuietMs } = limits.identity;
    const exp = Math.floor(begin / 1000) + 3_600;
    for (let round = 0; round < 3; round++) {
      at(round * jwksQuietMs);
      for (let count = 0; count < 10; count++)
        expect(await status(await garbage.sign({ exp }, { kid: `${round}-${count}` }))).toBe(401);
      expect(await status(await ec.sign({ exp }))).toBe(200);
    }
    expect(fetches).toBe(3);
  });

  test("a wrong signature under a known kid causes none", async () => {
    published.push((await signer("ES256", "a")).jwk);
    await start({ keys: { url: KEYS } });
    const forger = await signer("ES256", "a");
    for (let count = 0; count < 3; count++) expect(await status(await forger.sign({ n: count }))).toBe(401);
    expect(fetches).toBe(1);
  });

  test("an issuer that changes its key every 10 s: every good token passes, with one fetch a change", async () => {
    await start({ keys: { url: KEYS } });
    const exp = Math.floor(begin / 1000) + 3_600;
    for (let change = 0; change < 5; change++) {
      at(change * 10_000);
      const current = await signer("ES256", `key-${change}`);
      published = [current.jwk];
      const tokens = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => current.sign({ exp, n })));
      expect(await Promise.all(tokens.map(status))).toEqual([200, 200, 200, 200, 200, 200]);
      expect(fetches).toBe(change + 1);
    }
  });

  test("a new key without a name is found, too", async () => {
    const [old, fresh] = [await signer("ES256"), await signer("ES256")];
    published = [old.jwk];
    await start({ keys: { url: KEYS } });
    expect(await status(await old.sign())).toBe(200);
    published = [fresh.jwk];
    later(limits.identity.jwksQuietMs);
    expect(await status(await fresh.sign())).toBe(200);
    expect(await status(await old.sign())).toBe(401);
    expect(fetches).toBe(2);
  });

  test("a key that is withdrawn takes its remembered tokens along", async () => {
    const [old, fresh] = [await signer("ES256", "old"), await signer("ES256", "new")];
    published = [old.jwk];
    await start({ keys: { url: KEYS } });
    const token = await old.sign();
    expect(await status(token)).toBe(200);
    published = [fresh.jwk];
    later(limits.identity.jwksQuietMs);
    expect(await status(await fresh.sign())).toBe(200);
    later(1);
    expect(await status(token)).toBe(401);
    expect(fetches).toBe(2);
  });

  describe("between two fetches", () => {
    const { jwksCooldownMs, jwksQuietMs, keyNewcomersMax } = limits.identity;
    const beforeTheNext = async () => {
      const [old, fresh, garbage] = [await signer("ES256", "old"), await signer("ES256", "new"), await signer("ES256")];
      published = [old.jwk];
      await start({ keys: { url: KEYS } });
      expect(await status(await old.sign())).toBe(200);
      published = [fresh.jwk];
      later(100);
      return { old, fresh, garbage };
    };

    test("a token of a new key waits for the next one, garbage has it no earlier", async () => {
      const { fresh, garbage } = await beforeTheNext();
      const answers = [garbage, fresh, fresh, garbage].map(async (by, n) =>
        status(await by.sign({ n }, by === garbage ? { kid: `made-up-${n}` } : {})),
      );
      await sleep(200);
      expect(fetches).toBe(1);
      later(jwksCooldownMs - 100);
      expect(await Promise.all(answers)).toEqual([401, 200, 200, 401]);
      expect(fetches).toBe(2);
    });

    test("a flood of made-up names holds few requests and does not push out those of the new key", async () => {
      const { fresh, garbage } = await beforeTheNext();
      const early = [await fresh.sign({ n: 1 }), await fresh.sign({ n: 2 })].map(status);
      const flood = Array.from({ length: keyNewcomersMax + 20 }, async (_, n) =>
        status(await garbage.sign({}, { kid: `made-up-${n}` })),
      );
      const displaced = await Promise.all(flood.map((answer) => Promise.race([answer, sleep(1_000)])));
      expect(displaced.filter((code) => code === 429)).toHaveLength(20);
      expect(fetches).toBe(1);
      later(jwksCooldownMs - 100);
      expect(await Promise.all(early)).toEqual([200, 200]);
      expect((await Promise.all(flood)).filter((code) => code === 401)).toHaveLength(keyNewcomersMax);
      expect(fetches).toBe(2);
    });

    test("made-up names do not use up the fetch of a new key: whose key others name too, waits for none of them", async () => {
      const { fresh, garbage } = await beforeTheNext();
      later(jwksCooldownMs);
      const made = [1, 2, 3].map(async (n) => status(await garbage.sign({}, { kid: `made-up-${n}` })));
      await sleep(200);
      expect(fetches).toBe(1);
      expect(await Promise.all([await fresh.sign({ n: 1 }), await fresh.sign({ n: 2 })].map(status))).toEqual([
        200, 200,
      ]);
      expect(fetches).toBe(2);
      expect(await Promise.all(made)).toEqual([401, 401, 401]);
    });

    test("a token that is alone waits no longer than its time", async () => {
      const { fresh } = await beforeTheNext();
      later(jwksCooldownMs);
      const answer = status(await fresh.sign());
      await sleep(200);
      expect(fetches).toBe(1);
      later(jwksCooldownMs - 1);
      await sleep(200);
      expect(fetches).toBe(1);
      vi.spyOn(Date, "now").mockReturnValue(Date.now() + 1);
      // The route gives it 5 s, which are over; it is not refused for its key.
      expect([await answer, fetches]).toEqual([504, 2]);
    });

    test("a token of a key that was withdrawn is refused at once", async () => {
      const { old, fresh } = await beforeTheNext();
      later(jwksQuietMs);
      expect(await status(await fresh.sign())).toBe(200);
      for (const ms of [100, jwksCooldownMs]) {
        later(ms);
        expect(await status(await old.sign({ n: ms }))).toBe(401);
      }
      expect(fetches).toBe(2);
    });
  });

  test("while their server is away, unknown ones could be new: 503; known ones go on", async () => {
    const [known, unknown] = [await signer("ES256", "a"), await signer("ES256", "b")];
    published.push(known.jwk);
    await start({ keys: { url: KEYS } });
    expect(await status(await known.sign())).toBe(200);
    isUp = false;
    later(limits.identity.jwksQuietMs);
    for (let n = 0; n < 3; n++) {
      expect(await status(await unknown.sign({ n }))).toBe(503);
      expect(await status(await known.sign({ n }))).toBe(200);
      later(10);
    }
    expect(fetches).toBe(2);
  });

  test("outlive their server, for tokens that nobody has seen yet", async () => {
    const ec = await signer("ES256", "a");
    published.push(ec.jwk);
    await start({ keys: { url: KEYS } });
    const exp = Math.floor(begin / 1000) + 100_000;
    expect(await status(await ec.sign({ exp }))).toBe(200);
    isUp = false;
    for (const ms of [limits.identity.jwksFreshMs + 1, 3_600_000, limits.identity.jwksStaleMs - 1_000]) {
      at(ms);
      expect(await status(await ec.sign({ exp, ms }))).toBe(200);
    }
    at(limits.identity.jwksStaleMs + 60_000);
    expect(await status(await ec.sign({ exp, late: true }))).toBe(503);
  });

  test.each([
    ["no list of keys", { keys: {} }],
    ["something else", []],
  ])("%s is no key set: 503", async (_, body) => {
    await start({ keys: { url: KEYS } });
    const ec = await signer("ES256", "a");
    const { fetch } = globalThis;
    vi.mocked(fetch).mockImplementation(async () => Response.json(body));
    expect(await status(await ec.sign())).toBe(503);
  });
});

describe("what a provider asks of times", () => {
  test("tokens without exp pass only where the document says so, and are checked anew after a while", async () => {
    const ec = await signer("ES256", "a");
    const token = await ec.sign({ exp: undefined });
    const keys = { jwks: [publicJwk(ec.jwk)] };
    await start({ keys });
    expect(await status(token)).toBe(401);
    await start({ keys, unexpiring: true });
    const verify = vi.spyOn(crypto.subtle, "verify");
    for (const ms of [0, limits.identity.rememberedUnexpiringMs - 1, limits.identity.rememberedUnexpiringMs]) {
      at(ms + 60_000);
      expect(await status(token)).toBe(200);
    }
    expect(verify).toHaveBeenCalledTimes(2);
  });

  test("a token is no older than the bound, remembered or not", async () => {
    const ec = await signer("ES256", "a");
    await start({ keys: { jwks: [publicJwk(ec.jwk)] }, tokenAgeMsMax: 60_000 });
    const iat = Math.floor(begin / 1000);
    const token = await ec.sign({ iat, exp: iat + 600 });
    at(0);
    expect(await status(token)).toBe(200);
    at(61_000);
    expect(await status(token)).toBe(401);
    expect(await status(await ec.sign({ iat: undefined, exp: iat + 600 }))).toBe(401);
  });
});
