/** Signatures that standards publish as examples, by the keys that stand beside them. */
import { compactVerify, importJWK, type JWK } from "jose";
import { describe, expect, test } from "vitest";
import { keysFor, type PublicJwk, readPublicJwk } from "../../../shared/auth/jwk.ts";
import { readJsonObject } from "../../../shared/auth/strict-json.ts";
import { refuseTokenForm, refuseTokenHeader } from "../../../shared/auth/token-form.ts";

const CLAIMS = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

const rsa = {
  kty: "RSA",
  n: "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
  e: "AQAB",
};
const p256 = {
  kty: "EC",
  crv: "P-256",
  x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
  y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
};
const p521 = {
  kty: "EC",
  crv: "P-521",
  x: "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
  y: "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
};
const ed25519 = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
const keys = [rsa, p256, p521, ed25519].map((jwk) => readPublicJwk(jwk) as PublicJwk);

const examples: [name: string, header: string, payload: string, signature: string][] = [
  [
    "RFC 7515 A.2, RS256",
    "eyJhbGciOiJSUzI1NiJ9",
    CLAIMS,
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
  ],
  [
    "RFC 7515 A.3, ES256",
    "eyJhbGciOiJFUzI1NiJ9",
    CLAIMS,
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
  ],
  [
    "RFC 7515 A.4, ES512",
    "eyJhbGciOiJFUzUxMiJ9",
    "UGF5bG9hZA",
    "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
  ],
];

async function verify(token: string): Promise<Uint8Array> {
  expect(refuseTokenForm(token)).toBeUndefined();
  const header = readJsonObject(Buffer.from(token.split(".")[0] ?? "", "base64url").toString());
  if (typeof header === "string") throw new Error(header);
  const alg = header.alg as string;
  expect(refuseTokenHeader(header, [alg])).toBeUndefined();
  const [key, ...others] = keysFor(keys, alg, undefined);
  expect(others).toEqual([]);
  return (await compactVerify(token, await importJWK({ ...key } as JWK, alg), { algorithms: [alg] })).payload;
}

describe("of public keys", () => {
  test.each(examples)("%s", async (_, header, payload, signature) => {
    expect(Buffer.from(await verify(`${header}.${payload}.${signature}`)).toString("base64url")).toBe(payload);
    const changed = `${signature.slice(0, 10)}${signature[10] === "A" ? "B" : "A"}${signature.slice(11)}`;
    await expect(verify(`${header}.${payload}.${changed}`)).rejects.toThrow();
  });

  test("RFC 8037 A.4, Ed25519", async () => {
    const token =
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    expect(Buffer.from(await verify(token)).toString()).toBe("Example of Ed25519 signing");
  });
});

test("RFC 7515 A.1 and RFC 7519 section 3.1: HS256, under a secret alone", async () => {
  const token = `eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.${CLAIMS}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`;
  const k = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
  const header = readJsonObject(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as { alg: string };
  expect(refuseTokenHeader(header, ["HS256"], "hmac")).toBeUndefined();
  expect(refuseTokenHeader(header, ["HS256"])).toBe("alg is not allowed");
  const { payload } = await compactVerify(token, Buffer.from(k, "base64url"), { algorithms: ["HS256"] });
  expect(readJsonObject(Buffer.from(payload).toString())).toEqual({
    iss: "joe",
    exp: 1300819380,
    "http://example.com/is_root": true,
  });
});

test("RFC 7515 A.5 and RFC 7519 section 6.1: without a signature, refused by its form and by its header", () => {
  expect(refuseTokenForm(`eyJhbGciOiJub25lIn0.${CLAIMS}.`)).toBeTypeOf("string");
  for (const family of ["signature", "hmac"] as const)
    expect(refuseTokenHeader({ alg: "none" }, ["none"], family)).toBe("alg is not allowed");
});

test("RFC 7517 A.2 and A.3: private and symmetric keys are no public keys", () => {
  expect(readPublicJwk({ ...p256, d: "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE" })).toMatch(/private/);
  expect(readPublicJwk({ kty: "oct", alg: "A128KW", k: "GawgguFyGrWKav7AX4VKUg" })).toMatch(/shared secret/);
});
