import { describe, expect, test } from "vitest";
import { ProxyFault, parseProxyHeader } from "../../../mesh-agent/proxy/proxy-protocol.ts";
import { limits } from "../../../shared/limits.ts";
import { binaryHeader, localV2, proxyV1, proxyV2 } from "../../support/proxy-header.ts";

const line = (text: string): Buffer => Buffer.from(text, "latin1");
const source = (address: string, port: number): object => ({ source: { address, port } });
const TCP4 = Buffer.from("c0000201c00002fe30390050", "hex");
/** ALPN, of which the value is `h2`. */
const ALPN = "\x01\0\x02h2";

describe("what is a header", () => {
  test.each<[string, Buffer, object]>([
    ["1, TCP4", line("PROXY TCP4 192.0.2.1 192.0.2.254 12345 80\r\n"), source("192.0.2.1", 12_345)],
    ["1, TCP6", line("PROXY TCP6 2001:DB8:0::1 2001:db8::fe 1 65535\r\n"), source("2001:db8::1", 1)],
    ["1, IPv4 mapped into IPv6", line("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), source("192.0.2.1", 1)],
    ["1, UNKNOWN", line("PROXY UNKNOWN\r\n"), {}],
    ["1, UNKNOWN with what means nothing", line("PROXY UNKNOWN ff:: ff:: 65535 65535\r\n"), {}],
    ["1, as long as it may be", line(`PROXY UNKNOWN ${"x".repeat(91)}\r\n`), {}],
    ["2, TCP4", proxyV2("192.0.2.1", 12_345), source("192.0.2.1", 12_345)],
    ["2, TCP6", proxyV2("2001:db8::1", 443), source("2001:db8::1", 443)],
    ["2, IPv4 mapped into IPv6", proxyV2("::ffff:c000:201", 7), source("192.0.2.1", 7)],
    ["2, with values", proxyV2("192.0.2.1", 1, `${ALPN}\x04\0\0`), source("192.0.2.1", 1)],
    ["2, LOCAL", localV2(), {}],
    ["2, LOCAL with what means nothing", binaryHeader(0x20, 0x99, TCP4), {}],
    ["2, UNSPEC", binaryHeader(0x21, 0, Buffer.alloc(5)), {}],
    ["2, UNIX", binaryHeader(0x21, 0x31, Buffer.alloc(216)), {}],
  ])("%s, in pieces and with bytes behind it", (_title, header, expected) => {
    const whole = Buffer.concat([header, line("GET / HTTP/1.1\r\n")]);
    expect(parseProxyHeader(whole)).toEqual({ length: header.length, ...expected });
    for (let size = 0; size < header.length; size++) expect(parseProxyHeader(header.subarray(0, size))).toBeUndefined();
  });
});

describe("what is none", () => {
  test.each<[string, Buffer | string]>([
    ["HTTP/1.1", "GET / HTTP/1.1\r\n"],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["TLS", Buffer.from("16030100", "hex")],
    ["lower case", "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"],
    ["two spaces", "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n"],
    ["a space behind it", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"],
    ["a tab", "PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n"],
    ["LF alone", `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n${"x".repeat(80)}`],
    ["LF alone, then CRLF", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\nx\r\n"],
    ["another family", "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"],
    ["UNKNOWN and more of the word", "PROXY UNKNOWNS\r\n"],
    ["IPv6 as TCP4", "PROXY TCP4 ::1 ::2 1 2\r\n"],
    ["IPv4 as TCP6", "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"],
    ["leading zeros of an address", "PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n"],
    ["a bad address of the other end", "PROXY TCP4 192.0.2.1 192.0.2.256 1 2\r\n"],
    ["a zone", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"],
    ["a leading zero of a port", "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"],
    ["a port above 65535", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"],
    ["a negative port", "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"],
    ["no port", "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"],
    ["a line that is too long", `PROXY UNKNOWN ${"x".repeat(92)}\r\n`],
    ["a line without an end", `PROXY UNKNOWN ${"x".repeat(200)}`],
    ["version 1 in binary", binaryHeader(0x11, 0x11, TCP4)],
    ["version 3", binaryHeader(0x31, 0x11, TCP4)],
    ["another command", binaryHeader(0x22, 0x11, TCP4)],
    ["datagrams", binaryHeader(0x21, 0x12, TCP4)],
    ["an unknown family", binaryHeader(0x21, 0x41, TCP4)],
    ["addresses that are too short", binaryHeader(0x21, 0x11, TCP4.subarray(1))],
    ["IPv6 addresses that are too short", binaryHeader(0x21, 0x21, TCP4)],
    ["a value longer than the header", binaryHeader(0x21, 0x11, TCP4, "\x01\0\x03h2")],
    ["half a value", binaryHeader(0x21, 0x11, TCP4, "\x01\0")],
    ["one that is too large", binaryHeader(0x21, 0x11, TCP4, "x".repeat(limits.front.proxyHeaderBytesMax - 27))],
    ["a signature that is not whole", Buffer.from("0d0a0d0a000d0a515549540b", "hex")],
  ])("%s", (_title, bytes) => {
    const parsed = parseProxyHeader(typeof bytes === "string" ? line(bytes) : bytes);
    expect(parsed).toBeInstanceOf(ProxyFault);
  });

  test("as large as it may be is one", () => {
    const room = limits.front.proxyHeaderBytesMax - 28 - 3;
    const value = Buffer.from([4, room >> 8, room & 0xff]).toString("latin1") + "x".repeat(room);
    expect(parseProxyHeader(binaryHeader(0x21, 0x11, TCP4, value))).toEqual({
      length: limits.front.proxyHeaderBytesMax,
      ...source("192.0.2.1", 12_345),
    });
  });
});

test("both versions say the same", () => {
  for (const address of ["198.51.100.7", "2001:db8::7"])
    expect(parseProxyHeader(proxyV1(address, 7))).toMatchObject(source(address, 7));
});
