/** Checks of `signature` and `webhook` providers that a schema cannot state. */
import {
  algorithmOf,
  type MessageAlgorithm,
  messageAlgorithms,
  messageSecretBytesMin,
  usualMessageAlgorithms,
} from "../auth/http-signature.ts";
import { readPublicJwk } from "../auth/jwk.ts";
import { isOfSmallOrder } from "../auth/small-order.ts";
import { type WebhookStyleName, webhookStyles } from "../auth/webhook.ts";
import { bytesOfBase64 } from "../http/base64.ts";
import { refuseComponent } from "../http/signature-base.ts";
import { limits } from "../limits.ts";
import { checkSecretLength } from "./check-secret.ts";
import { checkTransport } from "./check-transport.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import type { Secrets } from "./references.ts";
import { quote } from "./schema-problems.ts";
import { formatSize, parseSizeBytes } from "./units.ts";

/** @param secrets when given, the length of secrets is checked where it is known */
export function checkSignatures(top: Cursor, secrets?: Secrets): DocumentProblem[] {
  const identity = top.get("gateway", "identity");
  const problems = identity.entries.flatMap(([, provider]) => [
    ...(isMapping(provider.get("signature")) ? checkSignature(provider.get("signature"), secrets) : []),
    ...(isMapping(provider.get("webhook")) ? checkWebhook(provider.get("webhook"), secrets) : []),
  ]);
  return [...problems, ...checkBodies(top.get("gateway", "routes"), identity)];
}

/** A body is held whole while its signature is checked. */
function checkBodies(routes: Cursor, identity: Cursor): DocumentProblem[] {
  const { heldBodyBytesMax } = limits.gateway;
  return routes.items.flatMap((route) => {
    const [auth, maxBody] = [route.get("auth"), route.get("maxBody")];
    const named = [auth, ...auth.get("any").items, ...auth.get("all").items].flatMap(({ text }) => text ?? []);
    const isHeld = named.some((name) => ["signature", "webhook"].some((kind) => identity.get(name, kind).exists));
    const bytes = maxBody.text === undefined ? undefined : parseSizeBytes(maxBody.text);
    if (!isHeld || bytes === undefined || bytes <= heldBodyBytesMax) return [];
    const bound = formatSize(heldBodyBytesMax);
    const message = `bodies that a signature covers are taken up to ${bound}`;
    return [warning("SLV3009", maxBody.path, message, { suggestion: bound })];
  });
}

const isMapping = ({ value }: Cursor): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

function checkSignature(signature: Cursor, secrets: Secrets | undefined): DocumentProblem[] {
  const [keys, jwks] = [signature.get("keys"), signature.get("jwks")];
  const problems: DocumentProblem[] = [];
  if (!keys.exists && !jwks.exists)
    problems.push(error("SLV2005", signature.path, "a `signature` needs one of `keys` and `jwks`"));
  if (keys.exists && jwks.exists)
    problems.push(error("SLV3009", jwks.path, "keys come from one place, not from keys and jwks", { at: "key" }));
  return [
    ...problems,
    ...checkKeys(keys, algorithmsOf(signature), secrets),
    ...checkTransport(jwks, "the keys are fetched"),
    ...checkComponents(signature.get("components")),
  ];
}

const algorithmsOf = (signature: Cursor): readonly MessageAlgorithm[] => {
  const algorithms = signature.get("algorithms");
  // Names that are unknown have a problem of their own.
  const known = messageAlgorithms.filter((one) => algorithms.texts.includes(one));
  return known.length > 0 ? known : usualMessageAlgorithms;
};

function checkKeys(
  keys: Cursor,
  algorithms: readonly MessageAlgorithm[],
  secrets: Secrets | undefined,
): DocumentProblem[] {
  const { keysMax } = limits.signature;
  if (keys.items.length > keysMax)
    return [error("SLV1003", keys.path, `a provider has at most ${keysMax} keys, this one has ${keys.items.length}`)];
  const names = new Set<string>();
  return keys.items.flatMap((key) => {
    if (!isMapping(key)) return [];
    const keyid = key.get("keyid");
    const repeated = keyid.text !== undefined && names.has(keyid.text);
    names.add(keyid.text ?? "");
    return [
      ...(repeated ? [error("SLV3006", keyid.path, `the keyid ${quote(keyid.text ?? "")} is used twice`)] : []),
      ...checkKey(key, algorithms, secrets),
    ];
  });
}

