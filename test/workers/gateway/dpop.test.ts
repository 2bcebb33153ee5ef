import { env } from "cloudflare:workers";
import { base64url, calculateJwkThumbprint, type JWK } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { TokenBinding } from "../../../shared/auth/confirmation.ts";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { createClient, type DpopClient, hashOf, type ProofOptions } from "./support/dpop.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

const bindings = env as unknown as Env;
let gateway: Gateway;
let issuer: Issuer;
let client: DpopClient;
let token: string;
let nowMs: number;

function planWith(binding?: TokenBinding): GatewayPlan {
  const { identity } = plan([]);
  const login = { ...identity.login, ...(binding !== undefined && { binding }) } as GatewayPlan["identity"][string];
  const auth = { any: ["login"], scopes: ["orders:read"] };
  return plan(
    [
      route("orders", "/orders/*", { auth }),
      route("all", "/all/*", { auth: { any: [], all: ["login", "again"], scopes: [] } }),
    ],
    {
      identity: { login, again: { ...login } },
    },
  );
}

const start = (binding?: TokenBinding, more: Partial<Env> = {}): Promise<Gateway> =>
  startGateway(planWith(binding), (request) => issuer.answer(request.url) ?? new Response("ok"), { env: more });

interface Call {
  readonly proof?: string;
  readonly scheme?: string;
  readonly token?: string;
  readonly path?: string;
  readonly method?: string;
  readonly on?: Gateway;
}
const call = ({ proof, scheme = "DPoP", path = "/orders/42", method = "GET", on = gateway, ...given }: Call) =>
  on.fetch(path, {
    method,
    headers: { authorization: `${scheme} ${given.token ?? token}`, ...(proof !== undefined && { dpop: proof }) },
  });
const show = async (options: ProofOptions = {}, more: Call = {}) =>
  call({ proof: await client.proof({ token, ...options }), ...more });

beforeEach(async () => {
  nowMs = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
  issuer = await createIssuer();
  client = await createClient();
  token = await issuer.sign({ cnf: { jkt: client.jkt } });
  gateway = await start();
});
afterEach(() => vi.restoreAllMocks());

const ALGS = 'algs="ES256 EdDSA Ed25519 PS256 RS256"';

describe("a bound token", () => {
  test("passes with a proof of its key, and neither of them goes on inside", async () => {
    const response = await show();
    expect(response.status).toBe(200);
    const [sent] = gateway.sent;
    expect(sent?.headers.get("dpop")).toBeNull();
    expect(sent?.headers.get("authorization")).toBeNull();
    expect(response.headers.get("dpop-nonce")).toBeNull();
  });

  test.each(["ES256", "EdDSA", "Ed25519", "PS256", "RS256"])("of a key for %s passes", async (alg) => {
    client = await createClient(alg);
    token = await issuer.sign({ cnf: { jkt: client.jkt } });
    expect((await show()).status).toBe(200);
  });

  test("needs a proof each time, also when it is remembered", async () => {
    expect((await show()).status).toBe(200);
    expect((await call({})).status).toBe(401);
    expect((await call({ scheme: "Bearer" })).status).toBe(401);
    expect((await show()).status).toBe(200);
  });

  test("as plain Bearer is refused, with and without its proof, though the plan says nothing of DPoP", async () => {
    const response = await show({}, { scheme: "Bearer" });
    expect([response.status, await response.json()]).toMatchObject([401, { code: "credentials_invalid" }]);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="api.shop.example", error="invalid_token"');
  });

  test("is asked for one proof by two providers of a route", async () => {
    const url = "http://api.shop.example/all/1";
    const proof = await client.proof({ token, url });
    expect((await call({ proof, path: "/all/1" })).status).toBe(200);
    expect((await call({ proof, path: "/all/1" })).status).toBe(401);
  });

  test("without the scope uses the scheme that it came by", async () => {
    token = await issuer.sign({ cnf: { jkt: client.jkt }, scope: "other" });
    const response = await show();
    expect(response.status).toBe(403);
    expect(response.headers.get("www-authenticate")).toBe(
      `Bearer realm="api.shop.example", DPoP realm="api.shop.example", ${ALGS}, error="insufficient_scope", scope="orders:read"`,
    );
  });

  test.each<[string, unknown]>([
    ["nothing", {}],
    ["null", null],
    ["a text", "x"],
    ["a list", [{}]],
    ["two things", { jkt: "A".repeat(43), "x5t#S256": "A".repeat(43) }],
    ["something unknown", { kid: "x" }],
    ["a member of every object", { __proto__: null, constructor: "x" }],
    ["a key that is named too short", { jkt: "AAAA" }],
    ["stray bits", { jkt: `${"A".repeat(42)}B` }],
    ["a number", { jkt: 1 }],
    ["an empty text", { jkt: "" }],
  ])("whose cnf is %s is refused", async (_, cnf) => {
    token = await issuer.sign({ cnf });
    for (const scheme of ["Bearer", "DPoP"]) expect((await show({}, { scheme })).status).toBe(401);
  });
});

