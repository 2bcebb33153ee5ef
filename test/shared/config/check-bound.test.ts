import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { DEVICE_FINGERPRINT, DEVICE_X5T } from "../../support/client-certificates.ts";

function load(provider: unknown, more: Record<string, unknown> = {}) {
  const routes = [{ name: "r", match: { path: "/" }, auth: "p", to: "https://o.example" }];
  const document = { selvage: 1, name: "t", gateway: { hosts: ["h"], identity: { p: provider }, routes, ...more } };
  return loadDocument(JSON.stringify(document), "f", () => undefined);
}
const jwt = (more: Record<string, unknown>) => ({
  jwt: { issuer: "urn:i", audience: "a", jwks: "https://i.example/keys", ...more },
});
const codes = (provider: unknown, more?: Record<string, unknown>): string[] =>
  load(provider, more).problems.map(({ code, path }) => `${code} ${path.join(".")}`);
const plan = (provider: unknown, more?: Record<string, unknown>) => {
  const { document, problems } = load(provider, more);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document).gateway;
};
const certificate = (more: Record<string, unknown>) => ({ certificate: { subject: "cn", ...more } });

describe("binding of tokens", () => {
  test("is in the plan as far as it is said", () => {
    const bindingOf = (more: Record<string, unknown>) => (plan(jwt(more)).identity.p as { binding?: unknown }).binding;
    expect(bindingOf({})).toBeUndefined();
    expect(bindingOf({ dpopNonce: false, certificateBound: "accepted" })).toBeUndefined();
    expect(bindingOf({ dpop: "accepted", dpopNonce: true })).toEqual({ dpop: "accepted", nonce: true });
    expect(bindingOf({ dpop: "required" })).toEqual({ dpop: "required" });
    expect(bindingOf({ certificateBound: "required" })).toEqual({ certificate: "required" });
  });
  test.each<[Record<string, unknown>, string]>([
    [{ dpop: true }, "SLV2001 gateway.identity.p.jwt.dpop"],
    [{ dpop: "always" }, "SLV2001 gateway.identity.p.jwt.dpop"],
    [{ dpopNonce: "yes" }, "SLV2001 gateway.identity.p.jwt.dpopNonce"],
    [{ dpopnonce: true }, "SLV2003 gateway.identity.p.jwt.dpopnonce"],
    [{ dpop: "required", certificateBound: "required" }, "SLV3009 gateway.identity.p.jwt.certificateBound"],
    [{ dpopNonce: true, certificateBound: "required" }, "SLV3009 gateway.identity.p.jwt.dpopNonce"],
  ])("%j", (more, problem) => {
    expect(codes(jwt(more))).toEqual([problem]);
  });
});

describe("client certificates", () => {
  test("are compiled to one form of names and fingerprints", () => {
    const digits = DEVICE_FINGERPRINT.replaceAll(":", "").toLowerCase();
    const { identity } = plan(certificate({ issuers: ["cn = A , o=B"], fingerprints: [DEVICE_FINGERPRINT, digits] }));
    expect(identity.p).toEqual({
      kind: "certificate",
      subject: "cn",
      issuers: ["CN=A,O=B"],
      fingerprints: [DEVICE_X5T],
    });
    expect(plan(certificate({})).identity.p).toEqual({ kind: "certificate", subject: "cn" });
  });
  test.each<[Record<string, unknown>, string]>([
    [{ subject: undefined }, "SLV2002 gateway.identity.p.certificate.subject"],
    [{ subject: "email" }, "SLV2001 gateway.identity.p.certificate.subject"],
    [{ issuers: [] }, "SLV2001 gateway.identity.p.certificate.issuers"],
    [{ issuers: ["Devices CA"] }, "SLV2001 gateway.identity.p.certificate.issuers.0"],
    [{ issuers: ["XX=a"] }, "SLV2001 gateway.identity.p.certificate.issuers.0"],
    [{ fingerprints: ["abc"] }, "SLV2001 gateway.identity.p.certificate.fingerprints.0"],
    [{ fingerprints: new Array(101).fill(DEVICE_FINGERPRINT) }, "SLV2001 gateway.identity.p.certificate.fingerprints"],
    [{ issuer: ["CN=a"] }, "SLV2003 gateway.identity.p.certificate.issuer"],
  ])("%j", (more, problem) => {
    expect(codes(certificate(more))).toEqual([problem]);
  });
  test("are a kind of their own", () => {
    expect(codes({ ...jwt({}), ...certificate({}) })).toEqual(["SLV2005 gateway.identity.p"]);
  });
});

describe("the terminator of TLS", () => {
  const terminator = (more: Record<string, unknown>) => ({ tlsTerminator: { addresses: ["127.0.0.1"], ...more } });
  test("is in the plan", () => {
    expect(plan(jwt({}), terminator({ escapedPemHeader: "X-SSL-Client-Cert" })).tlsTerminator).toEqual({
      addresses: ["127.0.0.1"],
      escapedPemHeader: "x-ssl-client-cert",
    });
    expect(plan(jwt({})).tlsTerminator).toBeUndefined();
  });
  test.each<[Record<string, unknown>, string]>([
    [{ addresses: [] }, "SLV2001 gateway.tlsTerminator.addresses"],
    [{ addresses: ["localhost"] }, "SLV2001 gateway.tlsTerminator.addresses.0"],
    [{ addresses: ["10.0.0.0/33"] }, "SLV2001 gateway.tlsTerminator.addresses.0"],
    [{ addresses: ["0.0.0.0/0"] }, "SLV3015 gateway.tlsTerminator.addresses.0"],
    [{ addresses: ["::/0"] }, "SLV3015 gateway.tlsTerminator.addresses.0"],
    [{ escapedPemHeader: "Authorization" }, "SLV3009 gateway.tlsTerminator.escapedPemHeader"],
    [{ escapedPemHeader: "x-forwarded-proto" }, "SLV3009 gateway.tlsTerminator.escapedPemHeader"],
    [{ escapedPemHeader: "client-cert" }, "SLV3009 gateway.tlsTerminator.escapedPemHeader"],
    [{ trusted: true }, "SLV2003 gateway.tlsTerminator.trusted"],
  ])("%j", (more, problem) => {
    expect(codes(jwt({}), terminator(more))).toEqual([problem]);
  });
});
