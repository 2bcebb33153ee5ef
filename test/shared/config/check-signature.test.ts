import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { MessageKey, SignatureProvider } from "../../../shared/auth/http-signature.ts";
import type { WebhookProvider } from "../../../shared/auth/webhook.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { limits } from "../../../shared/limits.ts";
import { compile } from "../../../shared/plan/compile.ts";

const load = (identity: unknown, routes: unknown = [], bytes?: number) =>
  loadDocument(
    JSON.stringify({ selvage: 1, name: "a", gateway: { hosts: ["localhost"], identity, routes } }),
    "f",
    () => undefined,
    bytes === undefined ? undefined : { has: () => true, bytes: () => bytes },
  );
const codes = (provider: unknown, bytes?: number) =>
  load({ p: provider }, [], bytes).problems.map(({ code, path }) => `${code} ${path.slice(3).join(".")}`);
function compiled<Provider>(provider: unknown): Provider {
  const { document, problems } = load({ p: provider });
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document).gateway.identity.p as Provider;
}

const jwkOf = (pair: ReturnType<typeof generateKeyPairSync>) => pair.publicKey.export({ format: "jwk" });
const ed = jwkOf(generateKeyPairSync("ed25519"));
const ec = jwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" }));
const ec384 = jwkOf(generateKeyPairSync("ec", { namedCurve: "P-384" }));
const ec521 = jwkOf(generateKeyPairSync("ec", { namedCurve: "P-521" }));
const rsa = jwkOf(generateKeyPairSync("rsa", { modulusLength: 2048 }));
const key = (jwk: object, more: object = {}) => ({ keyid: "k", jwk, ...more });
const secret = { keyid: "k", secret: "${secret:S}" };
const whpk = "whpk_ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g=";

