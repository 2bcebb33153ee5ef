import { describe, expect, test } from "vitest";
import { grpcFrame, grpcWebTrailers } from "../../../shared/http/grpc-answer.ts";
import { endingOf } from "../../../shared/http/grpc-web-ending.ts";

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const joined = (...frames: Uint8Array[]): Uint8Array => Uint8Array.from(frames.flatMap((frame) => [...frame]));
const message = grpcFrame(0, text("abc"));
const trailers = grpcWebTrailers([["grpc-status", "5"]]);
const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

describe("how a call ended", () => {
  test.each<[string, Uint8Array, boolean]>([
    ["after messages", joined(message, message, trailers), false],
    ["without any", trailers, false],
    ["in base64", text(base64(joined(message, trailers))), true],
    ["in base64 of pieces", text(base64(message) + base64(trailers)), true],
  ])("%s", (_, content, isText) => expect(endingOf(content, isText)?.get("grpc-status")).toBe("5"));

  test.each<[string, Uint8Array, boolean]>([
    ["nothing", new Uint8Array(), false],
    ["no trailers", message, false],
    ["half of them", joined(message, trailers.subarray(0, -1)), false],
    ["something after them", joined(trailers, message), false],
    ["what is no frame", text("no frame at all"), false],
    ["no base64", text("!!!!"), true],
    ["half of a piece", text(base64(trailers).slice(0, -1)), true],
    ["no UTF-8", Uint8Array.of(0xff, 0xfe, 0xfd, 0xfc), true],
  ])("is not known of %s", (_, content, isText) => expect(endingOf(content, isText)).toBeUndefined());
});
