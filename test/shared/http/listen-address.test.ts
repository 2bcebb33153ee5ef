import { expect, test } from "vitest";
import { listenText, parseListenAddress, reachableUrl } from "../../../shared/http/listen-address.ts";

const defaults = { scheme: "http", port: 8787 } as const;

test.each([
  ["127.0.0.1", "http", "127.0.0.1", 8787],
  ["127.0.0.1:80", "http", "127.0.0.1", 80],
  ["0.0.0.0", "http", "0.0.0.0", 8787],
  ["localhost:1", "http", "localhost", 1],
  [":443", "http", "", 443],
  ["*:443", "http", "", 443],
  ["https://:443", "https", "", 443],
  ["https://[::]:443", "https", "::", 443],
  ["[::1]", "http", "::1", 8787],
  ["http://0.0.0.0:80/", "http", "0.0.0.0", 80],
])("%s", (text, scheme, host, port) => {
  expect(parseListenAddress(text, defaults)).toEqual({ scheme, host, port });
});

test.each([
  "",
  ":",
  "http://",
  "::1",
  "1.2.3.4:",
  "1.2.3.4:65536",
  "1.2.3.4:80x",
  "ftp://a:1",
  "a b:1",
  "a:1/path",
  "[::1",
])("%j is none", (text) => {
  expect(parseListenAddress(text, defaults)).toBeUndefined();
});

test("without a default the port is needed", () => {
  expect(parseListenAddress("127.0.0.1", { scheme: "https" })).toBeUndefined();
  expect(parseListenAddress("127.0.0.1:1", { scheme: "https" })).toEqual({
    scheme: "https",
    host: "127.0.0.1",
    port: 1,
  });
});

test.each([
  ["", "http://127.0.0.1:1", "http://:1"],
  ["0.0.0.0", "http://127.0.0.1:1", "http://0.0.0.0:1"],
  ["::", "http://[::1]:1", "http://[::]:1"],
  ["fd00::1", "http://[fd00::1]:1", "http://[fd00::1]:1"],
  ["host", "http://host:1", "http://host:1"],
])("%j as a URL, and as an option", (host, url, text) => {
  const address = { scheme: "http", host, port: 1 } as const;
  expect(reachableUrl(address)).toBe(url);
  expect(listenText(address)).toBe(text);
  expect(parseListenAddress(text, { scheme: "https" })).toEqual(address);
});