describe("a proof is refused", () => {
  const other = (): Promise<DpopClient> => createClient();
  const cases: Record<string, () => Promise<string> | string> = {
    "that is empty": () => "",
    "that is garbage": () => "garbage",
    "of another key": async () => (await other()).proof({ token }),
    "signed by another key": async () => client.proof({ token, key: (await other()).key }),
    "without a signature": async () => (await client.proof({ token })).replace(/[^.]*$/, ""),
    "with a signature of zeros": async () =>
      (await client.proof({ token })).replace(/[^.]*$/, base64url.encode(new Uint8Array(64))),
    "with padding": async () => `${await client.proof({ token })}=`,
    "with white space inside": async () => (await client.proof({ token })).replace(".", " ."),
    "with a fourth segment": async () => `${await client.proof({ token })}.AAAA`,
    "that is two": async () => `${await client.proof({ token })}, ${await client.proof({ token })}`,
    "that is too long": () => client.proof({ token, claims: { more: "x".repeat(limits.dpop.proofBytesMax) } }),
    "that is nested": () => client.proof({ token, claims: { more: JSON.parse("[".repeat(40) + "]".repeat(40)) } }),
    "of the type JWT": () => client.proof({ token, header: { typ: "JWT" } }),
    "without a type": () => client.proof({ token, header: { typ: undefined } }),
    "of a type in another case": () => client.proof({ token, header: { typ: "DPoP+JWT" } }),
    "without a key": () => client.proof({ token, header: { jwk: undefined } }),
    "with its private key": () => client.proof({ token, header: { jwk: client.privateJwk } }),
    "with a secret as key": () => client.proof({ token, header: { jwk: { kty: "oct", k: "AAAA" } } }),
    "with a key for encryption": () => client.proof({ token, header: { jwk: { ...client.jwk, use: "enc" } } }),
    "with a key that is a list": () => client.proof({ token, header: { jwk: [client.jwk] } }),
    "with a key of stray bits": () =>
      client.proof({ token, header: { jwk: { ...client.jwk, x: `${client.jwk.x}`.replace(/.$/, "B") } } }),
    "with a key off its curve": () => client.proof({ token, header: { jwk: { ...client.jwk, y: client.jwk.x } } }),
    "of a key off its curve that the token names": async () => {
      const jwk = { ...client.jwk, y: client.jwk.x };
      token = await issuer.sign({ cnf: { jkt: await calculateJwkThumbprint(jwk as JWK) } });
      return client.proof({ token, header: { jwk } });
    },
    "with an address of a key": () =>
      client.proof({ token, header: { jwk: undefined, jku: "https://evil.example/keys" } }),
    "with crit": () => client.proof({ token, header: { crit: ["exp"], exp: 1 } }),
    "without jti": () => client.proof({ token, claims: { jti: undefined } }),
    "with an empty jti": () => client.proof({ token, claims: { jti: "" } }),
    "with a jti that is a number": () => client.proof({ token, claims: { jti: 1 } }),
    "with a jti that is too long": () =>
      client.proof({ token, claims: { jti: "x".repeat(limits.dpop.jtiCharsMax + 1) } }),
    "without htm": () => client.proof({ token, claims: { htm: undefined } }),
    "of another method": () => client.proof({ token, method: "POST" }),
    "of the method in lower case": () => client.proof({ token, method: "get" }),
    "without htu": () => client.proof({ token, claims: { htu: undefined } }),
    "of another path": () => client.proof({ token, url: "http://api.shop.example/orders/43" }),
    "of another host": () => client.proof({ token, url: "http://evil.example/orders/42" }),
    "of another scheme": () => client.proof({ token, url: "https://api.shop.example/orders/42" }),
    "of another port": () => client.proof({ token, url: "http://api.shop.example:8080/orders/42" }),
    "with a name in the URL": () => client.proof({ token, url: "http://api.shop.example@evil.example/orders/42" }),
    "of a path that only ends alike": () => client.proof({ token, url: "http://api.shop.example/x/../orders/42" }),
    "of a relative URL": () => client.proof({ token, url: "/orders/42" }),
    "without iat": () => client.proof({ token, claims: { iat: undefined } }),
    "with iat as a text": () => client.proof({ token, claims: { iat: String(nowMs / 1000) } }),
    "that is too old": () => client.proof({ token, claims: { iat: nowMs / 1000 - limits.dpop.proofAgeMsMax / 1000 } }),
    "of the future": () => client.proof({ token, claims: { iat: nowMs / 1000 + limits.dpop.clockAheadMs / 1000 + 1 } }),
    "without ath": () => client.proof({}),
    "of another token": () => client.proof({ token: `${token}x` }),
    "with ath as hex": async () => client.proof({ claims: { ath: (await hashOf(token)).toUpperCase() } }),
  };
  test.each(Object.keys(cases))("%s", async (name) => {
    const proof = (await cases[name]?.()) ?? "";
    const response = await call({ proof });
    const body = await response.json();
    expect([name, response.status, body]).toMatchObject([name, 401, { code: "credentials_invalid" }]);
    expect(response.headers.get("www-authenticate")).toMatch(
      /^Bearer realm="api\.shop\.example", DPoP realm="api\.shop\.example", algs="[^"]+", error="(invalid_dpop_proof|invalid_token)"$/,
    );
    expect(gateway.sent).toEqual([]);
  });

  test.each(["none", "HS256", "ES384"])("of alg %s", async (alg) => {
    const [header = "", payload, signature] = (await client.proof({ token })).split(".");
    const changed = { ...JSON.parse(new TextDecoder().decode(base64url.decode(header))), alg };
    const proof = `${base64url.encode(JSON.stringify(changed))}.${payload}.${signature}`;
    expect((await call({ proof })).status).toBe(401);
  });

  test("with a member twice", async () => {
    const [header, payload = ""] = (await client.proof({ token })).split(".");
    const doubled = new TextDecoder().decode(base64url.decode(payload)).replace("{", '{"htm":"POST",');
    const signed = `${header}.${base64url.encode(doubled)}`;
    const mac = await crypto.subtle.sign(
      { name: "ECDSA", hash: "SHA-256" },
      client.key,
      new TextEncoder().encode(signed),
    );
    expect((await call({ proof: `${signed}.${base64url.encode(new Uint8Array(mac))}` })).status).toBe(401);
  });
});

