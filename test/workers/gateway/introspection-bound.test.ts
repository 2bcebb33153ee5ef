/** Opaque tokens that are bound: what the issuer says of `cnf` counts as a JWT's own does, also where it is remembered. */
import { base64url } from "jose";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { certificates, DEVICE_X5T, VALID_AT_MS } from "../../support/client-certificates.ts";
import { createClient, type DpopClient, type ProofOptions } from "./support/dpop.ts";
import { good, OpaqueIssuer } from "./support/opaque-issuer.ts";

const token = "opaque-1";
const url = "http://api.shop.example/orders/1";
let issuer: OpaqueIssuer;
let client: DpopClient;

beforeEach(async () => {
  vi.spyOn(Date, "now").mockReturnValue(VALID_AT_MS);
  issuer = new OpaqueIssuer();
  client = await createClient();
  await issuer.start();
});
afterEach(() => vi.restoreAllMocks());

const answer = (more: object): unknown => issuer.answers.set(token, () => ({ ...good, ...more }));
const show = async (options: ProofOptions = {}): Promise<Response> => {
  const dpop = await client.proof({ token, url, ...options });
  return issuer.gateway.fetch("/orders/1", { headers: { authorization: `DPoP ${token}`, dpop } });
};

test("to a DPoP key: each request needs its proof, and the issuer is asked once", async () => {
  answer({ token_type: "DPoP", cnf: { jkt: client.jkt } });
  expect((await show()).status).toBe(200);
  expect(issuer.gateway.sent.at(-1)?.headers.has("dpop")).toBe(false);
  expect((await show()).status).toBe(200);
  expect((await show({ token: "another" })).status).toBe(401);
  expect(await issuer.status(token)).toBe(401);
  expect(issuer.asked).toHaveLength(1);
});

test("of the type DPoP without a key is nobody's", async () => {
  answer({ token_type: "DPoP" });
  expect((await show()).status).toBe(401);
});

test("by its own word, where it is a JWT and the issuer does not repeat that", async () => {
  const segment = (value: object): string => base64url.encode(JSON.stringify(value));
  const jwt = `${segment({ alg: "ES256" })}.${segment({ cnf: { jkt: client.jkt } })}.${segment({})}`;
  issuer.answers.set(jwt, () => good);
  expect([await issuer.status(jwt), await issuer.status(jwt)]).toEqual([401, 401]);
  expect(issuer.lastReason).toMatch(/bound to a DPoP key and came as Bearer/);
  const dpop = await client.proof({ token: jwt, url });
  const shown = await issuer.gateway.fetch("/orders/1", { headers: { authorization: `DPoP ${jwt}`, dpop } });
  expect(shown.status).toBe(200);
});

test("by a cnf that is not understood: nobody passes", async () => {
  for (const cnf of [{}, null, "x", { jkt: "x" }, { kid: "1" }, { jkt: client.jkt, "x5t#S256": DEVICE_X5T }]) {
    await issuer.start();
    answer({ cnf });
    expect([await issuer.status(token), (await show()).status]).toEqual([401, 401]);
  }
});

test("to a certificate: with that one alone", async () => {
  answer({ cnf: { "x5t#S256": DEVICE_X5T } });
  const cf = (certRFC9440: string) => ({
    tlsClientAuth: { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certRFC9440 },
  });
  const get = async (name: keyof typeof certificates): Promise<number> => {
    const init = { headers: { authorization: `Bearer ${token}` }, cf: cf(`:${certificates[name]}:`) };
    return (await issuer.gateway.fetch("/orders/1", init as unknown as RequestInit)).status;
  };
  expect([await get("device"), await get("two"), await issuer.status(token)]).toEqual([200, 401, 401]);
});

test("where that is required, with a nonce", async () => {
  await issuer.start({ binding: { dpop: "required", nonce: true } });
  answer({});
  expect(await issuer.status(token)).toBe(401);
  await issuer.start({ binding: { dpop: "required", nonce: true } });
  answer({ cnf: { jkt: client.jkt } });
  const asked = await show();
  expect(asked.headers.get("www-authenticate")).toMatch(/^DPoP .*error="use_dpop_nonce"$/);
  expect((await show({ nonce: asked.headers.get("dpop-nonce") ?? "" })).status).toBe(200);
});
