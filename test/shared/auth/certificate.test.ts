import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Certificate,
  derOfClientCert,
  derOfEscapedPem,
  readCertificate,
} from "../../../shared/auth/certificate.ts";
import {
  type CertificateProvider,
  identityOfCertificate,
  refuseCertificate,
} from "../../../shared/auth/certificate-rules.ts";
import { canonicalName } from "../../../shared/auth/distinguished-name.ts";
import { limits } from "../../../shared/limits.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { certificates, DEVICE_X5T, VALID_AT_MS } from "../../support/client-certificates.ts";

const der = (name: keyof typeof certificates): Uint8Array => new Uint8Array(Buffer.from(certificates[name], "base64"));
const read = (bytes: Uint8Array): Certificate => {
  const found = readCertificate(bytes);
  if (typeof found === "string") throw new Error(found);
  return found;
};

test("a certificate says who, by whom, and until when", () => {
  expect(read(der("device"))).toEqual({
    subject: "CN=device-7,O=Example\\, Inc.,C=DE",
    issuer: "CN=Devices CA,O=Example\\, Inc.,C=DE",
    cn: "device-7",
    dns: ["device-7.example.com"],
    uris: ["spiffe://example.com/device/7"],
    notBeforeMs: Date.UTC(2026, 10, 21, 0, 55, 40),
    notAfterMs: Date.UTC(2126, 9, 28, 0, 55, 40),
  });
});

test("RFC 9440, appendix A", () => {
  const field =
    ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:";
  const bytes = derOfClientCert(field);
  expect(typeof bytes === "string" ? bytes : read(bytes)).toMatchObject({
    subject: "CN=BC",
    issuer: "CN=LA Intermediate CA,O=Let's Authenticate",
    dns: [],
    uris: [],
    notAfterMs: Date.UTC(2021, 0, 23, 22, 55, 33),
  });
});

test("certificates of another maker are read alike", async () => {
  const { certPem } = await (await makeAuthority("shop.internal")).issue("orders", { dnsNames: ["Orders.example"] });
  const [leaf = ""] = certPem.split(/(?<=-----END CERTIFICATE-----)/);
  const bytes = derOfEscapedPem(encodeURIComponent(`${leaf.replaceAll("\r", "")}\n`));
  expect(typeof bytes === "string" ? bytes : read(bytes)).toMatchObject({
    cn: "orders",
    dns: ["orders.example"],
    uris: ["spiffe://shop.internal/service/orders"],
  });
});

test("names are written as openssl and RFC 4514 write them", () => {
  expect(read(der("exotic")).subject).toBe(
    "CN=\\#ann \\<a\\;b\\>,O=Müller \\\\\\+ Söhne,serialNumber=42,emailAddress=ops@example.com",
  );
  expect(read(der("plain")).cn).toBeUndefined();
});

describe("a name in a document", () => {
  const wanted = read(der("device")).issuer;
  test.each([
    wanted,
    "CN=Devices CA, O=Example\\, Inc., C=DE",
    " cn = Devices CA,o=Example\\2C Inc.,2.5.4.6=DE",
    "CN=Devices\\ CA,O=Example\\2c\\20Inc.,C=\\44E ",
  ])("%j is that one", (text) => {
    expect(canonicalName(text)).toBe(wanted);
  });
  test.each(["C=DE,O=Example\\, Inc.,CN=Devices CA", "CN=devices ca,O=Example\\, Inc.,C=DE"])(
    "%j is another",
    (text) => {
      expect(canonicalName(text)).not.toBe(wanted);
    },
  );
  test.each(["", "Devices CA", "CN=", "CN=a,", "CN=a,,C=DE", "XX=a", "CN=a\\", "CN=\\FF", "CN=\ud800", "=a", "1=a"])(
    "%j is none",
    (text) => {
      expect(canonicalName(text)).toBeUndefined();
    },
  );
  test("in its own form stays", () => {
    const blank = fc.stringMatching(/^[ \u00a0\u3000\t#\\+]{1,4}$/);
    const value = fc.oneof(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), blank);
    const escaped = (text: string): string =>
      [...Buffer.from(text)].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), (values) => {
        const name = canonicalName(values.map((one) => `CN=${escaped(one)}`).join(","));
        expect(name).toBeDefined();
        expect(canonicalName(name ?? "")).toBe(name);
      }),
      { numRuns: 3_000 },
    );
  });
  test("of other kinds of text is compared by its bytes", () => {
    expect(canonicalName("CN=#0c0141")).toBe("CN=#0c0141");
    expect(canonicalName("1.2.3.4=x")).toBe("1.2.3.4=x");
  });
});

