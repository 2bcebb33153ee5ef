import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { connectionText, type FrontConnection, frontFields, isFrontKey } from "../../../shared/wire/front-fields.ts";

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const told = (facts: FrontConnection): unknown => JSON.parse(connectionText(facts, base64));
const plain = { address: "192.0.2.7", port: 4711, protocol: "HTTP/1.1" } as const;

describe("what the front tells of a connection", () => {
  test("the address as workerd itself writes it", () => {
    expect(told(plain)).toEqual({ clientIp: "192.0.2.7:4711", httpProtocol: "HTTP/1.1" });
    expect(told({ ...plain, address: "2001:db8::1" })).toMatchObject({ clientIp: "[2001:db8::1]:4711" });
  });

  test("TLS, and a certificate that is good", () => {
    const tls = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" };
    expect(told({ ...plain, tls })).toMatchObject({ tlsVersion: "TLSv1.3", tlsCipher: "TLS_AES_128_GCM_SHA256" });
    const certificate = { der: Uint8Array.of(0x30, 0), refusal: undefined };
    expect(told({ ...plain, tls: { ...tls, certificate } })).toMatchObject({
      tlsClientAuth: { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certRFC9440: ":MAA=:" },
    });
  });

  test("one that is not good, in ASCII and within bounds, without its bytes", () => {
    const refusal = `ö\r\n${"x".repeat(500)}`;
    const certificate = { der: Uint8Array.of(0x30, 0), refusal };
    const text = connectionText({ ...plain, tls: { version: "", cipher: "", certificate } }, base64);
    expect(text).toMatch(/^[ -~]+$/);
    const { tlsClientAuth } = JSON.parse(text);
    expect(tlsClientAuth.certVerified).toBe(`FAILED:???${"x".repeat(limits.front.verdictCharsMax - 3)}`);
    expect(tlsClientAuth).not.toHaveProperty("certRFC9440");
  });

  test("one that is too large is not passed on", () => {
    const at = (size: number): unknown => {
      const certificate = { der: new Uint8Array(size), refusal: undefined };
      return told({ ...plain, tls: { version: "", cipher: "", certificate } });
    };
    const { certificateBytesMax } = limits.front;
    expect(at(certificateBytesMax)).toMatchObject({
      tlsClientAuth: { certRFC9440: expect.stringMatching(/^:A+=*:$/) },
    });
    expect(at(certificateBytesMax + 1)).toMatchObject({ tlsClientAuth: { certVerified: "SUCCESS", certRFC9440: "" } });
  });
});

test("a key is a long hexadecimal number, and stands in both names", () => {
  const key = "0123456789abcdef0123456789abcdef";
  expect(isFrontKey(key)).toBe(true);
  for (const bad of ["", key.slice(1), key.toUpperCase(), `${key} `, "g".repeat(32)])
    expect(isFrontKey(bad)).toBe(false);
  const { connection, scheme } = frontFields(key);
  expect(connection).toContain(key);
  expect(scheme).toContain(key);
  expect(connection).not.toBe(scheme);
});
