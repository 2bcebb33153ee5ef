/** Checks of identity providers: that each is of one kind; where JWT keys come from, and whether those can prove anything. */
import { hmacAlgorithms, readPublicJwk, secretBytesMin } from "../auth/jwk.ts";
import { limits } from "../limits.ts";
import { checkSecretLength } from "./check-secret.ts";
import { checkTransport } from "./check-transport.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error } from "./problem.ts";
import type { Secrets } from "./references.ts";
import { provider } from "./schema-identity.ts";
import { quote } from "./schema-problems.ts";

const KINDS = Object.keys(provider.shape);

const isHmac = (alg: string): boolean => (hmacAlgorithms as readonly string[]).includes(alg);

/** @param secrets when given, the length of secrets is checked where it is known */
export function checkIdentity(top: Cursor, secrets?: Secrets): DocumentProblem[] {
  return top
    .get("gateway", "identity")
    .entries.flatMap(([, given]) => [...checkKind(given), ...checkJwt(given.get("jwt"), secrets)]);
}

function checkKind(given: Cursor): DocumentProblem[] {
  if (typeof given.value !== "object" || given.value === null) return [];
  if (KINDS.filter((kind) => given.get(kind).exists).length === 1) return [];
  const kinds = KINDS.map((kind) => `\`${kind}\``).join(", ");
  return [error("SLV2005", given.path, `an identity provider needs exactly one of ${kinds}`)];
}

function checkJwt(jwt: Cursor, secrets: Secrets | undefined): DocumentProblem[] {
  if (typeof jwt.value !== "object" || jwt.value === null) return [];
  const sources = ["jwks", "keys", "secret"].filter((key) => jwt.get(key).exists);
  if (sources.length > 1)
    return [
      error(
        "SLV3009",
        jwt.get(sources[1] as string).path,
        `keys come from one place, not from ${sources.join(" and ")}`,
        {
          at: "key",
        },
      ),
    ];
  return [
    ...checkIssuer(jwt.get("issuer"), sources.length === 0),
    ...checkAlgorithms(jwt, sources[0] === "secret"),
    ...checkTransport(jwt.get("jwks"), "the keys are fetched"),
    ...checkKeys(jwt.get("keys")),
    ...checkSecretLength(jwt.get("secret"), secretBytesMin(jwt.get("algorithms").texts), secrets),
  ];
}

/** Discovery asks the issuer itself, so its name must be a place. */
function checkIssuer(issuer: Cursor, discovered: boolean): DocumentProblem[] {
  const { text } = issuer;
  if (!discovered || text === undefined || (/^https?:\/\/[^/]/.test(text) && URL.canParse(text))) return [];
  return [
    error("SLV2001", issuer.path, `${quote(text)} is no place to find keys at: expected an http or https URL`, {
      expected: "an http or https URL, or one of `jwks`, `keys` and `secret` beside it",
    }),
  ];
}

/** A key of one family must never be tried as one of the other. */
function checkAlgorithms(jwt: Cursor, shared: boolean): DocumentProblem[] {
  return jwt.get("algorithms").items.flatMap((algorithm) => {
    const { text } = algorithm;
    if (text === undefined || isHmac(text) === shared) return [];
    const message = shared
      ? `${text} needs public keys, but this provider has a secret`
      : `${text} needs a shared secret, but this provider has public keys`;
    return [error("SLV3009", algorithm.path, message, shared ? { expected: hmacAlgorithms.join(", ") } : {})];
  });
}

function checkKeys(keys: Cursor): DocumentProblem[] {
  const { staticKeysMax } = limits.identity;
  if (keys.items.length > staticKeysMax)
    return [
      error("SLV1003", keys.path, `a provider has at most ${staticKeysMax} keys, this one has ${keys.items.length}`),
    ];
  const names = new Set<unknown>();
  return keys.items.flatMap((key) => {
    if (typeof key.value !== "object" || key.value === null) return [];
    const read = readPublicJwk(key.value);
    if (typeof read === "string")
      return [error("SLV3014", key.path, `the key ${read}`, { expected: "a public JWK: RSA, EC or Ed25519" })];
    const repeated = read.kid !== undefined && names.has(read.kid);
    names.add(read.kid);
    return repeated ? [error("SLV3006", key.get("kid").path, `the kid ${quote(read.kid ?? "")} is used twice`)] : [];
  });
}
