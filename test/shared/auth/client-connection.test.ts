import { describe, expect, test } from "vitest";
import { clientConnection, type TlsTerminator } from "../../../shared/auth/client-connection.ts";
import { certificates } from "../../support/client-certificates.ts";

const field = `:${certificates.device}:`;
const nginx: TlsTerminator = { addresses: ["127.0.0.1"], escapedPemHeader: "x-ssl-client-cert" };
const proxy: TlsTerminator = { addresses: ["10.0.0.0/8"] };
const good = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certRFC9440: field };

function connect(
  fields: Record<string, string>,
  terminator?: TlsTerminator,
  { peer, tlsClientAuth }: { peer?: string; tlsClientAuth?: unknown } = {},
) {
  return clientConnection({ scheme: "http", peer, field: (name) => fields[name] ?? null, tlsClientAuth }, terminator);
}

const claimed = { "client-cert": field, "x-ssl-client-cert": "pem", "x-forwarded-proto": "https" };

describe("fields are believed", () => {
  test("of a terminator's address", () => {
    expect(connect(claimed, proxy, { peer: "10.1.2.3" })).toEqual({
      scheme: "https",
      certificate: { form: "rfc9440", text: field },
    });
    expect(connect(claimed, nginx, { peer: "127.0.0.1" })).toEqual({
      scheme: "https",
      certificate: { form: "escaped-pem", text: "pem" },
    });
  });
  test.each<[string, TlsTerminator | undefined, string | undefined]>([
    ["without a terminator", undefined, "127.0.0.1"],
    ["of another address", nginx, "127.0.0.2"],
    ["of an address that is not known", nginx, undefined],
    ["of a name", nginx, "localhost"],
  ])("not %s", (_, terminator, peer) => {
    expect(connect(claimed, terminator, peer === undefined ? {} : { peer })).toEqual({ scheme: "http" });
  });
  test("one at a time: a terminator with escaped PEM has no Client-Cert", () => {
    expect(connect({ "client-cert": field }, nginx, { peer: "127.0.0.1" }).certificate).toBeUndefined();
  });
  test.each(["HTTPS", "https, http", "wss", ""])("scheme %j is none", (scheme) => {
    expect(connect({ "x-forwarded-proto": scheme }, proxy, { peer: "10.0.0.1" }).scheme).toBe("http");
  });
});

describe("the platform", () => {
  test("says it by itself", () => {
    expect(connect({}, undefined, { tlsClientAuth: good }).certificate).toEqual({ form: "rfc9440", text: field });
  });
  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["a text", "1"],
    ["no certificate", { certPresented: "0", certVerified: "NONE", certRevoked: "0", certRFC9440: "" }],
  ])("shows none: %s", (_, tlsClientAuth) => {
    expect(connect({}, undefined, { tlsClientAuth }).certificate).toBeUndefined();
  });
  test.each<[string, Record<string, unknown>]>([
    ["failed", { certVerified: "FAILED:self signed certificate" }],
    ["of no word", { certVerified: undefined }],
    ["revoked", { certRevoked: "1" }],
    ["not said to be unrevoked", { certRevoked: undefined }],
    ["too large", { certRFC9440: "", certRFC9440TooLarge: true }],
  ])("shows one that proves nothing: %s", (_, more) => {
    expect(connect({}, undefined, { tlsClientAuth: { ...good, ...more } }).certificate?.form).toBe("refused");
  });
});
