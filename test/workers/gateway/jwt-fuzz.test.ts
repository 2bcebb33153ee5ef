/** Whatever stands in `Authorization`: never an error of ours, and never a pass but for the one good token. */
import fc from "fast-check";
import { base64url, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, expect, test, vi } from "vitest";
import { type PublicJwk, readPublicJwk } from "../../../shared/auth/jwk.ts";
import type { JwtProvider } from "../../../shared/auth/providers.ts";
import { fuzzing } from "./support/fuzz.ts";
import { startGateway } from "./support/gateway.ts";
import { times } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

afterEach(() => vi.restoreAllMocks());

const json = fc.oneof(
  fc.constantFrom<unknown>("ES256", "none", "HS256", "k", "api", "urn:i", "alice", 0, -1, 1e308, null, true, [], {}),
  fc.jsonValue({ maxDepth: 3 }),
);
const members = [
  "alg",
  "kid",
  "typ",
  "crit",
  "b64",
  "jwk",
  "iss",
  "aud",
  "sub",
  "exp",
  "nbf",
  "iat",
  "scope",
  "groups",
];
const segment = fc.oneof(
  fc.dictionary(fc.constantFrom(...members), json).map((value) => base64url.encode(JSON.stringify(value))),
  fc.string().map((text) => base64url.encode(text)),
  fc.stringMatching(/^[A-Za-z0-9_-]{0,40}$/),
);

test("random credentials and changed tokens", async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwks = [readPublicJwk(await exportJWK(publicKey)) as PublicJwk];
  const p: JwtProvider = {
    kind: "jwt",
    issuer: "urn:i",
    audiences: ["api"],
    algorithms: ["ES256"],
    clockSkewMs: 0,
    keys: { jwks },
  };
  const orders = route("orders", "/orders/*", { auth: { any: ["p"], scopes: [] } });
  const gateway = await startGateway(plan([orders], { identity: { p } }), () => Response.json({}));
  const claims = { iss: "urn:i", aud: "api", sub: "alice", ...times() };
  const good = await new SignJWT(claims).setProtectedHeader({ alg: "ES256" }).sign(privateKey);
  const [header = "", payload = "", signature = ""] = good.split(".");

  const changed = fc
    .tuple(fc.nat(good.length - 1), fc.nat(3), fc.stringMatching(/^[\x21-\x7e]{0,4}$/))
    .map(([at, length, text]) => good.slice(0, at) + text + good.slice(at + length));
  const credential = fc.oneof(
    changed,
    fc.tuple(segment, segment, segment).map((parts) => parts.join(".")),
    segment.map((other) => `${other}.${payload}.${signature}`),
    segment.map((other) => `${header}.${other}.${signature}`),
    segment.map((other) => `${header}.${payload}.${other}`),
    fc.stringMatching(/^[\x20-\x7e]{0,60}$/),
  );
  const scheme = fc.constantFrom("Bearer ", "bearer ", "Bearer  ", "BEARER\t", "Basic ", "DPoP ", "");
  await fc.assert(
    fc.asyncProperty(scheme, credential, async (prefix, text) => {
      const response = await gateway.fetch("/orders/1", { headers: { authorization: prefix + text } });
      const isGood = /^bearer +$/i.test(prefix) && text.trim() === good;
      expect(response.status).toBe(isGood ? 200 : 401);
    }),
    fuzzing(1_500),
  );
  expect((await gateway.fetch("/orders/1", { headers: { authorization: `Bearer ${good}` } })).status).toBe(200);
}, 60_000);