describe("the URL", () => {
  test.each([
    "http://api.shop.example/orders/42?x=1",
    "http://api.shop.example/orders/42#x",
    "HTTP://API.shop.example/orders/42",
    "http://api.shop.example:80/orders/42",
    "http://api.shop.example/orders/%34%32",
  ])("%s is the same", async (url) => {
    expect((await show({ url })).status).toBe(200);
  });

  test("is without the query of the request", async () => {
    expect((await show({}, { path: "/orders/42?limit=1" })).status).toBe(200);
  });
});

describe("an unbound token", () => {
  beforeEach(async () => {
    token = await issuer.sign();
  });
  test("passes as Bearer, not by the scheme DPoP", async () => {
    expect((await call({ scheme: "Bearer" })).status).toBe(200);
    expect((await show()).status).toBe(401);
  });

  test("is refused where binding is required, by a challenge of DPoP alone", async () => {
    gateway = await start({ dpop: "required" });
    const response = await call({ scheme: "Bearer" });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe(
      `DPoP realm="api.shop.example", ${ALGS}, error="invalid_token"`,
    );
    expect((await gateway.fetch("/orders/42")).headers.get("www-authenticate")).toBe(
      `DPoP realm="api.shop.example", ${ALGS}`,
    );
  });

  test("hears of DPoP where the document says so", async () => {
    gateway = await start({ dpop: "accepted" });
    expect((await call({ scheme: "Bearer" })).status).toBe(200);
    expect((await gateway.fetch("/orders/42")).headers.get("www-authenticate")).toBe(
      `Bearer realm="api.shop.example", DPoP realm="api.shop.example", ${ALGS}`,
    );
  });
});

