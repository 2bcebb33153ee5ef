/** Parts of composed answers that are calls by gRPC. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { grpcWebMessage } from "../../../shared/http/grpc-web-frames.ts";
import type { AggregatePart, AggregateTarget } from "../../../shared/policy/aggregate-settings.ts";
import type { TranscodeSettings } from "../../../shared/transcode/settings.ts";
import { part } from "./support/plans.ts";
import {
  answer,
  askedFor,
  asks,
  decode,
  encode,
  failure,
  type Service,
  startTranscoding,
} from "./support/transcoded.ts";

afterEach(() => vi.restoreAllMocks());

const composed = (
  parts: (transcode: TranscodeSettings) => readonly AggregatePart[],
  settings: Partial<TranscodeSettings> = {},
  more: Partial<AggregateTarget> = {},
) => startTranscoding(settings, (transcode) => ({ target: { kind: "aggregate", parts: parts(transcode), ...more } }));

const inner = (text: string): Uint8Array => encode("Inner", { text });

describe("a part", () => {
  test("is a call by the rules of its descriptor, and its answer a value", async () => {
    const world = await composed((transcode) => [
      part("one", ["/one/", ["path", "*"]], { transcode }),
      part("next", ["/one/", ["one", "text"]], { transcode, dependsOn: ["one"] }),
    ]);
    world.service = ({ message, path }) => {
      expect(path).toBe("/test.kinds.Kinds/Echo");
      const { text } = decode("Everything", message) as { text: string };
      return answer([encode("Everything", { text: `${text}!`, int64Value: "9007199254740993" })]);
    };
    expect(await asks(world, "/a")).toMatchObject({
      status: 200,
      body: { one: { text: "a!", int64Value: "9007199254740993" }, next: { text: "a!!" } },
    });
    const [{ headers } = {}] = world.asked;
    expect(headers?.get("content-type")).toBe("application/grpc-web+proto");
    expect(headers?.get("grpc-timeout")).toMatch(/^\d+[a-zA-Z]$/);
  });

  test("is called by its method, with a body of templates, where it may be", async () => {
    const body = { members: [["text", { at: ["path", "*"] }]] } as const;
    const world = await composed(
      (transcode) => [part("plain", ["/test.kinds.Kinds/Plain"], { transcode, method: "POST", body })],
      { autoMap: true },
    );
    world.service = ({ message }) => answer([message]);
    expect(await asks(world, "/a")).toMatchObject({ status: 200, body: { plain: { text: "a" } } });
    expect(world.asked[0]?.path).toBe("/test.kinds.Kinds/Plain");
    expect(askedFor(world, "Inner")).toEqual({ text: "a" });
  });

  test("of a method that streams is the list of its messages", async () => {
    const world = await composed((transcode) => [part("many", ["/count/2"], { transcode })]);
    world.service = () => answer([inner("a"), inner("b")]);
    // Whatever the client would like to have.
    const response = await asks(world, "/", { headers: { accept: "text/event-stream" } });
    expect(response).toMatchObject({ body: { many: [{ text: "a" }, { text: "b" }] } });
    world.service = () => answer([]);
    expect(await asks(world, "/")).toMatchObject({ body: { many: [] } });
  });

  test("beside others is like others: conditions, fan-out, picks, fields that are taken", async () => {
    const world = await composed(
      (transcode) => [
        part("many", ["/count/2"], { transcode }),
        part("each", ["/one/", ["item", "text"]], {
          ...{ transcode, dependsOn: ["many"], pick: ["text"] },
          forEach: { in: ["many"], max: 5, over: "fail", concurrency: 2 },
        }),
      ],
      { trailers: true },
      { answer: { headers: [["many", ["x-served-by"]]] } },
    );
    world.service = ({ path, message }) =>
      path.endsWith("Count") ? answer([inner("a"), inner("b")], undefined, { "x-served-by": "s" }) : answer([message]);
    const response = await world.gateway.fetch("/");
    expect(response.headers.get("x-served-by")).toBe("s");
    expect(await response.json()).toMatchObject({ each: [{ text: "a" }, { text: "b" }] });
  });

  test("with a cache is asked for once", async () => {
    const world = await composed((transcode) => [
      part("one", ["/one/kept"], { transcode, cache: { ttlMs: 60_000, methods: ["GET"] } as never }),
    ]);
    world.service = ({ message }) => answer([message]);
    for (const _ of [1, 2]) expect(await asks(world, "/")).toMatchObject({ body: { one: { text: "kept" } } });
    expect(world.asked).toHaveLength(1);
  });

  test("with a cache is asked for again when it is transcoded in another way", async () => {
    const path = `/one/${crypto.randomUUID()}`;
    const asked = async (settings: Partial<TranscodeSettings>): Promise<number> => {
      const cache = { ttlMs: 60_000, methods: ["GET"] } as never;
      const world = await composed((transcode) => [part("one", [path], { transcode, cache })], settings);
      world.service = ({ message }) => answer([message]);
      expect(await asks(world, "/")).toMatchObject({ status: 200 });
      await world.gateway.settled();
      return world.asked.length;
    };
    expect(await asked({})).toBe(1);
    expect(await asked({})).toBe(0);
    expect(await asked({ autoMap: true })).toBe(1);
  });
});

describe("a part that fails", () => {
  const one = (transcode: TranscodeSettings) => [part("one", ["/one/a"], { transcode })];
  test.each<[string, Service, number, number | undefined]>([
    ["NOT_FOUND", () => failure(5, "none", true, {}), 502, 404],
    ["after its head", () => failure(5, "none", false, {}), 502, 404],
    ["UNAVAILABLE", () => failure(14, "busy", true, {}), 503, 503],
    ["DEADLINE_EXCEEDED", () => failure(4, "late", true, {}), 504, 504],
    ["no gRPC", () => new Response("no", { status: 200 }), 502, undefined],
    ["no message", () => answer([]), 502, undefined],
    ["what is no message of the method", () => answer([new Uint8Array([255, 255])]), 502, undefined],
    [
      "cut off",
      () =>
        new Response(new Uint8Array([0, 0, 0, 0, 9, 1]), { headers: { "content-type": "application/grpc-web+proto" } }),
      502,
      undefined,
    ],
  ])("%s", async (_, service, status, partStatus) => {
    const world = await composed(one);
    world.service = service;
    const { body, ...response } = await asks(world, "/");
    expect(response.status).toBe(status);
    expect(body).toMatchObject({ code: "aggregate_part_failed", part: "one" });
    expect((body as { partStatus?: number }).partStatus).toBe(partStatus);
    // What a part was told is no word of the whole.
    const line = world.gateway.logs.find(({ kind }) => kind === "access");
    expect(line).not.toHaveProperty("grpcStatus");
  });

  test.each<[string, Partial<AggregatePart> & { readonly at: string }]>([
    ["no method", { at: "/nothing" }],
    ["another method", { at: "/download/x", method: "DELETE" }],
    ["a value that does not fit", { at: "/count/many" }],
    ["a parameter that is no field", { at: "/one/a?nothing=1" }],
    ["a stream from the client", { at: "/sum", method: "POST", body: { members: [] } }],
  ])("%s: nothing is sent, and the client is told nothing of it", async (_, { at, ...more }) => {
    const world = await composed((transcode) => [part("one", [at], { transcode, ...more })]);
    const response = await world.gateway.fetch("/");
    expect([response.status, response.headers.get("allow")]).toEqual([502, null]);
    expect(await response.json()).toMatchObject({ code: "aggregate_part_failed" });
    expect(world.asked).toEqual([]);
  });

  test("a stream that does not end has the part's time, and is told so", async () => {
    const world = await composed((transcode) => [part("many", ["/count/2"], { transcode, timeoutMs: 300 })]);
    world.service = (_, { signal }) => {
      const body = new ReadableStream({
        start: (stream) => {
          stream.enqueue(grpcWebMessage(inner("a")));
          signal.addEventListener("abort", () => stream.error(signal.reason));
        },
      });
      return new Response(body, { headers: { "content-type": "application/grpc-web+proto" } });
    };
    expect(await asks(world, "/")).toMatchObject({ status: 504, body: { part: "many" } });
    expect(world.asked[0]?.headers.get("grpc-timeout")).toMatch(/^\d+[a-zA-Z]$/);
  });

  test("that may is left out, or replaced", async () => {
    const world = await composed((transcode) => [
      part("one", ["/one/a"], { transcode, optional: true, fallback: { value: { text: "instead" } } }),
    ]);
    world.service = () => failure(5, "none", true, {});
    expect(await asks(world, "/")).toMatchObject({ status: 200, body: { one: { text: "instead" } } });
  });

  test("without its descriptor fails alone", async () => {
    const world = await composed((transcode) => [
      part("one", ["/one/a"], { transcode: { ...transcode, descriptor: "none" }, optional: true }),
      part("two", ["/one/b"], { transcode }),
    ]);
    expect(await asks(world, "/")).toMatchObject({ status: 200, body: { one: null, two: { text: "b" } } });
  });
});
