/** Whatever stands in `DPoP`: never an error of ours, and never a pass but for the one good proof. */
import fc from "fast-check";
import { base64url } from "jose";
import { afterEach, expect, test, vi } from "vitest";
import { createClient } from "./support/dpop.ts";
import { fuzzing } from "./support/fuzz.ts";
import { startGateway } from "./support/gateway.ts";
import { createIssuer } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

afterEach(() => vi.restoreAllMocks());

test("random proofs and changed ones", async () => {
  const [issuer, client] = [await createIssuer(), await createClient()];
  const orders = route("orders", "/orders/*", { auth: { any: ["login"], scopes: [] } });
  const gateway = await startGateway(plan([orders]), (request) => issuer.answer(request.url) ?? Response.json({}));
  const token = await issuer.sign({ cnf: { jkt: client.jkt } });
  const good = await client.proof({ token });
  const [header = "", payload = "", signature = ""] = good.split(".");

  const words = fc.constantFrom<unknown>(
    "dpop+jwt",
    "ES256",
    "none",
    client.jwk,
    client.jkt,
    "GET",
    0,
    -1,
    1e308,
    null,
  );
  const member = fc.constantFrom("typ", "alg", "jwk", "crit", "jti", "htm", "htu", "iat", "ath", "nonce");
  const object = fc.dictionary(member, fc.oneof(words, fc.jsonValue({ maxDepth: 3 })));
  const segment = fc.oneof(
    object.map((value) => base64url.encode(JSON.stringify(value))),
    fc.string().map((text) => base64url.encode(text)),
    fc.stringMatching(/^[A-Za-z0-9_-]{0,40}$/),
  );
  const changed = fc
    .tuple(fc.nat(good.length - 1), fc.nat(3), fc.stringMatching(/^[\x21-\x7e]{0,4}$/))
    .map(([at, length, text]) => good.slice(0, at) + text + good.slice(at + length))
    .filter((text) => text !== good);
  const proof = fc.oneof(
    changed,
    fc.tuple(segment, segment, segment).map((parts) => parts.join(".")),
    segment.map((other) => `${other}.${payload}.${signature}`),
    segment.map((other) => `${header}.${other}.${signature}`),
    segment.map((other) => `${header}.${payload}.${other}`),
    fc.stringMatching(/^[\x20-\x7e]{0,60}$/),
  );
  const show = (dpop: string) => gateway.fetch("/orders/42", { headers: { authorization: `DPoP ${token}`, dpop } });
  await fc.assert(
    fc.asyncProperty(proof, async (text) => {
      expect((await show(text)).status).toBe(401);
    }),
    fuzzing(1_500),
  );
  // Signed by the right key with another claim or header member: that member alone decides.
  await fc.assert(
    fc.asyncProperty(object, async (members) => {
      const claims = { ...members };
      for (const name of ["typ", "alg", "jwk", "crit", "jti"]) delete claims[name];
      const text = await client.proof({ token, claims: claims });
      const { status } = await show(text);
      expect([200, 401]).toContain(status);
      if (status === 200) expect([claims.htm ?? "GET", claims.htu, claims.ath]).toEqual(["GET", undefined, undefined]);
      if (Object.keys(claims).length === 0) expect(status).toBe(200);
    }),
    fuzzing(300),
  );
  expect((await show(good)).status).toBe(200);
}, 60_000);
