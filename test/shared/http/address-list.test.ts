import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isAddressIn, isNetwork } from "../../../shared/http/address-list.ts";

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
  ...[":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1/129", "12345::", "g::", "1.2.3.4::", "::1.2.3"],
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