describe("what is no certificate is refused with a reason", () => {
  const good = der("device");
  test("cut anywhere", () => {
    for (let length = 0; length < good.length; length++)
      expect(readCertificate(good.subarray(0, length))).toBeTypeOf("string");
  });
  test("with more behind it", () => {
    expect(readCertificate(Uint8Array.from([...good, 0]))).toBeTypeOf("string");
  });
  test("too large", () => {
    expect(readCertificate(new Uint8Array(limits.clientCertificate.bytesMax + 1))).toBe("the certificate is too large");
  });
  test.each<[string, number[]]>([
    ["nothing", []],
    ["a tag alone", [0x30]],
    ["an indefinite length", [0x30, 0x80, 0, 0]],
    ["a length that is not in its shortest form", [0x30, 0x81, 0x01, 0x00]],
    ["a length of four bytes", [0x30, 0x84, 0, 0, 0, 1, 0]],
    ["a tag of several bytes", [0x3f, 0x30, 0x00]],
    ["an empty sequence", [0x30, 0x00]],
    ["a text", [0x0c, 0x01, 0x41]],
  ])("%s", (_, bytes) => {
    expect(readCertificate(Uint8Array.from(bytes))).toMatch(/^the certificate has /);
  });

  test("any change of bytes gives a certificate or a reason, never an error", () => {
    const names = Object.keys(certificates) as (keyof typeof certificates)[];
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...names), changes, fc.option(fc.nat(600)), (name, edits, cut) => {
        const bytes = der(name).slice(0, cut ?? undefined);
        for (const [at, byte] of edits) if (bytes.length > 0) bytes[at % bytes.length] = byte;
        const found = readCertificate(bytes);
        if (typeof found !== "string") expect(Number.isFinite(found.notAfterMs)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readCertificate(bytes)),
      { numRuns: 5_000 },
    );
  });
});

describe("a field", () => {
  const base64 = certificates.device;
  const pem = `-----BEGIN CERTIFICATE-----\n${base64.replace(/(.{64})/g, "$1\n")}\n-----END CERTIFICATE-----\n`;
  test("as RFC 9440 and as nginx writes it", () => {
    expect(derOfClientCert(`:${base64}:`)).toEqual(der("device"));
    for (const text of [pem, pem.trimEnd(), pem.replaceAll("\n", "\r\n")])
      expect(derOfEscapedPem(encodeURIComponent(text))).toEqual(der("device"));
  });
  test.each([
    ...[
      "",
      ":",
      "::",
      base64,
      `:${base64}`,
      `:${base64}:;a=1`,
      `:${base64}:, :${base64}:`,
      `: ${base64}:`,
      `:${base64}==:`,
    ],
    ...["x", ":_-8=:", ":AB==:", `:${"A".repeat(3 * limits.clientCertificate.bytesMax)}:`],
  ])("that is none: %#", (text) => {
    expect(derOfClientCert(text)).toBeTypeOf("string");
  });
  test.each([
    ...[
      "",
      "%",
      "%zz",
      pem,
      base64,
      pem + pem,
      pem.replace("BEGIN CERTIFICATE", "BEGIN PUBLIC KEY"),
      `x${pem}`,
      `${pem}x`,
    ],
    ...[pem.replace(/\n[^-]*\n/, "\n"), "A".repeat(3 * limits.clientCertificate.bytesMax)],
  ])("that is no escaped PEM: %#", (text) => {
    const escaped = text.includes("%") || text === pem ? text : encodeURIComponent(text);
    if (text === pem) expect(derOfEscapedPem(escaped)).toEqual(der("device"));
    else expect(derOfEscapedPem(escaped)).toBeTypeOf("string");
  });
});

describe("rules", () => {
  const device = { ...read(der("device")), fingerprint: DEVICE_X5T };
  const by = (more: Partial<CertificateProvider> = {}): CertificateProvider => ({
    kind: "certificate",
    subject: "cn",
    ...more,
  });

  test("times are of the certificate", () => {
    expect(refuseCertificate(device, by(), VALID_AT_MS)).toBeUndefined();
    expect(refuseCertificate(device, by(), device.notBeforeMs - 1)).toContain("not valid yet");
    expect(refuseCertificate(device, by(), device.notAfterMs - 1)).toBeUndefined();
    expect(refuseCertificate(device, by(), device.notAfterMs)).toContain("expired");
  });
  test("issuers and fingerprints must both be met", () => {
    const { issuer } = device;
    const refuse = (more: Partial<CertificateProvider>) => refuseCertificate(device, by(more), VALID_AT_MS);
    expect(refuse({ issuers: [issuer], fingerprints: [DEVICE_X5T] })).toBeUndefined();
    expect(refuse({ issuers: ["CN=Other"] })).toContain(issuer);
    expect(refuse({ issuers: [issuer], fingerprints: ["A".repeat(43)] })).toContain("not among");
  });
  test.each([
    ["cn", "device-7"],
    ["dns", "device-7.example.com"],
    ["uri", "spiffe://example.com/device/7"],
    ["fingerprint", DEVICE_X5T],
  ] as const)("the subject is its %s", (subject, sub) => {
    expect(identityOfCertificate(device, by({ subject }))).toMatchObject({
      sub,
      issuer: device.issuer,
      method: "certificate",
      claims: { jti: DEVICE_X5T, iat: device.notBeforeMs / 1000, subject_dn: device.subject },
    });
  });
  test.each<[string, Partial<Certificate>, CertificateProvider["subject"]]>([
    ["two DNS names", { dns: ["a", "b"] }, "dns"],
    ["no URI", { uris: [] }, "uri"],
    ["no common name", { cn: undefined } as unknown as Partial<Certificate>, "cn"],
    ["a common name of spaces", { cn: "  " }, "cn"],
    ["a common name with a zero", { cn: "admin\u0000.evil" }, "cn"],
    ["a common name that is too long", { cn: "x".repeat(limits.identity.nameCharsMax + 1) }, "cn"],
  ])("%s names nobody", (_, more, subject) => {
    expect(identityOfCertificate({ ...device, ...more }, by({ subject }))).toBeTypeOf("string");
  });
});
