import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { fingerprintOf, refuseCredentials, renewAtMs } from "../../../mesh-agent/tls/identity.ts";
import { makeKey, makeSigningRequest } from "../../../mesh-agent/tls/signing-request.ts";
import { makeAuthority } from "../../support/certificates.ts";

const trustDomain = "test.internal";

describe("credentials", () => {
  test("a signing request is accepted by an authority and its certificate by us", async () => {
    const { credentials, privateKey, root } = await issued();
    expect(refuseCredentials(credentials, privateKey, (one) => one === root, Date.now())).toBeUndefined();
  });

  test("everything that does not fit is told", async () => {
    const { credentials, privateKey, root, authority } = await issued();
    const known = (one: string): boolean => one === root;
    const refuse = (change: object, key = privateKey, nowMs = Date.now()): string | undefined =>
      refuseCredentials({ ...credentials, ...change }, key, known, nowMs);
    const otherKey = makeKey().export({ type: "pkcs8", format: "pem" }).toString();
    const other = await makeAuthority(trustDomain);
    const request = makeSigningRequest(...keyOf(privateKey));
    expect(refuse({ certificates: [] })).toBe("there is no certificate");
    expect(refuse({}, otherKey)).toBe("the certificate is for another key");
    expect(refuse({ service: "users" })).toBe("it names spiffe://test.internal/service/orders");
    expect(refuse({}, privateKey, Date.now() + 2 * 86_400_000)).toBe("it has ended");
    expect(refuse({}, privateKey, Date.now() - 86_400_000)).toContain("clock");
    expect(refuse({ roots: [other.rootPem] })).toContain("none of the roots");
    expect(refuse({ certificates: await other.certify(request, "orders") })).toContain("chain");
    expect(refuse({ certificates: credentials.certificates.slice(0, 1) })).toContain("chain");
    const twoNames = { uris: ["spiffe://test.internal/service/orders", "spiffe://test.internal/service/users"] };
    const certificates = await authority.certify(request, "orders", twoNames);
    expect(() => refuse({ certificates })).toThrow("exactly one SPIFFE ID");
  });

  async function issued() {
    const authority = await makeAuthority(trustDomain);
    const key = makeKey();
    const certificates = await authority.certify(makeSigningRequest(key, createPublicKey(key)), "orders");
    const credentials = { service: "orders", trustDomain, certificates, roots: [authority.rootPem] };
    const privateKey = key.export({ type: "pkcs8", format: "pem" }).toString();
    return { authority, credentials, privateKey, root: fingerprintOf(new X509Certificate(authority.rootPem)) };
  }
});

test("renewal comes at a third of the life or somewhat earlier", () => {
  const facts = { notBeforeMs: 1_000, notAfterMs: 1_000 + 24 * 3_600_000 };
  expect(renewAtMs(facts, 0)).toBe(1_000 + 8 * 3_600_000);
  expect(renewAtMs(facts, 1)).toBeCloseTo(1_000 + 7.2 * 3_600_000);
});

function keyOf(pem: string): Parameters<typeof makeSigningRequest> {
  const key = createPrivateKey(pem);
  return [key, createPublicKey(key)];
}
