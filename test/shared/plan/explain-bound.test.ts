import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Credential } from "../../../shared/plan/explain-step.ts";
import { certificates, VALID_AT_MS } from "../../support/client-certificates.ts";

const NOW = VALID_AT_MS;
const { document, problems } = loadDocument(
  `
selvage: 1
name: t
gateway:
  hosts: [h]
  identity:
    login: { jwt: { issuer: "urn:i", audience: api, jwks: "https://i.example/keys" } }
    strict: { jwt: { issuer: "urn:i", audience: api, jwks: "https://i.example/keys", dpop: required } }
    devices: { certificate: { subject: dns, issuers: ['CN=Devices CA,O=Example\\, Inc.,C=DE'] } }
  routes:
    - { name: login, match: { path: /login }, auth: login, to: "https://o.example" }
    - { name: strict, match: { path: /strict }, auth: strict, to: "https://o.example" }
    - { name: devices, match: { path: /devices }, auth: devices, to: "https://o.example" }
`,
  "f",
  () => undefined,
);
if (document === undefined) throw new Error(JSON.stringify(problems));
const plan = compile(document);
const jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const jwk = {
  kty: "EC",
  crv: "P-256",
  x: "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
  y: "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
};
const claims = { iss: "urn:i", aud: "api", sub: "ann", exp: NOW / 1000 + 60 };
const token = (cnf?: object): Credential => ({ kind: "token", header: { alg: "ES256" }, claims: { ...claims, cnf } });

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const proof = (more: object = {}): string => {
  const said = { jti: "1", htm: "GET", htu: "https://h/login", iat: NOW / 1000, ath: "x", ...more };
  return `${encode({ typ: "dpop+jwt", alg: "ES256", jwk })}.${encode(said)}.AAAA`;
};
const ask = (path: string, credential: Credential, headers: Record<string, string> = {}) => {
  const asked = { method: "GET", host: "h", path, query: "", headers: Object.entries(headers), credential };
  const { result, steps } = explain(plan, asked, NOW);
  return [result.outcome === "refuse" ? result.code : result.outcome, steps[0]?.text ?? ""];
};

describe("bound tokens", () => {
  const dpop = { authorization: "DPoP t" };
  test.each<[string, [string, Credential, Record<string, string>?], string, string]>([
    ["unbound", ["/login", token()], "forward", "ann by login"],
    ["unbound where it must be", ["/strict", token()], "credentials_invalid", "not bound to a DPoP key"],
    ["as Bearer", ["/login", token({ jkt })], "credentials_invalid", "came as Bearer"],
    ["without a proof", ["/login", token({ jkt }), dpop], "credentials_invalid", "no proof"],
    ["with a proof", ["/login", token({ jkt }), { ...dpop, dpop: proof() }], "forward", "WERE NOT CHECKED"],
    ["by http", ["/login", token({ jkt }), { ...dpop, dpop: proof({ htu: "http://h/login" }) }], "forward", "ann"],
    [
      "for another method",
      ["/login", token({ jkt }), { ...dpop, dpop: proof({ htm: "PUT" }) }],
      "credentials_invalid",
      "htm is PUT",
    ],
    [
      "for another URL",
      ["/login", token({ jkt }), { ...dpop, dpop: proof({ htu: "https://h/x" }) }],
      "credentials_invalid",
      "htu is",
    ],
    ["too old", ["/login", token({ jkt }), { ...dpop, dpop: proof({ iat: 1 }) }], "credentials_invalid", "too old"],
    ["with garbage", ["/login", token({ jkt }), { ...dpop, dpop: "x" }], "credentials_invalid", "the proof is not"],
    [
      "to a certificate",
      ["/login", token({ "x5t#S256": jkt })],
      "forward",
      "bound to a certificate, which WAS NOT CHECKED",
    ],
    ["to two things", ["/login", token({ "x5t#S256": jkt, jkt })], "credentials_invalid", "exactly one member"],
    ["assumed", ["/strict", { kind: "assumed", sub: "ann", scopes: [] }], "forward", "assumed to be ann by strict,"],
  ])("%s", (_, [path, credential, headers], outcome, text) => {
    const found = ask(path, credential, headers);
    expect(found).toEqual([outcome, expect.stringContaining(text)]);
  });
});

describe("certificates", () => {
  const shown = (name: keyof typeof certificates) => ({ "client-cert": `:${certificates[name]}:` });
  test.each<[string, [Credential, Record<string, string>?], string, string]>([
    ["none", [{ kind: "none" }], "credentials_missing", "devices"],
    [
      "as a terminator passes it on",
      [{ kind: "none" }, shown("device")],
      "forward",
      "device-7.example.com by devices (as written",
    ],
    ["of another issuer", [{ kind: "none" }, shown("foreign")], "credentials_invalid", "CN=Foreign CA"],
    ["with two names", [{ kind: "none" }, shown("two")], "credentials_invalid", "exactly one DNS name"],
    ["garbage", [{ kind: "none" }, { "client-cert": ":AAAA:" }], "credentials_invalid", "the certificate has"],
    ["assumed", [{ kind: "assumed", sub: "d", scopes: [] }], "forward", "assumed to be d by devices,"],
  ])("%s", (_, [credential, headers], outcome, text) => {
    expect(ask("/devices", credential, headers)).toEqual([outcome, expect.stringContaining(text)]);
  });
});
