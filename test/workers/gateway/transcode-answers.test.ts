/** What becomes of answers by gRPC-Web for clients of JSON: refusals, broken ones, streams. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { grpcWebMessage } from "../../../shared/http/grpc-web-frames.ts";
import { answer, asks, encode, failure, post, said, startTranscoding, statusOf } from "./support/transcoded.ts";

afterEach(() => vi.restoreAllMocks());

describe("a call that fails", () => {
  test.each([
    [1, "CANCELLED", 499],
    [2, "UNKNOWN", 500],
    [3, "INVALID_ARGUMENT", 400],
    [4, "DEADLINE_EXCEEDED", 504],
    [5, "NOT_FOUND", 404],
    [6, "ALREADY_EXISTS", 409],
    [7, "PERMISSION_DENIED", 403],
    [8, "RESOURCE_EXHAUSTED", 429],
    [9, "FAILED_PRECONDITION", 400],
    [10, "ABORTED", 409],
    [11, "OUT_OF_RANGE", 400],
    [12, "UNIMPLEMENTED", 501],
    [13, "INTERNAL", 500],
    [14, "UNAVAILABLE", 503],
    [15, "DATA_LOSS", 500],
    [16, "UNAUTHENTICATED", 401],
    [99, "UNKNOWN", 500],
  ])("%i is %s, %i", async (code, name, status) => {
    const world = await startTranscoding();
    const body = { type: "about:blank", status, code: name, detail: "é 100%" };
    for (const isHead of [true, false]) {
      world.service = () => failure(code, "%C3%A9 100%", isHead, { "x-cost": "1" });
      const response = await world.gateway.fetch("/one/a");
      expect(await response.json()).toMatchObject(body);
      expect([response.status, response.headers.get("content-type"), response.headers.get("cache-control")]).toEqual([
        ...[status, "application/problem+json", "no-store"],
      ]);
      expect(response.headers.get("grpc-status")).toBeNull();
    }
  });

  test("tells its details where the route says so", async () => {
    const details = statusOf([
      ["BadRequest", { fieldViolations: [{ field: "inner.own_things[2].own_name", description: "too long" }] }],
      ["RetryInfo", { retryDelay: "1.5s" }],
      ["ErrorInfo", { reason: "QUOTA", domain: "shop", metadata: { a: "b" } }],
      ["DebugInfo", new Uint8Array([10, 1, 65])],
      ["Unheard", new Uint8Array([1, 2])],
    ]);
    for (const errorDetails of [undefined, true] as const) {
      const world = await startTranscoding(errorDetails && { errorDetails });
      world.service = () => failure(3, "bad", false, { "grpc-status-details-bin": details });
      const response = await world.gateway.fetch("/echo", post({}));
      expect(response.headers.get("retry-after")).toBe("2");
      const body = (await response.json()) as Record<string, unknown>;
      if (errorDetails === undefined) expect(Object.keys(body)).not.toContain("details");
      else
        expect(body).toMatchObject({
          errors: [
            { pointer: "/inner/own_things/2/own_name", field: "inner.own_things[2].own_name", detail: "too long" },
          ],
          details: [
            { "@type": "type.googleapis.com/google.rpc.BadRequest" },
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1.500s" },
            { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "QUOTA", metadata: { a: "b" } },
            { "@type": "type.googleapis.com/google.rpc.Unheard", value: btoa("\u0001\u0002") },
          ],
        });
    }
  });

  test.each<[string, () => Response, number, string]>([
    ["no gRPC-Web", () => new Response("<html>"), 502, "upstream_invalid"],
    [
      "gRPC-Web in text",
      () => new Response("", { headers: { "content-type": "application/grpc-web-text" } }),
      502,
      "upstream_invalid",
    ],
    ["nothing", () => grpcWeb([]), 502, "upstream_invalid"],
    ["half a frame", () => grpcWeb([0, 0, 0, 0, 9, 1]), 502, "upstream_invalid"],
    ["a frame beyond all", () => grpcWeb([0, 255, 255, 255, 255]), 502, "upstream_invalid"],
    ["an unknown flag", () => grpcWeb([2, 0, 0, 0, 0]), 502, "upstream_invalid"],
    ["a compressed message", () => grpcWeb([1, 0, 0, 0, 0]), 502, "upstream_invalid"],
    ["no message", () => answer([]), 502, "upstream_invalid"],
    ["trailers that are no fields", () => answer([new Uint8Array()], [["a b", "c"]]), 502, "upstream_invalid"],
    ["two messages", () => answer([new Uint8Array(), new Uint8Array()]), 502, "upstream_invalid"],
    ["no status", () => answer([new Uint8Array()], []), 502, "upstream_invalid"],
    ["no message of the method", () => answer([new Uint8Array([255, 255])]), 502, "upstream_invalid"],
    ["a text that is none", () => answer([new Uint8Array([10, 1, 255])]), 502, "upstream_invalid"],
    ["small, and large as JSON", () => answer([emptyMessages(300_000)]), 502, "upstream_invalid"],
    ["details that are none", () => failure(5, "x", true, { "grpc-status-details-bin": "*" }), 404, "NOT_FOUND"],
    ["a page of 404", () => new Response("", { status: 404 }), 501, "UNIMPLEMENTED"],
    ["a page of 503", () => new Response("", { status: 503 }), 503, "UNAVAILABLE"],
  ])("an answer that is %s", async (_, service, status, code) => {
    const world = await startTranscoding();
    world.service = service;
    expect(await asks(world, "/one/a")).toMatchObject({ status, body: { status, code } });
  });

  /** `inners`, each of three bytes. */
  const emptyMessages = (count: number): Uint8Array => {
    const bytes = new Uint8Array(3 * count);
    for (let at = 0; at < bytes.length; at += 3) bytes.set([0x8a, 0x01, 0x00], at);
    return bytes;
  };
  const grpcWeb = (content: number[]): Response =>
    new Response(new Uint8Array(content), { headers: { "content-type": "application/grpc-web+proto" } });
});