describe("signature", () => {
  test("defaults", () => {
    expect(compiled<SignatureProvider>({ signature: { keys: [key(ed)] } })).toEqual({
      kind: "signature",
      name: "p",
      keys: [
        {
          keyid: "k",
          algorithm: "ed25519",
          material: { jwk: { kty: "OKP", crv: "Ed25519", x: ed.x } },
          sub: "k",
          scopes: [],
          groups: [],
        },
      ],
      algorithms: ["ecdsa-p256-sha256", "ecdsa-p384-sha384", "ed25519", "hmac-sha256", "rsa-pss-sha512"],
      components: ["@method", "@authority", "@path", "@query", "content-digest"],
      ageMsMax: limits.signature.ageMs,
      clockSkewMs: limits.identity.clockSkewMs,
    });
  });

  test("a key states whom it stands for, else its provider does", () => {
    const keys = [key(ed, { subject: "one", scopes: ["b", "a"] }), { ...secret, keyid: "other", encoding: "base64" }];
    const provider = compiled<SignatureProvider>({
      signature: {
        keys,
        subject: "all",
        scopes: ["c"],
        groups: ["g"],
        consumer: "acme",
        plan: "gold",
        tag: "t",
        label: "l",
        replay: "once",
        maxAge: "10s",
        clockSkew: "0s",
      },
    });
    expect(provider.keys.map(({ keyid, sub, scopes }) => [keyid, sub, scopes])).toEqual([
      ["k", "one", ["a", "b"]],
      ["other", "all", ["c"]],
    ]);
    expect(provider.keys[1]).toMatchObject({
      algorithm: "hmac-sha256",
      material: { secret: "S", encoding: "base64" },
      groups: ["g"],
      consumer: "acme",
      plan: "gold",
    });
    expect(provider).toMatchObject({ tag: "t", label: "l", once: true, ageMsMax: 10_000, clockSkewMs: 0 });
  });

  test("a published set stands for the provider", () => {
    const jwks = "https://keys.example/";
    const { published } = compiled<SignatureProvider>({ signature: { jwks } });
    expect(published).toEqual({ url: jwks, grants: { sub: "p", scopes: [], groups: [] } });
  });

  test.each<[string, object, readonly string[] | undefined, MessageKey["algorithm"]]>([
    ["P-256", ec, undefined, "ecdsa-p256-sha256"],
    ["P-384", ec384, undefined, "ecdsa-p384-sha384"],
    ["RSA", rsa, undefined, "rsa-pss-sha512"],
    ["RSA where PKCS #1 is accepted, too", rsa, ["rsa-v1_5-sha256", "rsa-pss-sha512"], "rsa-pss-sha512"],
    ["RSA that says so", { ...rsa, alg: "RS256" }, ["rsa-v1_5-sha256", "rsa-pss-sha512"], "rsa-v1_5-sha256"],
    ["RSA where that alone is accepted", rsa, ["rsa-v1_5-sha256"], "rsa-v1_5-sha256"],
    ["Ed25519 by its other name", { ...ed, alg: "EdDSA" }, undefined, "ed25519"],
  ])("the algorithm of %s is its own", (_, jwk, algorithms, expected) => {
    const provider = compiled<SignatureProvider>({
      signature: { keys: [key(jwk)], ...(algorithms && { algorithms }) },
    });
    expect(provider.keys[0]?.algorithm).toBe(expected);
  });

  test.each<[string, object, string[]]>([
    ["nothing", {}, ["SLV2005 signature"]],
    ["two places", { keys: [key(ed)], jwks: "https://k.example/" }, ["SLV3009 signature.jwks"]],
    ["no TLS", { jwks: "http://k.example/" }, ["SLV3014 signature.jwks"]],
    ["loopback without TLS", { jwks: "http://127.0.0.1:1/" }, []],
    ["no keys", { keys: [] }, ["SLV2001 signature.keys"]],
    ["a key without a name", { keys: [{ jwk: ed }] }, ["SLV2002 signature.keys.0.keyid"]],
    ["a key without material", { keys: [{ keyid: "k" }] }, ["SLV2005 signature.keys.0"]],
    ["a key with both", { keys: [{ ...secret, jwk: ed }] }, ["SLV2005 signature.keys.0"]],
    ["a name twice", { keys: [key(ed), key(ec)] }, ["SLV3006 signature.keys.1.keyid"]],
    [
      "too many",
      { keys: Array.from({ length: limits.signature.keysMax + 1 }, (_, at) => ({ keyid: `k${at}`, jwk: ed })) },
      ["SLV1003 signature.keys"],
    ],
    ["a private key", { keys: [key({ ...ed, d: ed.x })] }, ["SLV3014 signature.keys.0.jwk"]],
    ["small order", { keys: [key({ ...ed, x: "A".repeat(43) })] }, ["SLV3014 signature.keys.0.jwk"]],
    ["a curve without an algorithm", { keys: [key(ec521)] }, ["SLV3014 signature.keys.0.jwk"]],
    ["an alg without a counterpart", { keys: [key({ ...rsa, alg: "PS256" })] }, ["SLV3014 signature.keys.0.jwk"]],
    ["PKCS #1 that was not asked for", { keys: [key({ ...rsa, alg: "RS256" })] }, ["SLV3014 signature.keys.0.jwk"]],
    [
      "a key of another algorithm",
      { keys: [key(ed)], algorithms: ["ecdsa-p256-sha256"] },
      ["SLV3014 signature.keys.0.jwk"],
    ],
    [
      "a secret where none is accepted",
      { keys: [secret], algorithms: ["ed25519"] },
      ["SLV3009 signature.keys.0.secret"],
    ],
    [
      "a secret that is written out",
      { keys: [{ keyid: "k", secret: "hunter2" }] },
      ["SLV2001 signature.keys.0.secret"],
    ],
    ["an encoding of a JWK", { keys: [key(ed, { encoding: "base64" })] }, ["SLV3009 signature.keys.0.encoding"]],
    ["an unknown algorithm", { keys: [key(ed)], algorithms: ["none"] }, ["SLV2001 signature.algorithms.0"]],
    [
      "an unknown derived component",
      { keys: [key(ed)], components: ["@method", "@target-uri", "content-digest", "@verb"] },
      ["SLV2001 signature.components.3"],
    ],
    ["what is of answers", { keys: [key(ed)], components: ["@status"] }, ["SLV2001 signature.components.0"]],
    [
      "one that needs a parameter",
      { keys: [key(ed)], components: ["@query-param"] },
      ["SLV2001 signature.components.0"],
    ],
    [
      "upper case",
      { keys: [key(ed)], components: ["@method", "@target-uri", "content-digest", "Date"] },
      ["SLV2001 signature.components.3"],
    ],
    ["the whole target", { keys: [key(ed)], components: ["@method", "@target-uri", "content-digest"] }, []],
    ["no content", { keys: [key(ed)], components: ["@method", "@target-uri"] }, ["SLV3020 signature.components"]],
    ["only a date", { keys: [key(ed)], components: ["date"] }, ["SLV3020 signature.components"]],
    ["a tag that needs escapes", { keys: [key(ed)], tag: 'a"b' }, ["SLV2001 signature.tag"]],
    ["a label in upper case", { keys: [key(ed)], label: "Sig" }, ["SLV2001 signature.label"]],
    ["a long age", { keys: [key(ed)], maxAge: "2d" }, ["SLV2001 signature.maxAge"]],
    ["an unknown key", { keys: [key(ed)], nonce: true }, ["SLV2003 signature.nonce"]],
    ["a replay that is neither", { keys: [key(ed)], replay: "never" }, ["SLV2001 signature.replay"]],
    ["replays that are allowed", { keys: [key(ed)], replay: "allowed" }, []],
  ])("%s", (_, signature, expected) => {
    expect(codes({ signature })).toEqual(expected);
  });

  test("secrets that are known to be too short", () => {
    expect(codes({ signature: { keys: [secret] } }, 31)).toEqual(["SLV3014 signature.keys.0.secret"]);
    expect(codes({ signature: { keys: [secret] } }, 32)).toEqual([]);
    expect(codes({ signature: { keys: [{ ...secret, encoding: "base64" }] } }, 43)).toEqual([
      "SLV3014 signature.keys.0.secret",
    ]);
    expect(codes({ signature: { keys: [{ ...secret, encoding: "base64" }] } }, 44)).toEqual([]);
  });
});

