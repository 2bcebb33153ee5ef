import { describe, expect, test } from "vitest";
import { isLoopback, isNavigation, publicOrigin, refuseCrossSite } from "../../../shared/http/page-request.ts";

const target = (authority: string) => ({
  host: authority.replace(/:\d+$/, "").replace(/^\[|\]$/g, ""),
  authority,
  path: "/",
  query: "",
});
const from = (headers: Record<string, string>) => (name: string) => headers[name];

test.each<[string, "http" | "https", string]>([
  ["app.example", "http", "https://app.example"],
  ["app.example:443", "https", "https://app.example"],
  ["app.example:8443", "http", "https://app.example:8443"],
  ["APP.example", "http", "https://app.example"],
  ["localhost:8787", "http", "http://localhost:8787"],
  ["localhost:8787", "https", "https://localhost:8787"],
  ["shop.localhost", "http", "http://shop.localhost"],
  ["127.0.0.1:80", "http", "http://127.0.0.1"],
  ["[::1]:8787", "http", "http://[::1]:8787"],
  ["localhost:99999", "http", "http://localhost:99999"],
  ["1.2.3.999", "http", "https://1.2.3.999"],
  ["xn--a.app.example", "https", "https://xn--a.app.example"],
])("pages of %s are of an origin that browsers take for secure (called by %s): %s", (authority, scheme, origin) => {
  expect(publicOrigin(target(authority), scheme)).toBe(origin);
});

test.each([
  "localhost.evil.example",
  "127.0.0.1.evil.example",
  "127.1",
  "0.0.0.0",
  "10.0.0.1",
  "1::1",
  "xlocalhost",
  "",
])("%j is no loopback", (host) => expect(isLoopback(host)).toBe(false));

describe("where a request comes from", () => {
  const own = "https://app.example";
  const spa = ["https://spa.example"];
  test.each<[string, Record<string, string>, boolean]>([
    ["GET", {}, true],
    ["HEAD", { "sec-fetch-site": "cross-site" }, true],
    ["OPTIONS", {}, true],
    ["get", { "sec-fetch-site": "cross-site" }, false],
    ["POST", { "sec-fetch-site": "same-origin" }, true],
    ["POST", { "sec-fetch-site": "none" }, true],
    ["POST", { "sec-fetch-site": "SAME-ORIGIN" }, false],
    ["POST", { "sec-fetch-site": "" }, false],
    ["POST", { "sec-fetch-site": "cross-site", origin: own }, false],
    ["POST", { origin: own }, true],
    ["POST", { origin: `${own}/` }, false],
    ["POST", { origin: "null" }, false],
    ["POST", {}, false],
    ["POST", { "sec-fetch-site": "same-site", origin: "https://spa.example" }, true],
    ["POST", { "sec-fetch-site": "same-site", origin: "https://spa.example.evil" }, false],
    ["QUERY", { "sec-fetch-site": "cross-site" }, false],
  ])("%s with %j may pass: %s", (method, headers, passes) => {
    expect(refuseCrossSite(method, from(headers), own, spa) === undefined).toBe(passes);
  });
});

test.each<[string, Record<string, string>, boolean]>([
  ["GET", { "sec-fetch-mode": "navigate" }, true],
  ["GET", { "sec-fetch-mode": "cors", accept: "text/html" }, false],
  ["GET", { accept: "text/html,*/*;q=0.8" }, true],
  ["GET", { accept: "application/json" }, false],
  ["GET", {}, false],
  ["POST", { "sec-fetch-mode": "navigate" }, false],
  ["HEAD", { accept: "text/html" }, false],
  ["GET", { "sec-fetch-mode": "navigate", "sec-purpose": "prefetch;prerender" }, false],
])("%s with %j is a page that a person asks for: %s", (method, headers, is) => {
  expect(isNavigation(method, from(headers))).toBe(is);
});
