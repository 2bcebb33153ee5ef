/** Which of the endpoints that a source names are called. */
import { expect, test } from "vitest";
import { admitEndpoints, type NamedEndpoint } from "../../../shared/discovery/admit.ts";
import { parseNetworks } from "../../../shared/http/address-list.ts";
import { limits } from "../../../shared/limits.ts";

const at = (host: string, port = 80, more: Partial<NamedEndpoint> = {}): NamedEndpoint => ({ host, port, ...more });

test("good ones are sorted, named by their address where nobody names them, and taken once", () => {
  const { endpoints, refused } = admitEndpoints(
    [at("10.0.0.2"), at("2001:DB8:0::1", 8080), at("10.0.0.1", 80, { name: "pod-1" }), at("10.0.0.2")],
    [],
  );
  expect(endpoints.map(({ instance, host }) => [instance, host])).toEqual([
    ["pod-1", "10.0.0.1"],
    ["10.0.0.2:80", "10.0.0.2"],
    ["[2001:db8::1]:8080", "2001:db8::1"],
  ]);
  expect(refused).toBe(0);
});

test.each([
  ["127.0.0.1", "loopback"],
  ["127.9.9.9", "loopback"],
  ["::1", "loopback"],
  ["::ffff:127.0.0.1", "loopback"],
  ["0.0.0.0", "unspecified"],
  ["::", "unspecified"],
  ["169.254.169.254", "a metadata service"],
  ["::ffff:a9fe:a9fe", "a metadata service"],
  ["fd00:ec2::254", "a metadata service"],
  ["100.100.100.200", "a metadata service"],
  ["169.254.0.7", "link-local"],
  ["fe80::1", "link-local"],
  ["224.0.0.1", "multicast"],
  ["255.255.255.255", "multicast or broadcast"],
  ["ff02::1", "multicast"],
  ["pay.example.com", "no IP address"],
  ["10.0.0.01", "no IP address"],
  ["fe80::1%eth0", "no IP address"],
  ["", "no IP address"],
  ["1".repeat(10_000), "no IP address"],
])("%s is refused: %s", (host, why) => {
  const { endpoints, refused, reason } = admitEndpoints([at(host)], []);
  expect([endpoints, refused]).toEqual([[], 1]);
  expect(reason).toContain(why);
  expect((reason ?? "").length).toBeLessThan(400);
});

test("a special address is called where the document allows its network", () => {
  const allowed = parseNetworks(["127.0.0.0/8", "fe80::/10"]);
  const { endpoints, refused } = admitEndpoints([at("127.0.0.1"), at("fe80::1"), at("169.254.1.1")], allowed);
  expect(endpoints.map(({ host }) => host)).toEqual(["127.0.0.1", "fe80::1"]);
  expect(refused).toBe(1);
});

test.each([0, -1, 65_536, 1.5, Number.NaN])("port %s is none", (port) => {
  expect(admitEndpoints([at("10.0.0.1", port)], []).refused).toBe(1);
});

test("what is too much is left out", () => {
  const { endpointsMax, labelsMax, labelCharsMax } = limits.discovery;
  const many = Array.from({ length: endpointsMax + 5 }, (_, n) => at(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`));
  const { endpoints, refused, reason } = admitEndpoints(many, []);
  expect([endpoints.length, refused]).toEqual([endpointsMax, 5]);
  expect(reason).toContain("more than");
  const labels = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`l${n}`, "x"]));
  const hostile = { ...labels, long: "x".repeat(labelCharsMax + 1), "new\nline": "x" };
  const [one] = admitEndpoints([at("10.0.0.1", 80, { name: "a\r\nb", labels: hostile })], []).endpoints;
  expect(Object.keys(one?.labels ?? {}).length).toBe(labelsMax);
  expect(one?.instance).toBe("10.0.0.1:80");
  const built = JSON.parse('{"__proto__":"x","version":"v1"}') as Record<string, string>;
  expect(admitEndpoints([at("10.0.0.1", 80, { labels: built })], []).endpoints[0]?.labels).toEqual({ version: "v1" });
});