describe("nonces", () => {
  beforeEach(async () => {
    gateway = await start({ dpop: "required", nonce: true });
  });
  const nonceOf = async () => (await show()).headers.get("dpop-nonce") ?? "";

  test("are asked for, given, and good in every isolate", async () => {
    const asked = await show();
    expect(asked.status).toBe(401);
    expect(asked.headers.get("www-authenticate")).toContain('error="use_dpop_nonce"');
    expect(asked.headers.get("cache-control")).toBe("no-store");
    const nonce = asked.headers.get("dpop-nonce") ?? "";
    expect(nonce).toMatch(/^[\w-]{22}$/);
    const good = await show({ nonce });
    expect([good.status, good.headers.get("dpop-nonce")]).toEqual([200, null]);
    expect((await show({ nonce }, { on: await start({ dpop: "required", nonce: true }) })).status).toBe(200);
  });

  test("are told once, however many providers ask", async () => {
    const url = "http://api.shop.example/all/1";
    const nonce = await nonceOf();
    nowMs += limits.dpop.nonceMs;
    token = await issuer.sign({ cnf: { jkt: client.jkt } });
    for (const given of [undefined, nonce]) {
      const proof = await client.proof({ token, url, ...(given !== undefined && { nonce: given }) });
      expect((await call({ proof, path: "/all/1" })).headers.get("dpop-nonce")).toMatch(/^[\w-]{22}$/);
    }
  });

  test("are of a gateway", async () => {
    const nonce = await nonceOf();
    const elsewhere = await start({ nonce: true }, { CONTROL_TOKEN: "another" });
    expect((await show({ nonce }, { on: elsewhere })).status).toBe(401);
  });

  test("are good for one window more, whose answers have the next one", async () => {
    const nonce = await nonceOf();
    nowMs += limits.dpop.nonceMs;
    token = await issuer.sign({ cnf: { jkt: client.jkt } });
    const late = await show({ nonce });
    const next = late.headers.get("dpop-nonce") ?? "";
    expect([late.status, late.headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(next).toMatch(/^[\w-]{22}$/);
    expect(next).not.toBe(nonce);
    nowMs += limits.dpop.nonceMs;
    expect((await show({ nonce })).status).toBe(401);
    expect((await show({ nonce: next })).status).toBe(200);
  });

  test("make up for a wrong clock of the client", async () => {
    const nonce = await nonceOf();
    const skew = limits.dpop.clockSkewWithNonceMs / 1000;
    for (const offset of [1 - skew, skew])
      expect((await show({ nonce, claims: { iat: nowMs / 1000 + offset } })).status).toBe(200);
    for (const offset of [-skew, skew + 1])
      expect((await show({ nonce, claims: { iat: nowMs / 1000 + offset } })).status).toBe(401);
  });

  test.each([1, null, "", "x", {}, ["a"]])("%j is none", async (nonce) => {
    expect((await show({ claims: { nonce } })).status).toBe(401);
  });
});

describe("replays", () => {
  test("are refused by the isolate that saw the proof, without a call, and by every other", async () => {
    const proof = await client.proof({ token });
    let asked = 0;
    const counted = {
      getByName: (name: string) => {
        asked++;
        return bindings.REPLAY.getByName(name);
      },
    } as unknown as Env["REPLAY"];
    const [one, two] = [await start(undefined, { REPLAY: counted }), await start(undefined, { REPLAY: counted })];
    expect((await call({ proof, on: one })).status).toBe(200);
    expect((await call({ proof, on: one })).status).toBe(401);
    expect(asked).toBe(1);
    expect((await call({ proof, on: two })).status).toBe(401);
    expect(asked).toBe(2);
  });

  test("are of a key and a jti: for another URL, and with a new signature, too", async () => {
    const claims = { jti: "once" };
    expect((await show({ claims })).status).toBe(200);
    const on = await start();
    expect((await show({ claims }, { on })).status).toBe(401);
    expect((await show({ claims, url: "http://api.shop.example/orders/43" }, { on, path: "/orders/43" })).status).toBe(
      401,
    );
    client = await createClient();
    token = await issuer.sign({ cnf: { jkt: client.jkt } });
    expect((await show({ claims }, { on })).status).toBe(200);
  });

  test("of equal proofs at once exactly one passes, over several isolates", async () => {
    const isolates = await Promise.all(Array.from({ length: 4 }, () => start()));
    await Promise.all(isolates.map((on) => show({}, { on })));
    for (let round = 0; round < 10; round++) {
      const proof = await client.proof({ token });
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, at) => call({ proof, on: isolates[at % 4] as Gateway })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...new Array(39).fill(401)]);
    }
  });

  test.each<[string, () => unknown]>([
    ["fails", () => Promise.reject(new Error("Durable Object is overloaded."))],
    ["is silent", () => new Promise(() => undefined)],
    ["is full", () => Promise.resolve("full")],
  ])("cannot be told when an object %s: nobody passes, and that is not the client's fault", async (_, take) => {
    const broken = { getByName: () => ({ take }) } as unknown as Env["REPLAY"];
    vi.mocked(Date.now).mockRestore();
    const on = await start(undefined, { REPLAY: broken });
    const proof = await client.proof({ token });
    const response = await call({ proof, on });
    expect([response.status, await response.json()]).toMatchObject([503, { code: "proofs_unavailable" }]);
    expect(on.sent).toEqual([]);
  });

  test("an object that did not answer is asked again", async () => {
    let up = false;
    const flaky = {
      getByName: (name: string) =>
        up ? bindings.REPLAY.getByName(name) : { take: () => Promise.reject(new Error("x")) },
    } as unknown as Env["REPLAY"];
    const on = await start(undefined, { REPLAY: flaky });
    const proof = await client.proof({ token });
    expect((await call({ proof, on })).status).toBe(503);
    up = true;
    expect((await call({ proof, on })).status).toBe(200);
    expect((await call({ proof, on })).status).toBe(401);
  });
});
