import "reflect-metadata";
import { createPrivateKey, createPublicKey, webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { describe, expect, test } from "vitest";
import { fingerprintOf, refuseCredentials, renewAtMs } from "../../../mesh-agent/tls/identity.ts";
import { makeKey, makeSigningRequest } from "../../../mesh-agent/tls/signing-request.ts";
import { successionSerial } from "../../../shared/policy/issuance.ts";
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

describe("a root that follows another one", () => {
  const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

  interface Root {
    readonly certificate: x509.X509Certificate;
    readonly keys: webcrypto.CryptoKeyPair;
  }

  async function makeRoot(name: string): Promise<Root> {
    const keys = (await webcrypto.subtle.generateKey(ECDSA, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
    const extensions = [new x509.BasicConstraintsExtension(true, 1, true)];
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      ...{ name: `CN=${name}`, keys, signingAlgorithm: ECDSA, extensions },
    });
    return { certificate, keys };
  }

  const printOf = (root: Root): string => fingerprintOf(new X509Certificate(root.certificate.toString("pem")));

  /** What one root signs of the next one. */
  async function succession(from: Root, to: Root, change: object = {}): Promise<string> {
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: successionSerial(printOf(to)),
      ...{ subject: to.certificate.subject, issuer: from.certificate.subject, signingAlgorithm: ECDSA },
      ...{ publicKey: to.keys.publicKey, signingKey: from.keys.privateKey },
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
      ...change,
    });
    return made.toString("pem");
  }

  test("is believed for what the known one signed of it, over several steps, and for nothing else", async () => {
    const [a, b, c] = [await makeRoot("a"), await makeRoot("b"), await makeRoot("c")];
    const key = makeKey();
    const leaf = await x509.X509CertificateGenerator.create({
      ...{ serialNumber: "01", subject: "", issuer: c.certificate.subject, signingAlgorithm: ECDSA },
      publicKey: await x509.PublicKey.create(createPublicKey(key).export({ type: "spki", format: "der" })),
      signingKey: c.keys.privateKey,
      extensions: [
        new x509.SubjectAlternativeNameExtension(
          [{ type: "url", value: "spiffe://test.internal/service/orders" }],
          true,
        ),
      ],
    });
    const pem = ({ certificate }: Root): string => certificate.toString("pem");
    const privateKey = key.export({ type: "pkcs8", format: "pem" }).toString();
    const refuse = (lineage: string[], known = printOf(a)): string | undefined => {
      const certificates = [leaf.toString("pem")];
      const credentials = { service: "orders", trustDomain, certificates, roots: [pem(c)], lineage };
      return refuseCredentials(credentials, privateKey, (one) => one === known, Date.now());
    };
    const good = [pem(a), await succession(a, b), pem(b), await succession(b, c)];
    expect(refuse(good)).toBeUndefined();
    expect(refuse([...good].reverse())).toBeUndefined();
    const over = { notBefore: new Date(0), notAfter: new Date(1_000) };
    for (const [wrong, known] of [
      [[]],
      [good, printOf(await makeRoot("a"))],
      [good.slice(0, 2)],
      [good.slice(2)],
      [[pem(a), await succession(a, b), pem(b), await succession(b, c, { serialNumber: "4001" })]],
      [[pem(a), await succession(a, b), pem(b), await succession(b, c, over)]],
      [[pem(a), await succession(a, b), pem(b), await succession({ ...b, keys: c.keys }, c)]],
      [[pem(a), await succession(a, b), pem(b), await succession(b, c, { publicKey: a.keys.publicKey })]],
    ] as [string[], string?][])
      expect(refuse(wrong, known)).toContain("none of the roots");
  });
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
