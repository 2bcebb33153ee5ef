import fc from "fast-check";
import { expect, test } from "vitest";
import { forwardingFields, parseForwarded } from "../../../shared/http/forwarding-fields.ts";

test("X-Forwarded-* say the same as the Forwarded beside them", () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant(undefined));
  const authority = fc.constantFrom("localhost", "api.shop.example:8787", "[::1]:80", "127.0.0.1");
  fc.assert(
    fc.property(address, authority, fc.constantFrom("http" as const, "https" as const), (clientIp, host, scheme) => {
      const said = forwardingFields({ clientIp, authority: host, scheme });
      const made = parseForwarded(Object.fromEntries(said).forwarded);
      expect(made).toEqual(said.filter(([name]) => name.startsWith("x-forwarded-")));
    }),
  );
});

test("the host is told in lower case: answers must not differ by what keys of caches do not know", () => {
  const said = Object.fromEntries(
    forwardingFields({ clientIp: undefined, authority: "API.Shop.example:80", scheme: "http" }),
  );
  expect(said).toMatchObject({
    forwarded: 'for=unknown;host="api.shop.example:80";proto=http',
    "x-forwarded-host": "api.shop.example:80",
  });
});

test.each([undefined, "", "for=1.2.3.4", 'for=a;host="b";proto=ftp', 'for=a;host="b";proto=http, for=c', "garbage"])(
  "%j says nothing",
  (forwarded) => expect(parseForwarded(forwarded)).toEqual([]),
);
