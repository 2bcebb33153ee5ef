import { describe, expect, test } from "vitest";
import { grpcCallOf, grpcFields, grpcWebTrailers } from "../../../shared/http/grpc-answer.ts";

describe("a call by gRPC", () => {
  test.each([
    ["application/grpc", "grpc", "application/grpc"],
    ["application/grpc+proto", "grpc", "application/grpc+proto"],
    ["Application/GRPC+Proto", "grpc", "application/grpc+proto"],
    ["application/grpc; charset=utf-8", "grpc", "application/grpc"],
    [" application/grpc ", "grpc", "application/grpc"],
    ["application/grpc-web", "web", "application/grpc-web"],
    ["application/grpc-web+json", "web", "application/grpc-web+json"],
    ["application/grpc-web-text", "web-text", "application/grpc-web-text"],
    ["application/grpc-web-text+proto;x=1", "web-text", "application/grpc-web-text+proto"],
  ])("%s", (contentType, kind, answered) => {
    expect(grpcCallOf("POST", contentType)).toEqual({ kind, contentType: answered });
  });

  test.each([
    null,
    "",
    "application/json",
    "application/grpcish",
    "application/grpc/x",
    "application/grpc-webby",
    "application/grpc-web-texts",
    "application/grpc+",
    "application/grpc+<script>",
    `application/grpc+${"a".repeat(65)}`,
    "application/grpc, application/json",
    "application/json, application/grpc",
    "application/json; a=application/grpc",
    "application/grpc; a=b, text/html",
    "application/grpc\u0000",
    "xapplication/grpc",
    "text/application/grpc",
    "application/x-grpc",
  ])("is not %j", (contentType) => expect(grpcCallOf("POST", contentType)).toBeUndefined());

  test.each(["GET", "HEAD", "PUT", "OPTIONS", "post"])("is not made by %s", (method) => {
    expect(grpcCallOf(method, "application/grpc")).toBeUndefined();
  });
});

describe("its status", () => {
  test("is percent-encoded: UTF-8, with %, line ends and everything but printable ASCII escaped", () => {
    const [, message] = grpcFields({ status: 8, message: "100 % voll, größer\r\n\u0000~ \u{1f600}\u007f" });
    expect(message?.[1]).toBe("100 %25 voll, gr%C3%B6%C3%9Fer%0D%0A%00~ %F0%9F%98%80%7F");
  });

  test.each([
    [1, "1000"],
    [60, "60000"],
    [2_147_483, "2147483000"],
    [2_147_484, "-1"],
    [2_678_400, "-1"],
  ])("says that the call may be repeated after %i s: %s", (retryAfterSeconds, said) => {
    expect(grpcFields({ status: 8, message: "m", retryAfterSeconds }).at(-1)).toEqual(["grpc-retry-pushback-ms", said]);
  });

  test("is a frame of trailers by gRPC-Web", () => {
    const frame = grpcWebTrailers(grpcFields({ status: 8, message: "used up" }));
    const text = "grpc-status: 8\r\ngrpc-message: used up\r\n";
    expect([...frame.slice(0, 5)]).toEqual([0x80, 0, 0, 0, text.length]);
    expect(new TextDecoder().decode(frame.slice(5))).toBe(text);
  });
});
