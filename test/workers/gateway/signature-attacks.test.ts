/** What is no good signature, each case against a gateway in workerd: refused with 401, and nothing goes inside. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { SignatureProvider } from "../../../shared/auth/http-signature.ts";
import { readPublicJwk } from "../../../shared/auth/jwk.ts";
import { limits } from "../../../shared/limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";
import {
  base64,
  digestOf,
  ed25519Signer,
  hmacSign,
  keyOf,
  nowSeconds,
  type Signer,
  type Signing,
  signed,
  usualProvider,
} from "./support/sign.ts";

let alice: Signer;
let gateway: Gateway;
let issuer: Issuer;

async function start(more: Partial<SignatureProvider> = {}, env: Record<string, string> = {}): Promise<void> {
  const identity = { ...plan([]).identity, partner: { ...usualProvider, keys: [keyOf(alice)], ...more } };
  const routes = [
    route("orders", "/orders/*", { auth: { any: ["partner"], scopes: [] } }),
    route("either", "/either/*", { auth: { any: ["login", "partner"], scopes: [] } }),
    route("both", "/both/*", { auth: { any: [], all: ["login", "partner"], scopes: [] } }),
  ];
  gateway = await startGateway(plan(routes, { identity }), ({ url }) => issuer.answer(url) ?? Response.json({}), {
    env,
  });
}

beforeEach(async () => {
  issuer = await createIssuer();
  alice = await ed25519Signer("alice-2026");
  await start();
});
afterEach(() => vi.restoreAllMocks());

const good = (signing: Signing = {}) => signed(alice.sign, { keyid: alice.keyid, ...signing });
const ask = (headers: HeadersInit, path = "/orders/1", method = "GET"): Promise<Response> =>
  gateway.fetch(path, { method, headers });

async function expectRefused(headers: HeadersInit, path?: string, method?: string): Promise<void> {
  const response = await ask(headers, path, method);
  expect([response.status, method === "HEAD" ? undefined : ((await response.json()) as { code: string }).code]).toEqual(
    [401, method === "HEAD" ? undefined : "credentials_invalid"],
  );
  expect(gateway.sent.filter(({ url }) => !url.startsWith(issuer.url))).toEqual([]);
}

test("a good one passes, so that the refusals below mean something", async () => {
  expect((await ask(await good())).status).toBe(200);
});

describe("fields", () => {
  test.each<[string, (input: string, signature: string) => Record<string, string>]>([
    ["no Signature", (input) => ({ "signature-input": input })],
    ["no Signature-Input", (_, signature) => ({ signature })],
    ["empty Signature-Input", (_, signature) => ({ "signature-input": "", signature })],
    ["empty Signature", (input) => ({ "signature-input": input, signature: "" })],
    [
      "another label",
      (input, signature) => ({ "signature-input": input, signature: signature.replace("sig1", "sig2") }),
    ],
    [
      "the signature twice",
      (input, signature) => ({ "signature-input": input, signature: `${signature}, ${signature}` }),
    ],
    ["the input twice", (input, signature) => ({ "signature-input": `${input}, ${input}`, signature })],
    ["cut", (input, signature) => ({ "signature-input": input, signature: `${signature.slice(0, 40)}:` })],
    ["without padding", (input, signature) => ({ "signature-input": input, signature: signature.replace("=:", ":") })],
    ["as text", (input, signature) => ({ "signature-input": input, signature: signature.replaceAll(":", '"') })],
    [
      "as draft-cavage",
      (input, signature) => ({ "signature-input": input, signature: `keyId="alice-2026",signature="${signature}"` }),
    ],
    ["with a parameter", (input, signature) => ({ "signature-input": input, signature: `${signature};a=1` })],
    ["an input that is no list", (_, signature) => ({ "signature-input": "sig1=1", signature })],
    [
      "an unknown derived component",
      (input, signature) => ({ "signature-input": input.replace("@method", "@verb"), signature }),
    ],
    [
      "a component of a trailer",
      (input, signature) => ({ "signature-input": input.replace('"@path"', '"@path" "x";tr'), signature }),
    ],
    [
      "a component of another request",
      (input, signature) => ({ "signature-input": input.replace('"@path"', '"@path";req'), signature }),
    ],
    ["a status", (input, signature) => ({ "signature-input": input.replace("@method", "@status"), signature })],
    [
      "a covered field that is not there",
      (input, signature) => ({ "signature-input": input.replace('"@path"', '"@path" "x-gone"'), signature }),
    ],
    [
      "a component twice",
      (input, signature) => ({ "signature-input": input.replace('"@path"', '"@path" "@path"'), signature }),
    ],
    [
      "its own parameters",
      (input, signature) => ({ "signature-input": input.replace('"@path"', '"@path" "@signature-params"'), signature }),
    ],
    [
      "components in another order",
      (input, signature) => ({ "signature-input": input.replace('"@path" "@query"', '"@query" "@path"'), signature }),
    ],
    [
      "parameters in another order",
      (input, signature) => ({ "signature-input": input.replace(/(;created=\d+)(;keyid="[^"]+")/, "$2$1"), signature }),
    ],
    ["one parameter more", (input, signature) => ({ "signature-input": `${input};x`, signature })],
    [
      "a prototype's name",
      (input, signature) => ({
        "signature-input": input.replace("sig1", "__proto__"),
        signature: signature.replace("sig1", "__proto__"),
      }),
    ],
    [
      "a name of a method",
      (input, signature) => ({ "signature-input": input.replace("@method", "@constructor"), signature }),
    ],
    [
      "too long",
      (input, signature) => ({
        "signature-input": `${input};x="${"x".repeat(limits.signature.fieldBytesMax)}"`,
        signature,
      }),
    ],
    [
      "unicode",
      (input, signature) => ({ "signature-input": input.replace("alice-2026", "alice\u20112026"), signature }),
    ],
  ])("%s", async (_, change) => {
    const headers = await good();
    await expectRefused(change(headers["signature-input"], headers.signature));
  });
});

describe("replayed for another request", () => {
  test("method, path, query, host", async () => {
    const headers = await good();
    for (const method of ["POST", "PUT", "DELETE", "HEAD", "PATCH"]) await expectRefused(headers, "/orders/1", method);
    for (const path of ["/orders/2", "/orders/1/", "/orders/1?a=1", "/orders/%31"]) await expectRefused(headers, path);
    const elsewhere = await gateway.fetch("/orders/1", { headers, host: "api.shop.example:8443" });
    expect(elsewhere.status).toBe(401);
  });

  test("the default port and the case of a host are the same host", async () => {
    const headers = await good();
    for (const host of ["API.shop.example", "api.shop.example:80"])
      expect((await gateway.fetch("/orders/1", { headers, host })).status).toBe(200);
  });

  test("an answer to a query that another parser would read differently", async () => {
    const query = "?a=1&a=2";
    const covered = ["@method", "@authority", "@path", "@query", '@query-param";name="a'];
    await expectRefused(await good({ query, covered }), `/orders/1${query}`);
  });
});

describe("times", () => {
  const at = (created: string, more = ""): Promise<Record<string, string>> =>
    good({ params: `${created}${more};keyid="alice-2026"` });
  const now = nowSeconds();
  test.each<[string, string, string?]>([
    ["no created", ""],
    ["too old", `;created=${now - 361}`],
    ["in the future", `;created=${now + 90}`],
    ["expired", `;created=${now}`, `;expires=${now - 61}`],
    ["in milliseconds", `;created=${now}000`],
    ["a text", `;created="${now}"`],
    ["a decimal", `;created=${now}.5`],
    ["negative", `;created=-${now}`],
    ["a date", `;created=@${now}`],
    ["a flag", ";created"],
    ["zero", ";created=0"],
    ["expires that is no time", `;created=${now}`, ';expires="never"'],
  ])("%s", async (_, created, expires) => {
    await expectRefused(await at(created, expires));
  });
});

describe("keys", () => {
  test.each([
    "",
    "bob",
    "ALICE-2026",
    "alice-2026 ",
    "../alice-2026",
    "' or 1=1 --",
    "__proto__",
    "constructor",
    "x".repeat(300),
  ])("keyid %j", async (keyid) => {
    await expectRefused(await good({ params: `;created=${nowSeconds()};keyid="${keyid}"` }));
  });

  test("none at all", async () => {
    await expectRefused(await good({ params: `;created=${nowSeconds()}` }));
  });

  test("of somebody else", async () => {
    const mallory = await ed25519Signer("alice-2026");
    await expectRefused(await signed(mallory.sign, { keyid: "alice-2026" }));
  });

  test("the public key as the secret of an HMAC, in each spelling, whatever alg says", async () => {
    const encoder = new TextEncoder();
    const x = String(alice.jwk.x);
    const raw = Uint8Array.from(atob(x.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
    for (const secret of [raw, encoder.encode(x), encoder.encode(JSON.stringify(alice.jwk))])
      for (const alg of ["", ';alg="hmac-sha256"', ';alg="ed25519"']) {
        const params = `;created=${nowSeconds()};keyid="alice-2026"${alg}`;
        await expectRefused(await signed((base) => hmacSign(secret, base), { keyid: "", params }));
      }
  });

  test.each(["none", "", "hmac-sha256", "rsa-v1_5-sha256", "ecdsa-p256-sha256", "Ed25519", "EdDSA", "unknown"])(
    "alg %j, which is not the key's",
    async (alg) => {
      await expectRefused(await good({ params: `;created=${nowSeconds()};keyid="alice-2026";alg="${alg}"` }));
    },
  );

  test("alg that is the key's", async () => {
    expect(
      (await ask(await good({ params: `;created=${nowSeconds()};keyid="alice-2026";alg="ed25519"` }))).status,
    ).toBe(200);
  });

  test("a psychic signature: r and s zero, short, long, or in DER", async () => {
    const pair = (await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair;
    const exported = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const jwk = readPublicJwk({ ...exported, key_ops: ["verify"] });
    if (typeof jwk === "string") throw new Error(jwk);
    const key = {
      keyid: "ec",
      algorithm: "ecdsa-p256-sha256",
      material: { jwk },
      sub: "ec",
      scopes: [],
      groups: [],
    } as const;
    await start({ keys: [key] });
    const sign = (base: string) =>
      crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, new TextEncoder().encode(base));
    const right = await signed(async (base) => base64(await sign(base)), { keyid: "ec" });
    expect((await ask(right)).status).toBe(200);
    gateway.sent.length = 0;
    for (const bytes of [64, 63, 65, 32, 1, 72]) {
      const forged = `sig1=:${base64(new Uint8Array(bytes))}:`;
      await expectRefused({ ...right, signature: forged });
    }
    const der = Uint8Array.of(0x30, 6, 2, 1, 0, 2, 1, 0);
    await expectRefused({ ...right, signature: `sig1=:${base64(der)}:` });
  });

  test("a point that is not on its curve", async () => {
    const jwk = { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) } as const;
    const key = {
      keyid: "alice-2026",
      algorithm: "ecdsa-p256-sha256",
      material: { jwk },
      sub: "x",
      scopes: [],
      groups: [],
    } as const;
    await start({ keys: [key] });
    await expectRefused(await good());
  });
});

describe("tags and labels", () => {
  test("a signature for another application is none here, and one without a tag is none for a tag", async () => {
    const params = `;created=${nowSeconds()};keyid="alice-2026"`;
    const tagged = await good({ params: `${params};tag="other"` });
    expect((await ask(tagged)).status).toBe(401);
    await start({ tag: "shop" });
    expect((await ask(tagged)).status).toBe(401);
    expect((await ask(await good())).status).toBe(401);
    await expectRefused(await good({ params: `${params};tag="shop";tag="shop"` }));
    expect((await ask(await good({ params: `${params};tag="shop"` }))).status).toBe(200);
  });

  test("another label than the one that is asked for", async () => {
    await start({ label: "partner" });
    expect((await ask(await good())).status).toBe(401);
    expect((await ask(await good({ label: "partner" }))).status).toBe(200);
  });
});

describe("content", () => {
  const post = (headers: Record<string, string>, body: string): Promise<Response> =>
    gateway.fetch("/orders/1", { method: "POST", headers, body });

  test("added to a request without, or another one", async () => {
    const bare = await good({ method: "POST" });
    expect((await post(bare, "x")).status).toBe(401);
    const fields = { "content-digest": await digestOf("five") };
    const headers = { ...fields, ...(await good({ method: "POST", fields })) };
    expect((await post(headers, "five")).status).toBe(200);
    expect((await post(headers, "FIVE")).status).toBe(401);
    expect((await post(headers, "")).status).toBe(401);
    expect((await post({ ...headers, "content-digest": await digestOf("FIVE") }, "FIVE")).status).toBe(401);
    expect((await post({ ...headers, "content-digest": "" }, "five")).status).toBe(401);
  });

  test("one member of the digest is not all of it", async () => {
    const digest = await digestOf("five");
    const input = `("@method" "@authority" "@path" "@query" "content-digest";key="sha-256");created=${nowSeconds()};keyid="alice-2026"`;
    const base = [
      '"@method": POST',
      '"@authority": api.shop.example',
      '"@path": /orders/1',
      '"@query": ?',
      `"content-digest";key="sha-256": ${digest.replace("sha-256=", "")}`,
      `"@signature-params": ${input}`,
    ];
    const signature = `sig1=:${await alice.sign(base.join("\n"))}:`;
    const headers = { "signature-input": `sig1=${input}`, signature, "content-digest": digest };
    expect((await post(headers, "five")).status).toBe(401);
    await start({ components: ["@method", "@authority", "@path", "@query"] });
    expect((await post(headers, "five")).status).toBe(200);
  });
});

describe("beside other providers", () => {
  test("a bad signature does not spoil a good token, and no good token mends one that is needed", async () => {
    const authorization = `Bearer ${await issuer.sign()}`;
    const bad = { ...(await good({ path: "/either/1" })), signature: "sig1=:AAAA:" };
    expect((await ask({ ...bad, authorization }, "/either/1")).status).toBe(200);
    expect((await ask(bad, "/either/1")).status).toBe(401);
    expect((await ask({ authorization: "Bearer x" }, "/either/1")).status).toBe(401);
    const both = await good({ path: "/both/1" });
    expect((await ask({ ...both, authorization }, "/both/1")).status).toBe(200);
    expect((await ask({ ...both, signature: "sig1=:AAAA:", authorization }, "/both/1")).status).toBe(401);
    expect((await ask({ authorization }, "/both/1")).status).toBe(401);
    expect((await ask(both, "/both/1")).status).toBe(401);
  });
});
