/** JSON over HTTP in, gRPC-Web out, and back. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { parseGrpcTimeoutMs } from "../../../shared/http/grpc-call.ts";
import { limits } from "../../../shared/limits.ts";
import { answer, askedFor, asks, encode, OK, post, startTranscoding } from "./support/transcoded.ts";

afterEach(() => vi.restoreAllMocks());

describe("a unary call", () => {
  test("is made of path, query and content, and answered in JSON", async () => {
    const world = await startTranscoding();
    const value = { text: "é", int64Value: "9007199254740993", inner: { numbers: [1, 2] }, labels: { a: "b" } };
    const response = await asks(world, "/echo", post(value, { "x-tenant": "a" }));
    expect(response).toEqual({ status: 200, type: "application/json", body: value });
    const [{ path, headers } = {}] = world.asked;
    expect(path).toBe("/test.kinds.Kinds/Echo");
    expect(headers?.get("content-type")).toBe("application/grpc-web+proto");
    expect(headers?.get("x-tenant")).toBe("a");
    expect(await asks(world, "/shelves/1/books/a%20b?inner.number=7&texts=x&texts=y")).toMatchObject({
      body: { text: "shelves/1/books/a b", inner: { number: 7 }, texts: ["x", "y"] },
    });
  });

  test("says nothing of its content that was of the client's", async () => {
    const world = await startTranscoding();
    const sent = {
      "content-md5": "x",
      "if-none-match": '"1"',
      range: "bytes=0-1",
      te: "trailers",
      accept: "text/html",
    };
    await asks(world, "/echo", post({}, sent));
    const headers = world.asked[0]?.headers;
    for (const name of ["content-md5", "if-none-match", "range"]) expect(headers?.get(name)).toBeNull();
    expect(headers?.get("accept")).toBe("application/grpc-web+proto");
  });

  test("has the route's time, or a shorter one of its client; a stream has only that", async () => {
    const world = await startTranscoding();
    const timeOf = async (path: string, own?: string) => {
      await (
        await world.gateway.fetch(path, { headers: own === undefined ? {} : { "grpc-timeout": own } })
      ).body?.cancel();
      return parseGrpcTimeoutMs(world.asked.at(-1)?.headers.get("grpc-timeout") ?? undefined);
    };
    expect(await timeOf("/one/a")).toBeLessThanOrEqual(5_000);
    expect(await timeOf("/one/a")).toBeGreaterThan(1_000);
    expect(await timeOf("/one/a", "20m")).toBe(20);
    expect(await timeOf("/one/a", "90S")).toBeLessThanOrEqual(5_000);
    expect([await timeOf("/count/1"), await timeOf("/count/1", "90S")]).toEqual([undefined, 90_000]);
  });

  test("metadata of the answer are fields, trailers where the route says so", async () => {
    for (const trailers of [undefined, true] as const) {
      const world = await startTranscoding(trailers && { trailers });
      world.service = ({ message }) =>
        answer([message], [...OK, ["x-cost", "3"]], {
          "x-served-by": "a",
          "grpc-encoding": "identity",
        });
      const response = await world.gateway.fetch("/echo", post({}));
      expect(response.headers.get("x-served-by")).toBe("a");
      expect(response.headers.get("grpc-encoding")).toBeNull();
      expect(response.headers.get("grpc-trailer-x-cost")).toBe(trailers ? "3" : null);
    }
  });

  test("google.api.HttpBody is the content itself, both ways", async () => {
    const world = await startTranscoding();
    world.service = () => answer([encode("google.api.HttpBody", { contentType: "text/csv", data: btoa("a,b\n") })]);
    expect(await asks(world, "/download/x")).toEqual({ status: 200, type: "text/csv", body: "a,b\n" });
    world.service = () => answer([encode("Inner", { text: "taken" })]);
    await asks(world, "/upload/x?version=2", { method: "POST", body: "<a/>", headers: { "content-type": "text/xml" } });
    expect(askedFor(world, "UploadRequest")).toEqual({
      ...{ name: "x", version: 2 },
      file: { contentType: "text/xml", data: btoa("<a/>") },
    });
    await asks(world, "/raw", { method: "POST", body: "raw", headers: { "content-type": "image/png" } });
    expect(askedFor(world, "google.api.HttpBody")).toEqual({ contentType: "image/png", data: btoa("raw") });
  });

  test("HEAD is answered as GET", async () => {
    const world = await startTranscoding();
    const response = await world.gateway.fetch("/one/a", { method: "HEAD" });
    expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
      ...[200, "application/json", ""],
    ]);
  });

  test("answers are printed as the route says", async () => {
    const world = await startTranscoding({ print: { protoNames: true, enumNumbers: true } });
    expect(await asks(world, "/echo", post({ int32Value: 1, colour: "GREEN" }))).toMatchObject({
      body: { int32_value: 1, colour: 2 },
    });
    const whole = await startTranscoding({ print: { defaults: true } });
    whole.service = () => answer([encode("Inner", {})]);
    expect(await asks(whole, "/raw", { method: "POST" })).toMatchObject({ body: { text: "", number: 0, numbers: [] } });
  });

  test("methods without a rule are called where the route says so", async () => {
    const path = "/test.kinds.Kinds/Plain";
    expect(await asks(await startTranscoding(), path, post({ text: "a" }))).toMatchObject({ status: 404 });
    const world = await startTranscoding({ autoMap: true });
    expect(await asks(world, path, post({ text: "a" }))).toMatchObject({ status: 200, body: { text: "a" } });
  });

  test("who speaks gRPC-Web himself is not translated for", async () => {
    const world = await startTranscoding();
    const response = await world.gateway.fetch("/test.kinds.Kinds/Plain", {
      ...{ method: "POST", body: "\u0000\u0000\u0000\u0000\u0000" },
      headers: { "content-type": "application/grpc-web+proto" },
    });
    expect(response.headers.get("content-type")).toBe("application/grpc-web+proto");
    await response.body?.cancel();
  });

  test.each([
    ["/test.kinds.Kinds/Plain", "0", 1],
    ["/test.kinds.Kinds/Plain?x=/test.kinds.Kinds/Plain", "0", 1],
    ["/test.kinds.Admin/Plain", "12", 0],
    ["/test.kinds.Admin/Plain?x=/test.kinds.Kinds/Plain", "12", 0],
    ["/one/a", "12", 0],
  ])("who speaks gRPC-Web himself has the services of the route and no others: %s", async (path, status, asked) => {
    const world = await startTranscoding({ services: ["test.kinds.Kinds"] });
    world.service = ({ message }) => answer([message]);
    const response = await world.gateway.fetch(path, {
      ...{ method: "POST", body: "\u0000\u0000\u0000\u0000\u0000" },
      headers: { "content-type": "application/grpc-web+proto" },
    });
    expect(await response.text()).toContain(`grpc-status: ${status}`);
    expect(world.asked).toHaveLength(asked);
  });

  test("of a kind that is kept, it is asked for once", async () => {
    const world = await startTranscoding({}, { cache: { ttlMs: 60_000, methods: ["GET"] } as never });
    world.service = ({ message }) => answer([message]);
    for (const use of ["miss", "hit"]) {
      const response = await world.gateway.fetch("/one/kept");
      expect([use, await response.json()]).toEqual([use, { text: "kept" }]);
    }
    expect(world.asked.length).toBe(1);
  });
});

describe("what cannot be asked is refused, and nothing is sent", () => {
  const deep = (depth: number): string => `${'{"inner":'.repeat(depth)}{}${"}".repeat(depth)}`;
  test.each<[string, string, RequestInit | undefined, number, unknown?]>([
    ["a path of no method", "/nothing", undefined, 404, { code: "no_route" }],
    ["another method", "/raw", { method: "DELETE" }, 405, { code: "method_not_allowed" }],
    ["a stream from the client", "/sum", post({}), 501, { code: "stream_not_callable" }],
    ["no JSON", "/echo", post("{"), 400, { code: "bad_request" }],
    ["a list", "/echo", post([]), 400],
    ["null", "/echo", post("null"), 400],
    ["a form", "/echo", post("a=1", { "content-type": "application/x-www-form-urlencoded" }), 415],
    ["no type", "/echo", { method: "POST", body: new TextEncoder().encode("{}") }, 415],
    ["content that is encoded", "/echo", post("{}", { "content-encoding": "gzip" }), 415],
    [
      "no UTF-8",
      "/echo",
      { method: "POST", body: new Uint8Array([0x22, 0xff]), headers: { "content-type": "application/json" } },
      400,
    ],
    ["a name twice", "/echo", post('{"text":"a","text":"b"}'), 400],
    ["a field by both names", "/echo", post('{"int32Value":1,"int32_value":1}'), 400],
    ["a field that there is not", "/echo", post({ other: 1 }), 400],
    ["a key of prototypes", "/echo", post('{"__proto__":{"text":"a"}}'), 400],
    ["a constructor", "/echo", post('{"constructor":1}'), 400],
    ["too deep", "/echo", post(deep(limits.reshape.depthMax)), 413],
    ["far too deep", "/echo", post(deep(100_000)), 413],
    ["a number out of range", "/echo", post({ int32Value: 2147483648 }), 400, { errors: [{ field: "int32_value" }] }],
    ["a number for a text", "/echo", post('{"text":12345678901234567890}'), 400],
    ["2^63", "/echo", post('{"int64Value":9223372036854775808}'), 400],
    ["half a number", "/echo", post('{"int64Value":1.5}'), 400],
    ["a number beyond all", "/echo", post('{"doubleValue":1e400}'), 400],
    ["NaN as a number", "/echo", post('{"doubleValue":NaN}'), 400],
    ["no base64", "/echo", post({ raw: "*" }), 400],
    ["no colour", "/echo", post({ colour: "BLUE" }), 400],
    ["two of one choice", "/echo", post({ chosenText: "a", chosenNumber: 1 }), 400],
    ["no time", "/echo", post({ timestamp: "yesterday" }), 400],
    ["no type of Any", "/echo", post({ any: { "@type": "x/none.Such" } }), 400],
    ["a parameter of no field", "/one/a?other=1", undefined, 400, { errors: [{ parameter: "other" }] }],
    ["a parameter beside the content", "/echo?text=a", post({}), 400],
    ["a parameter of the path", "/one/a?text=b", undefined, 400],
    ["a parameter of the content", "/echo/inner?inner.text=a", post({}, {}, "PUT"), 400],
    ["a parameter twice", "/echo?text=a&text=b", undefined, 400, { errors: [{ parameter: "text" }] }],
    ["a parameter that is a message", "/echo?inner=a", undefined, 400],
    ["a parameter that is a mapping", "/echo?labels=a", undefined, 400],
    ["a parameter within a text", "/echo?text.a=b", undefined, 400],
    ["a parameter of prototypes", "/echo?__proto__.text=b", undefined, 400],
    ["a parameter of a constructor", "/echo?constructor=b", undefined, 400],
    ["a parameter that is no number", "/echo?int32_value=", undefined, 400],
    ["a parameter that is no flag", "/echo?flag=yes", undefined, 400],
    ["an escape that is none", "/echo?text=%zz", undefined, 400],
    ["a query that is no UTF-8", "/echo?text=%ff", undefined, 400],
    ["too many parameters", `/echo?${"texts=&".repeat(513)}`, undefined, 413],
    ["a parameter far inside", `/echo?${"inner.".repeat(40)}text=a`, undefined, 400],
    ["no number in the path", "/echo/number/x", post({}, {}, "PUT"), 400],
    ["content where none is taken", "/one/a", { method: "DELETE", body: "a" }, 405],
  ])("%s", async (_, path, init, status, body = {}) => {
    const world = await startTranscoding();
    expect(await asks(world, path, init)).toMatchObject({ status, body: { status, ...(body as object) } });
    expect(world.asked).toEqual([]);
  });

  test("what names no field is dropped where the route says so", async () => {
    const world = await startTranscoding({ ignoreQuery: ["api_key"], ignoreFields: true });
    expect(await asks(world, "/one/a?api_key=1")).toMatchObject({ status: 200, body: { text: "a" } });
    expect(await asks(world, "/one/a?other=1")).toMatchObject({ status: 400 });
    expect(await asks(world, "/echo", post({ text: "a", other: { x: 1 } }))).toMatchObject({ status: 200 });
    const lenient = await startTranscoding({ ignoreQuery: true });
    expect(await asks(lenient, "/one/a?other=1&text=b&inner=c")).toMatchObject({ body: { text: "a" } });
    expect(await asks(lenient, "/echo?text=a&text=b")).toMatchObject({ status: 400 });
  });

  test("the methods that a path has are told", async () => {
    const response = await (await startTranscoding()).gateway.fetch("/echo", { method: "DELETE" });
    expect(response.headers.get("allow")).toBe("GET, POST, REPORT");
    await response.body?.cancel();
  });

  test("without its descriptor a route is out of service", async () => {
    const world = await startTranscoding({ descriptor: "A".repeat(43) });
    expect(await asks(world, "/one/a")).toMatchObject({ status: 503, body: { code: "plan_missing" } });
  });
});
