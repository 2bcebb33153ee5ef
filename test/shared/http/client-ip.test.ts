import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clientIpRules, findClientAddress } from "../../../shared/http/client-ip.ts";

const TRUSTED = ["10.0.0.0/8", "192.0.2.10", "fd00::/8"];
const PEER = "10.0.0.1";

const find = (header: string, value: string | undefined, peer: string = PEER, trusted = TRUSTED) =>
  findClientAddress(
    peer,
    (name) => (name === header ? value : undefined),
    clientIpRules({ trustedProxies: trusted, header }),
  );
const UNREADABLE = { by: "unreadable" };
const named = (address: string) => ({ address, by: "field" });

describe("whoever is not trusted is the client, whatever it says", () => {
  test.each([
    ["x-forwarded-for", "203.0.113.9"],
    ["forwarded", "for=203.0.113.9"],
    ["cf-connecting-ip", "203.0.113.9"],
  ])("%s: %s", (header, value) => {
    expect(find(header, value, "198.51.100.1")).toEqual({ address: "198.51.100.1", by: "peer" });
    expect(find(header, value, "::ffff:198.51.100.1")).toEqual({ address: "198.51.100.1", by: "peer" });
    expect(find(header, value, "2001:DB8:0::1")).toEqual({ address: "2001:db8::1", by: "peer" });
  });

  test("nor where the platform does not tell who is connected, or nobody is trusted", () => {
    const rules = clientIpRules({ trustedProxies: ["0.0.0.0/0", "::/0"], header: "x-forwarded-for" });
    expect(findClientAddress(undefined, () => "203.0.113.9", rules)).toEqual({ by: "peer" });
    expect(findClientAddress("proxy.example", () => "203.0.113.9", rules)).toEqual({ by: "peer" });
    expect(findClientAddress(PEER, () => "203.0.113.9", undefined)).toEqual({ address: PEER, by: "peer" });
  });
});

describe("X-Forwarded-For is read from the right", () => {
  test.each<[string, string, object]>([
    ["one proxy", "203.0.113.9", named("203.0.113.9")],
    ["a left entry of the client", "192.0.2.66, 203.0.113.9", named("203.0.113.9")],
    ["trusted addresses that the client wrote", "10.0.0.7, 203.0.113.9", named("203.0.113.9")],
    ["garbage that the client wrote", `${"x".repeat(9000)}",,;for=1, 203.0.113.9`, named("203.0.113.9")],
    ["two proxies", "203.0.113.9, 10.0.0.2, 192.0.2.10", named("203.0.113.9")],
    ["several lines, joined in their order", "192.0.2.66, 203.0.113.9,10.0.0.2", named("203.0.113.9")],
    ["an address and port", "203.0.113.9:4711", named("203.0.113.9")],
    ["IPv6", "2001:DB8:0:0::9", named("2001:db8::9")],
    ["IPv6 in brackets", "[2001:db8::9]", named("2001:db8::9")],
    ["IPv6 with port", "[2001:db8::9]:4711", named("2001:db8::9")],
    ["IPv4 mapped into IPv6", "::ffff:203.0.113.9", named("203.0.113.9")],
    ["a trusted one mapped into IPv6", "203.0.113.9, ::ffff:10.0.0.2", named("203.0.113.9")],
    ["a trusted IPv6 one", "203.0.113.9, [fd00::2]:80", named("203.0.113.9")],
    ["empty elements", " , 203.0.113.9 , ,\t, ", named("203.0.113.9")],
    ["all trusted: the leftmost", "10.0.0.3, 10.0.0.2", named("10.0.0.3")],
    ["nothing but commas", ", ,", { address: PEER, by: "proxy" }],
    ["nothing", "", { address: PEER, by: "proxy" }],
    ["unknown", "unknown", UNREADABLE],
    ["garbage of a proxy", "203.0.113.9, 10.0.0.2 x", UNREADABLE],
    ["garbage behind a trusted one", "evil, 10.0.0.2", UNREADABLE],
    ["a zone", "fe80::1%eth0", UNREADABLE],
    ["a zone in brackets", "[fe80::1%25eth0]:80", UNREADABLE],
    ["leading zeros", "0203.0.113.9", UNREADABLE],
    ["octal", "203.0.113.011", UNREADABLE],
    ["too few numbers", "203.0.9", UNREADABLE],
    ["hexadecimal", "0xcb.0.0x71.9", UNREADABLE],
    ["a number", "3405803785", UNREADABLE],
    ["a long port", "203.0.113.9:123456", UNREADABLE],
    ["no port behind the colon", "203.0.113.9:", UNREADABLE],
    ["IPv4 in brackets", "[203.0.113.9]", UNREADABLE],
    ["half a bracket", "[2001:db8::9", UNREADABLE],
    ["quotes", '"203.0.113.9"', UNREADABLE],
    ["a name", "client.example", UNREADABLE],
    ["spaces for commas", "203.0.113.9 10.0.0.2", UNREADABLE],
    ["other blanks", "203.0.113.9\u00a0", UNREADABLE],
    ["beyond ASCII", "203.0.113.\u0669", UNREADABLE],
    ["oversize", "1".repeat(60_000), UNREADABLE],
    ["a chain of 16 trusted", Array(16).fill("10.0.0.2").join(","), named("10.0.0.2")],
    ["a chain of 17 trusted", Array(17).fill("10.0.0.2").join(","), UNREADABLE],
  ])("%s", (_, value, found) => expect(find("x-forwarded-for", value)).toEqual(found));
});