describe("a stream from the server", () => {
  const numbers = (count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, at) => encode("Inner", { number: at + 1 }));

  test.each<[string, string | undefined, string, string]>([
    ["as an array", undefined, "application/json", '[{"number":1},{"number":2}]'],
    ["as an array where anything will do", "*/*", "application/json", '[{"number":1},{"number":2}]'],
    ["as lines", "application/x-ndjson", "application/x-ndjson", '{"number":1}\n{"number":2}\n'],
    ["as events", "text/event-stream", "text/event-stream", 'data: {"number":1}\n\ndata: {"number":2}\n\n'],
  ])("is written %s", async (_, accept, type, text) => {
    const world = await startTranscoding();
    world.service = () => answer(numbers(2));
    const response = await world.gateway.fetch("/count/2", { headers: accept === undefined ? {} : { accept } });
    expect(response.headers.get("vary")).toBe("accept");
    expect(await said(response)).toMatchObject({
      status: 200,
      type,
      body: type.endsWith("/json") ? JSON.parse(text) : text,
    });
  });

  test("is written as the route says where the client does not", async () => {
    const world = await startTranscoding({ stream: "events" });
    world.service = () => answer(numbers(1));
    expect(await asks(world, "/count/1")).toMatchObject({ type: "text/event-stream" });
    expect(await asks(world, "/count/1", { headers: { accept: "application/json" } })).toMatchObject({
      body: [{ number: 1 }],
    });
  });

  test("of nothing is an empty array", async () => {
    const world = await startTranscoding();
    world.service = () => answer([]);
    expect(await asks(world, "/count/0")).toMatchObject({ status: 200, body: [] });
  });

  test("of google.api.HttpBody is content in pieces", async () => {
    const world = await startTranscoding();
    const page = (data: string) => encode("google.api.HttpBody", { contentType: "text/plain", data: btoa(data) });
    world.service = () => answer([page("one "), page("two")]);
    expect(await asks(world, "/pages/a")).toEqual({ status: 200, type: "text/plain", body: "one two" });
  });

  test("that fails before its first message has a status", async () => {
    const world = await startTranscoding();
    world.service = () => answer([], []);
    expect(await asks(world, "/count/1")).toMatchObject({ status: 502, body: { code: "upstream_invalid" } });
    world.service = () => new Response("", { headers: { "content-type": "application/grpc-web" } });
    expect(await asks(world, "/count/1")).toMatchObject({ status: 502, body: { code: "upstream_invalid" } });
    world.service = () => answer([], [["grpc-status", "5"]]);
    expect(await asks(world, "/count/1")).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
  });

  test("that fails later says so in its last line, or breaks off", async () => {
    const world = await startTranscoding();
    world.service = () =>
      answer(numbers(1), [
        ["grpc-status", "14"],
        ["grpc-message", "gone"],
      ]);
    const lines = await asks(world, "/count/2", { headers: { accept: "application/x-ndjson" } });
    const [first = "", second = ""] = String(lines.body).split("\n");
    expect([JSON.parse(first), JSON.parse(second)]).toMatchObject([
      { number: 1 },
      { error: { code: "UNAVAILABLE", detail: "gone", status: 503 } },
    ]);
    const events = await asks(world, "/count/2", { headers: { accept: "text/event-stream" } });
    expect(events.body).toMatch(/\n\nevent: error\ndata: \{.*"UNAVAILABLE".*\}\n\n$/);
    const array = await world.gateway.fetch("/count/2");
    await expect(array.text()).rejects.toThrow();
  });

  test("messages go on one by one, and who stops reading is heard behind", async () => {
    const world = await startTranscoding();
    let give: (bytes: Uint8Array) => void = () => undefined;
    let ended = false;
    world.service = () => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          give = (bytes) => controller.enqueue(bytes);
        },
        cancel: () => {
          ended = true;
        },
      });
      return new Response(body, { headers: { "content-type": "application/grpc-web+proto" } });
    };
    const asking = world.gateway.fetch("/count/9", { headers: { accept: "application/x-ndjson" }, whole: false });
    await vi.waitFor(() => expect(world.asked.length).toBe(1));
    const frame = (number: number) => grpcWebMessage(encode("Inner", { number }));
    give(frame(1));
    const reader = (await asking).body?.getReader();
    const next = async () => new TextDecoder().decode((await reader?.read())?.value);
    expect(await next()).toBe('{"number":1}\n');
    for (const number of [2, 3]) {
      const bytes = frame(number);
      give(bytes.subarray(0, 3));
      give(bytes.subarray(3));
      expect(await next()).toBe(`{"number":${number}}\n`);
    }
    await reader?.cancel();
    await vi.waitFor(() => expect(ended).toBe(true));
  });

  test("that is silent has its head after a while", async () => {
    const world = await startTranscoding();
    world.service = () =>
      new Response(new ReadableStream(), { headers: { "content-type": "application/grpc-web+proto" } });
    const response = await world.gateway.fetch("/count/1", { headers: { accept: "text/event-stream" }, whole: false });
    expect(response.status).toBe(200);
    await response.body?.cancel();
  });
});
