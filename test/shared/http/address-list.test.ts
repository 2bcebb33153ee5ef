import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressGroup, canonicalAddress, isAddressIn, isNetwork } from "../../../shared/http/address-list.ts";

describe("an address lies in a network", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["10.1.2.3", "10.0.0.0/8"],
    ["10.1.2.3", "10.1.2.2/31"],
    ["192.0.2.1", "0.0.0.0/0"],
    ["::1", "::1"],
    ["::1", "0:0:0:0:0:0:0:1"],
    ["fd00::7", "FD00::/8"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["127.0.0.1", "::ffff:7f00:1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::/96"],
  ])("%s in %s", (address, network) => {
    expect(isNetwork(network)).toBe(true);
    expect(isAddressIn(address, ["198.51.100.9", network])).toBe(true);
  });

  test.each([
    ["127.0.0.2", "127.0.0.1"],
    ["11.0.0.0", "10.0.0.0/8"],
    ["10.1.2.4", "10.1.2.2/31"],
    ["::1", "0.0.0.0/0"],
    ["127.0.0.1", "::/0"],
    ["fe00::", "fd00::/8"],
    ["127.0.0.1.evil.example", "127.0.0.1"],
    ["", "0.0.0.0/0"],
    ["unknown", "::/0"],
  ])("%s not in %s", (address, network) => {
    expect(isAddressIn(address, [network])).toBe(false);
  });
});

test.each([
  ...["", "x", "127.1", "256.0.0.1", "1.2.3.4.5", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/8/8", "01.2.3.1234", "1.2.3.-4"],
  ...[
    ":",
    ":::",
    "1::2::3",
    "010.0.0.1",
    "1.2.3.04",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "::1/129",
    "12345::",
    "g::",
    "1.2.3.4::",
    "::1.2.3",
  ],
])("%j is no network", (text) => {
  expect(isNetwork(text)).toBe(false);
});

test("whatever stands there, nothing breaks", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9a-f:./]{0,45}$/), (text) => {
      if (isNetwork(text) && !text.includes("/")) expect(isAddressIn(text, [text])).toBe(true);
    }),
    { numRuns: 2_000 },
  );
  fc.assert(fc.property(fc.ipV4(), (text) => isAddressIn(text, [`${text}/32`])));
  fc.assert(fc.property(fc.ipV6(), isNetwork));
});

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
  ["2001:0db8::0001:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["0:0:0:0:0:0:0:0", "::"],
  ["1:0:0:0:0:0:0:0", "1::"],
  ...["", "1.2.3", "fe80::1%eth0", "[::1]", "1.2.3.4:80", `${"0".repeat(40)}::1`].map((text) => [text, undefined]),
])("%s is written %s", (text, canonical) => expect(canonicalAddress(text as string)).toBe(canonical));

test("an address has one canonical text, which is the same address", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const canonical = canonicalAddress(text) ?? "";
      expect(canonicalAddress(canonical.toUpperCase())).toBe(canonical);
      expect(isAddressIn(text, [canonical])).toBe(true);
    }),
  );
});

test.each([
  ["192.0.2.7", undefined, "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", undefined, "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002:ffff::", undefined, "2001:db8:1:2::/64"],
  ["::1", undefined, "::/64"],
  ["::ffff:192.0.2.7", undefined, "192.0.2.7"],
  ["192.0.2.7", { v4: 24, v6: 48 }, "192.0.2.0/24"],
  ["192.0.2.255", { v4: 31, v6: 48 }, "192.0.2.254/31"],
  ["2001:db8:1:2::1", { v4: 24, v6: 48 }, "2001:db8:1::/48"],
  ["2001:db8:1:2ff::1", { v4: 24, v6: 56 }, "2001:db8:1:200::/56"],
  ["2001:db8::1", { v4: 32, v6: 128 }, "2001:db8::1"],
  ["unknown", undefined, undefined],
])("%s by %j counts as %s", (address, prefix, group) => expect(addressGroup(address, prefix)).toBe(group));
