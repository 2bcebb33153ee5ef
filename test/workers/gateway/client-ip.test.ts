import { expect, test } from "vitest";
import { clientIpOf } from "../../../workers/gateway/upstream/client-ip.ts";

const request = (clientIp: string | undefined): Request =>
  new Request("http://h/", { headers: { "cf-connecting-ip": "192.0.2.66" }, cf: { clientIp } as never });

test.each([
  ["127.0.0.1:52296", "127.0.0.1"],
  ["[2001:db8::1]:52296", "2001:db8::1"],
  ["[::1]", "::1"],
  [undefined, undefined],
])("the socket's peer %s is %s, whatever the client says", (peer, address) => {
  expect(clientIpOf(request(peer), "socket")).toBe(address);
});

test("behind Cloudflare its field is believed", () => {
  expect(clientIpOf(request("127.0.0.1:1"), "cf-connecting-ip")).toBe("192.0.2.66");
  expect(clientIpOf(request("127.0.0.1:1"), undefined)).toBe("192.0.2.66");
});