function checkKey(
  key: Cursor,
  algorithms: readonly MessageAlgorithm[],
  secrets: Secrets | undefined,
): DocumentProblem[] {
  const [jwk, secret, encoding] = [key.get("jwk"), key.get("secret"), key.get("encoding")];
  if (jwk.exists === secret.exists)
    return [error("SLV2005", key.path, "a key needs exactly one of `jwk` and `secret`")];
  if (secret.exists) {
    const expected = encoding.value === "base64" ? Math.ceil(messageSecretBytesMin / 3) * 4 : messageSecretBytesMin;
    const refused = algorithms.includes("hmac-sha256")
      ? []
      : [error("SLV3009", secret.path, "a secret is of hmac-sha256, which `algorithms` does not have", { at: "key" })];
    return [...refused, ...checkSecretLength(secret, expected, secrets)];
  }
  if (encoding.exists) return [error("SLV3009", encoding.path, "`encoding` is of a `secret`", { at: "key" })];
  return isMapping(jwk) ? checkJwk(jwk, algorithms) : [];
}

function checkJwk(jwk: Cursor, algorithms: readonly MessageAlgorithm[]): DocumentProblem[] {
  const read = readPublicJwk(jwk.value);
  if (typeof read === "string")
    return [error("SLV3014", jwk.path, `the key ${read}`, { expected: "a public JWK: RSA, EC or Ed25519" })];
  if (algorithmOf(read, algorithms) !== undefined) return [];
  const message = `the key is of none of the accepted algorithms: ${algorithms.join(", ")}`;
  return [error("SLV3014", jwk.path, message)];
}

const NOTHING: ReadonlyMap<string, string | true> = new Map();

function checkComponents(components: Cursor): DocumentProblem[] {
  if (!components.exists) return [];
  const problems = components.items.flatMap((component) => {
    const name = component.text;
    if (name === undefined || !name.startsWith("@")) return [];
    const refused = name === "@status" ? "is of answers" : refuseComponent(name, NOTHING);
    return refused === undefined ? [] : [error("SLV2001", component.path, `${quote(name)} ${refused}`)];
  });
  if (problems.length > 0 || components.items.length === 0) return problems;
  const open = NEEDED.filter(({ by }) => !by.some((name) => components.texts.includes(name)));
  if (open.length === 0) return [];
  const [lacking, without] = [open.map(({ by }) => by[0]).join(", "), open.map((one) => one.without).join(", ")];
  return [
    warning("SLV3020", components.path, `a signature is good for every ${without}: it need not cover ${lacking}`),
  ];
}

/** What a request is; a signature that does not cover it is good for another one. */
const NEEDED: readonly { readonly by: readonly string[]; readonly without: string }[] = [
  { by: ["@method"], without: "method" },
  { by: ["@authority", "@target-uri"], without: "host" },
  { by: ["@path", "@target-uri", "@request-target"], without: "path" },
  { by: ["@query", "@target-uri", "@request-target"], without: "query" },
  { by: ["content-digest"], without: "content" },
];

function checkWebhook(webhook: Cursor, secrets: Secrets | undefined): DocumentProblem[] {
  const [given, publicKeys] = [webhook.get("secrets"), webhook.get("publicKeys")];
  const [tolerance, replay] = [webhook.get("tolerance"), webhook.get("replay")];
  const name = (webhook.get("style").text ?? "standard") as WebhookStyleName;
  const style = Object.hasOwn(webhookStyles, name) ? webhookStyles[name] : undefined;
  const problems: DocumentProblem[] = [];
  if (!given.exists && !publicKeys.exists)
    problems.push(error("SLV2005", webhook.path, "a `webhook` needs `secrets`, `publicKeys` or both"));
  const { webhookKeysMax, webhookSecretBytesMin, webhookTextSecretBytesMin } = limits.signature;
  for (const keys of [given, publicKeys])
    if (keys.oneOrItems.length > webhookKeysMax)
      problems.push(error("SLV1003", keys.path, `at most ${webhookKeysMax}, this one has ${keys.oneOrItems.length}`));
  for (const key of publicKeys.oneOrItems)
    if (isOfSmallOrder(bytesOfBase64((key.text ?? "").slice("whpk_".length)) ?? []))
      problems.push(error("SLV3014", key.path, "the key is a point of small order, for which anybody can sign"));
  if (style === undefined) return problems;
  if (publicKeys.exists && ![...style.marks.values()].includes("ed25519"))
    problems.push(error("SLV3009", publicKeys.path, `${name} signs with secrets alone`, { at: "key" }));
  if (tolerance.exists && style.prefix === undefined)
    problems.push(error("SLV3009", tolerance.path, `${name} signs no time that could be compared`, { at: "key" }));
  if (replay.text === "once" && style.prefix === undefined)
    problems.push(
      error("SLV3009", replay.path, `${name} signs no time, so a delivery would have to be known for ever`),
    );
  const needed =
    style.secretPrefix === undefined ? webhookTextSecretBytesMin : Math.ceil(webhookSecretBytesMin / 3) * 4;
  return [...problems, ...given.oneOrItems.flatMap((secret) => checkSecretLength(secret, needed, secrets))];
}