describe("Forwarded (RFC 7239) is read from the right", () => {
  test.each<[string, string, object]>([
    ["one proxy", "for=203.0.113.9;proto=https;by=10.0.0.1", named("203.0.113.9")],
    ["the name in any case, in any place", 'proto=https;host="shop.example";FOR=203.0.113.9', named("203.0.113.9")],
    ["a port", 'for="203.0.113.9:4711"', named("203.0.113.9")],
    ["IPv6", 'For="[2001:db8:cafe::17]:4711"', named("2001:db8:cafe::17")],
    ["a left element of the client", "for=192.0.2.66, for=203.0.113.9", named("203.0.113.9")],
    ["two proxies", 'for=192.0.2.66, for="203.0.113.9", for=10.0.0.2;by=10.0.0.1', named("203.0.113.9")],
    ["a quote that the client left open", 'for="192.0.2.66, for=203.0.113.9', named("203.0.113.9")],
    ["a quote before one of the proxy", 'for="192.0.2.66, for="[2001:db8::9]"', named("2001:db8::9")],
    ["garbage that the client wrote", `${'=,;"'.repeat(3000)}, for=203.0.113.9`, named("203.0.113.9")],
    ["a comma in a quoted string", 'for=203.0.113.9;host="a,for=192.0.2.66"', named("203.0.113.9")],
    ["an element in a quoted string", 'for=203.0.113.9;host="a, for=192.0.2.66;b=c"', named("203.0.113.9")],
    ["a pair in a quoted string", 'for=203.0.113.9;host="a;for=192.0.2.66;b"', named("203.0.113.9")],
    ["escapes in a quoted string", 'for=203.0.113.9;host="a\\",for=192.0.2.66;b=\\"c"', UNREADABLE],
    ["spaces behind semicolons", "for=203.0.113.9; proto=https ;by=10.0.0.1", UNREADABLE],
    ["a space behind a semicolon", "for=203.0.113.9; proto=https; by=10.0.0.1", named("203.0.113.9")],
    ["empty elements and pairs", ", ;for=203.0.113.9;, ,", named("203.0.113.9")],
    ["all trusted: the leftmost", "for=10.0.0.3, for=10.0.0.2", named("10.0.0.3")],
    ["two addresses in one element", "for=203.0.113.9;for=192.0.2.66", UNREADABLE],
    ["no address in an element", "for=203.0.113.9, proto=https", UNREADABLE],
    ["unknown", "for=unknown", UNREADABLE],
    ["an obfuscated identifier", "for=_hidden", UNREADABLE],
    ["an obfuscated identifier behind a trusted one", "for=_SEVKISEK, for=10.0.0.2", UNREADABLE],
    ["an obfuscated port", 'for="203.0.113.9:_port"', UNREADABLE],
    ["IPv6 without quotes", "for=[2001:db8::9]", UNREADABLE],
    ["a zone", 'for="[fe80::1%eth0]"', UNREADABLE],
    ["another field's form", "203.0.113.9", UNREADABLE],
    ["an empty node", 'for=""', UNREADABLE],
    ["a space inside", "for= 203.0.113.9", UNREADABLE],
    ["oversize", `for=203.0.113.9;ext=${"x".repeat(600)}`, UNREADABLE],
  ])("%s", (_, value, found) => expect(find("forwarded", value)).toEqual(found));
});

describe("every other field holds one address", () => {
  test.each<[string, object]>([
    ["203.0.113.9", named("203.0.113.9")],
    ["2001:DB8::9", named("2001:db8::9")],
    ["10.0.0.7", named("10.0.0.7")],
    ["203.0.113.9, 192.0.2.66", UNREADABLE],
    ["203.0.113.9;192.0.2.66", UNREADABLE],
    ["", { address: PEER, by: "proxy" }],
  ])("%j", (value, found) => expect(find("true-client-ip", value)).toEqual(found));
});

const OWN = fc.string({ unit: "binary", maxLength: 80 });
const ADDRESS = fc.oneof(fc.ipV4(), fc.ipV6()).filter((one) => !/^(?:10\.|192\.0\.2\.10$|fd|::ffff)/i.test(one));

test("nothing that a client writes changes what the proxies say", () => {
  fc.assert(
    fc.property(OWN, ADDRESS, fc.integer({ min: 0, max: 3 }), (own, address, proxies) => {
      const chain = [address, ...Array<string>(proxies).fill("10.0.0.2")];
      const node = (one: string): string => (one.includes(":") ? `"[${one}]"` : one);
      const expected = find("x-forwarded-for", address);
      expect(expected).toMatchObject({ by: "field" });
      expect(find("x-forwarded-for", [own, ...chain].join(", "))).toEqual(expected);
      expect(find("forwarded", [own, ...chain.map((one) => `for=${node(one)};host="h,x"`)].join(", "))).toEqual(
        expected,
      );
    }),
    { numRuns: 500 },
  );
});

test("hostile fields are judged at once, and name nobody", () => {
  for (const text of ['",', "a=b;", "; ", ";\t;", "a=,", '"', "=,", "[", ":"])
    for (const header of ["forwarded", "x-forwarded-for"])
      expect(find(header, text.repeat(60_000 / text.length)).address).not.toBe("203.0.113.9");
});