describe("webhook", () => {
  test("defaults", () => {
    expect(compiled<WebhookProvider>({ webhook: { secrets: "${secret:S}", publicKeys: [whpk] } })).toEqual({
      kind: "webhook",
      name: "p",
      style: "standard",
      secrets: ["S"],
      publicKeys: [whpk.slice(5)],
      toleranceMs: 300_000,
      sub: "p",
      scopes: [],
      groups: [],
    });
  });

  test("the sender's name and grants", () => {
    const webhook = {
      style: "slack",
      secrets: ["${secret:A}", "${secret:B}"],
      sender: "slack-eu",
      scopes: ["s"],
      tolerance: "1m",
      replay: "once",
    };
    expect(compiled<WebhookProvider>({ webhook })).toMatchObject({
      secrets: ["A", "B"],
      sub: "slack-eu",
      scopes: ["s"],
      toleranceMs: 60_000,
      once: true,
    });
  });

  test.each<[string, object, string[]]>([
    ["nothing", {}, ["SLV2005 webhook"]],
    ["a secret that is written out", { secrets: "whsec_abc" }, ["SLV2001 webhook.secrets"]],
    ["one of them", { secrets: ["${secret:A}", "whsec_abc"] }, ["SLV2001 webhook.secrets.1"]],
    ["too many", { secrets: Array.from({ length: 5 }, (_, at) => `\${secret:S${at}}`) }, ["SLV1003 webhook.secrets"]],
    ["once without a time", { style: "github", secrets: "${secret:S}", replay: "once" }, ["SLV3009 webhook.replay"]],
    ["allowed without a time", { style: "shopify", secrets: "${secret:S}", replay: "allowed" }, []],
    ["an unknown style", { style: "gitlab", secrets: "${secret:S}" }, ["SLV2001 webhook.style"]],
    [
      "a public key of another form",
      { publicKeys: "ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g=" },
      ["SLV2001 webhook.publicKeys"],
    ],
    ["small order", { publicKeys: `whpk_${"A".repeat(43)}=` }, ["SLV3014 webhook.publicKeys"]],
    [
      "a public key of a style with secrets",
      { style: "github", secrets: "${secret:S}", publicKeys: whpk },
      ["SLV3009 webhook.publicKeys"],
    ],
    [
      "a tolerance without a time",
      { style: "github", secrets: "${secret:S}", tolerance: "1m" },
      ["SLV3009 webhook.tolerance"],
    ],
    ["an unknown key", { secret: "${secret:S}", secrets: "${secret:S}" }, ["SLV2003 webhook.secret"]],
  ])("%s", (_, webhook, expected) => {
    expect(codes({ webhook })).toEqual(expected);
  });

  test("secrets that are known to be too short", () => {
    expect(codes({ webhook: { secrets: "${secret:S}" } }, 31)).toEqual(["SLV3014 webhook.secrets"]);
    expect(codes({ webhook: { secrets: ["${secret:S}"] } }, 32)).toEqual([]);
    expect(codes({ webhook: { style: "github", secrets: "${secret:S}" } }, 15)).toEqual(["SLV3014 webhook.secrets"]);
    expect(codes({ webhook: { style: "github", secrets: "${secret:S}" } }, 16)).toEqual([]);
  });
});

test("a body that is larger than what is held", () => {
  const identity = { hooks: { webhook: { secrets: "${secret:S}" } }, login: { apiKey: { bearer: true } } };
  const route = (auth: unknown, maxBody: string) => [
    { name: "r", match: { path: "/" }, auth, maxBody, to: "https://a.example" },
  ];
  const found = (auth: unknown, maxBody: string) =>
    load(identity, route(auth, maxBody)).problems.map(({ code, severity }) => `${code} ${severity}`);
  expect(found("hooks", "11MiB")).toEqual(["SLV3009 warning"]);
  expect(found({ any: ["login", "hooks"] }, "11MiB")).toEqual(["SLV3009 warning"]);
  expect(found({ all: ["hooks"] }, "10MiB")).toEqual([]);
  expect(found("login", "11MiB")).toEqual([]);
});

test("secrets stand at their places alone", () => {
  expect(codes({ webhook: { secrets: "${secret:S}", sender: "${secret:S}" } })).toEqual(["SLV4003 webhook.sender"]);
  expect(codes({ signature: { keys: [{ keyid: "${secret:S}", jwk: ed }] } })).toEqual([
    "SLV4003 signature.keys.0.keyid",
  ]);
});
