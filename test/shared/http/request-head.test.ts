import { describe, expect, test } from "vitest";
import { FORWARDING_FIELDS, forwardingFields } from "../../../shared/http/forwarding-fields.ts";
import { isForgeable } from "../../../shared/http/header-names.ts";
import { connectionNames, inspectHead } from "../../../shared/http/inspect-head.ts";
import { parseRequestTarget } from "../../../shared/http/request-target.ts";
import { limits } from "../../../shared/limits.ts";

describe("request target", () => {
  test.each([
    [
      "http://Api.Example:8787/a/../b?x=/y#f",
      { host: "api.example", authority: "Api.Example:8787", path: "/a/../b", query: "?x=/y" },
    ],
    [
      "https://[2001:DB8::1]:443/%2e%2e/",
      { host: "2001:db8::1", authority: "[2001:DB8::1]:443", path: "/%2e%2e/", query: "" },
    ],
    ["http://h/?", { host: "h", authority: "h", path: "/", query: "?" }],
    ["http://h/a#b?c", { host: "h", authority: "h", path: "/a", query: "" }],
  ])("%s", (url, target) => {
    expect(parseRequestTarget(url)).toEqual(target);
  });

  test.each([
    ["two hosts", "http://a, b/x"],
    ["user information", "http://u@h/x"],
    ["asterisk form", "http://h*"],
    ["no host", "http:///x"],
    ["a port that is none", "http://h:8x/x"],
    ["a control character", "http://h\u0000/x"],
    ["query without path", "http://h?x"],
  ])("%s is refused", (_, url) => {
    expect(parseRequestTarget(url)).toBeUndefined();
  });
});

test.each(["x_forwarded_for", "x-forwarded_proto", "txn_token", "selvage_service", "x_real_ip", "true_client_ip"])(
  "%s is the same field to a server that hands fields on as variables, and ends at the edge too",
  (name) => expect(isForgeable(name)).toBe(true),
);

test.each(["cf-connecting-ip", "fastly-client-ip", "x-forwarded", "forwarded-for", "x-method-override"])(
  "%s of a client would be believed inside, and ends at the edge",
  (name) => expect(isForgeable(name)).toBe(true),
);

test.each(["x_request_id", "x-request-id", "user-agent", "forwarding", "txn-token-x"])("%s goes on", (name) =>
  expect(isForgeable(name)).toBe(false),
);

describe("request head", () => {
  test("names what ends at the edge", () => {
    const { dropped, refused } = inspectHead(
      new Headers({
        accept: "*/*",
        authorization: "x",
        connection: "close, X-Secret, authorization",
        "x-secret": "1",
        te: "trailers",
        "txn-token": "forged",
        "selvage-service": "users",
        "x-forwarded-for": "1.1.1.1",
        forwarded: "for=1.1.1.1",
        "x-real-ip": "1.1.1.1",
        expect: "100-continue",
        host: "h",
      }),
      1,
    );
    expect(refused).toBeUndefined();
    expect([...new Set(dropped)].sort()).toEqual([
      "close",
      "connection",
      "expect",
      "forwarded",
      "host",
      "selvage-service",
      "te",
      "txn-token",
      "x-forwarded-for",
      "x-real-ip",
      "x-secret",
    ]);
  });

  test.each([
    ["uri_too_long", [], limits.http.targetBytesMax + 1],
    ["header_too_large", [["x-big", "a".repeat(limits.http.headBytesMax)]], 1],
    ["header_too_large", Array.from({ length: limits.http.headFieldsMax + 1 }, (_, at) => [`x-${at}`, "1"]), 1],
    [
      "ambiguous_framing",
      [
        ["content-length", "3"],
        ["transfer-encoding", "chunked"],
      ],
      1,
    ],
    ["bad_request", [["content-type", "application/grpc, application/json"]], 1],
    ["bad_request", [["content-type", "text/plain,Application/GRPC-web"]], 1],
    [
      "bad_request",
      [
        ["content-type", "application/json"],
        ["content-type", "application/grpc"],
      ],
      1,
    ],
    [undefined, [["content-type", "application/grpc; a=b"]], 1],
    [undefined, [["content-type", "application/json, text/plain"]], 1],
  ])("%s", (code, fields, targetBytes) => {
    expect(inspectHead(fields as [string, string][], targetBytes).refused?.code).toBe(code);
  });

  test("a Connection field cannot name what must arrive", () => {
    expect(connectionNames("Content-Type, a b, x-foo,,")).toEqual(["x-foo"]);
  });
});

test("forwarding fields are the edge's own words", () => {
  const known = Object.fromEntries(forwardingFields({ clientIp: "2001:db8::1", authority: "h:1", scheme: "https" }));
  expect(new Set(Object.keys(known))).toEqual(FORWARDING_FIELDS);
  expect(known).toEqual({
    via: "1.1 selvage",
    forwarded: 'for="[2001:db8::1]";host="h:1";proto=https',
    "x-forwarded-for": "2001:db8::1",
    "x-forwarded-host": "h:1",
    "x-forwarded-proto": "https",
  });
  const unknown = Object.fromEntries(forwardingFields({ clientIp: undefined, authority: "h", scheme: "http" }));
  expect(unknown.forwarded).toBe('for=unknown;host="h";proto=http');
  expect(unknown["x-forwarded-for"]).toBeUndefined();
});
