/** What answers become on their way between gRPC and gRPC-Web, also those that no good server gives. */
import { describe, expect, test } from "vitest";
import type { BodyReader, BodyWriter, ResponseHead, ServerExchange } from "../../../../mesh-agent/proxy/engine.ts";
import { GrpcExchange } from "../../../../mesh-agent/proxy/grpc-web/grpc-exchange.ts";
import { GrpcWebExchange } from "../../../../mesh-agent/proxy/grpc-web/grpc-web-exchange.ts";
import { FieldList } from "../../../../shared/http/field-list.ts";
import { grpcCallOf } from "../../../../shared/http/grpc-answer.ts";
import { limits } from "../../../../shared/limits.ts";
import { frame, framesOf } from "../../../support/grpc-web-client.ts";

/** A client's exchange that notes what it is answered. */
class NotedExchange implements ServerExchange, BodyReader, BodyWriter {
  readonly head;
  readonly peer = { address: "127.0.0.1", port: 1 };
  answer: ResponseHead | undefined;
  chunks: Buffer[] = [];
  trailers: FieldList | undefined;
  ended = false;
  aborted: string | undefined;
  flows = true;

  constructor(contentType: string, more: readonly (readonly [string, string])[] = []) {
    const fields = FieldList.from([["content-type", contentType], ...more]);
    this.head = { method: "POST", target: "/a.B/C", fields, bodyLength: 5 };
  }
  get body(): BodyReader {
    return this;
  }
  get content(): Buffer {
    return Buffer.concat(this.chunks);
  }
  respond(head: ResponseHead): BodyWriter {
    this.answer = head;
    return this;
  }
  write(chunk: Buffer): boolean {
    this.chunks.push(chunk);
    return this.flows;
  }
  end(trailers?: FieldList): void {
    this.ended = true;
    this.trailers = trailers;
  }
  abort(reason: string): void {
    this.aborted = reason;
  }
  inform(): void {}
  idleAfter(): void {}
  onFail(): void {}
  onDone(): void {}
  onDrain(): void {}
  onChunk(): void {}
  onEnd(): void {}
  pause(): void {}
  resume(): void {}
}

const head = (status: number, ...fields: (readonly [string, string])[]): ResponseHead => ({
  status,
  fields: FieldList.from(fields),
  bodyLength: "stream",
});
const GRPC = ["content-type", "application/grpc+proto"] as const;
const OK = FieldList.from([["grpc-status", "0"]]);

function web(contentType = "application/grpc-web+proto") {
  const client = new NotedExchange(contentType, [
    ["accept", contentType],
    ["x-grpc-web", "1"],
    ["x-own", "kept"],
  ]);
  const call = grpcCallOf("POST", contentType);
  if (call === undefined) throw new Error("no call");
  const faults: string[] = [];
  const note = (reason: string): void => {
    faults.push(reason);
  };
  return { client, faults, exchange: new GrpcWebExchange(client, client, call, { onRequest: note, onAnswer: note }) };
}

describe("gRPC-Web in, gRPC out", () => {
  test.each([
    ["application/grpc-web", "application/grpc"],
    ["application/grpc-web+proto", "application/grpc+proto"],
    ["application/grpc-web-text", "application/grpc"],
    ["Application/gRPC-Web-Text+Thrift; charset=utf-8", "application/grpc+thrift"],
  ])("a request of %s is one of %s", (contentType, expected) => {
    const { fields, bodyLength } = web(contentType).exchange.head;
    expect([...fields]).toEqual([
      ["x-own", "kept"],
      ["content-type", expected],
      ["te", "trailers"],
    ]);
    expect(bodyLength).toBe("stream");
  });

  test("trailers become the last frame, their names in lower case, their octets as they are", () => {
    const { client, exchange } = web();
    const writer = exchange.respond(head(200, GRPC, ["x-head", "1"]));
    writer.write(frame("message"));
    writer.end(
      FieldList.from([
        ["Grpc-Status", "9"],
        ["x-latin", "\xe9"],
      ]),
    );
    const { messages, trailers } = framesOf(client.content);
    expect(messages.map(String)).toEqual(["message"]);
    expect([...(trailers ?? [])]).toEqual([
      ["grpc-status", "9"],
      ["x-latin", "\xe9"],
    ]);
    expect(client.answer).toMatchObject({ status: 200, bodyLength: "stream" });
    expect([...(client.answer?.fields ?? [])]).toEqual([
      ["x-head", "1"],
      ["content-type", "application/grpc-web+proto"],
    ]);
    expect(client.trailers).toBeUndefined();
  });

  test("of a head that says all, metadata go into the frame, what is of HTTP stays", () => {
    const { client, exchange } = web();
    const fields = [
      ["grpc-status", "5"],
      ["grpc-status-details-bin", "AA"],
      ["X-Own", "1"],
      ["selvage-error", "no_healthy_endpoint"],
      ["access-control-allow-origin", "*"],
      ["date", "now"],
      ["Strict-Transport-Security", "max-age=1"],
      ["cross-origin-resource-policy", "same-origin"],
    ] as const;
    exchange.respond(head(200, GRPC, ...fields)).end();
    expect([...(framesOf(client.content).trailers ?? [])]).toEqual([
      ["grpc-status", "5"],
      ["grpc-status-details-bin", "AA"],
      ["x-own", "1"],
    ]);
    expect([...(client.answer?.fields ?? [])].map(([name]) => name)).toEqual([
      "selvage-error",
      "access-control-allow-origin",
      "date",
      "Strict-Transport-Security",
      "cross-origin-resource-policy",
      "content-type",
    ]);
  });

  test.each([
    [404, "text/html", "12"],
    [503, "application/json", "14"],
    [200, "text/html", "2"],
    [200, "application/grpc-web", "2"],
    [302, "application/grpc", "2"],
  ])("an answer %i of %s is the status %s without its content", (status, type, code) => {
    const { client, exchange } = web();
    const writer = exchange.respond(head(status, ["content-type", type], ["content-encoding", "gzip"]));
    expect(writer.write(Buffer.from("<html>"))).toBe(true);
    writer.end();
    const { messages, trailers } = framesOf(client.content);
    expect([messages, trailers?.get("grpc-status")]).toEqual([[], code]);
    expect(client.answer?.status).toBe(200);
    expect(client.answer?.fields.get("content-type")).toBe("application/grpc-web+proto");
    expect(client.answer?.fields.has("content-encoding")).toBe(false);
  });

  test("an end without a status is unknown", () => {
    const { client, exchange } = web();
    exchange.respond(head(200, GRPC)).end();
    expect(framesOf(client.content).trailers?.get("grpc-status")).toBe("2");
  });

  test.each<[what: string, content: Buffer, end: boolean]>([
    ["an end within a message", frame("message").subarray(0, 8), true],
    ["an end within a head", Buffer.concat([frame("a"), Buffer.from([0])]), true],
    ["a frame of trailers of its own", Buffer.concat([frame("a"), frame("grpc-status: 0\r\n", 0x80)]), false],
    ["an unknown flag", frame("a", 0x40), false],
  ])("%s breaks the answer off: nobody takes it for whole", (_what, content, end) => {
    const { client, exchange, faults } = web();
    const writer = exchange.respond(head(200, GRPC));
    writer.write(content);
    if (end) writer.end(OK);
    expect(faults).toHaveLength(1);
    expect(framesOf(client.content).trailers).toBeUndefined();
    writer.write(frame("more"));
    writer.end(OK);
    expect([faults.length, client.ended]).toEqual([1, false]);
  });

  test("text is padded where a message ends, and nowhere else, however it comes", () => {
    const { client, exchange } = web("application/grpc-web-text");
    const writer = exchange.respond(head(200, GRPC));
    const octets = Buffer.concat([frame("a"), frame("bc"), frame(Buffer.alloc(1000, 7))]);
    for (const octet of octets) writer.write(Buffer.from([octet]));
    writer.end(OK);
    const pieces = client.content.toString("latin1").match(/[A-Za-z0-9+/]+={0,2}/g) ?? [];
    // The second is padded; of the others the octets are a multiple of three.
    expect(pieces).toHaveLength(2);
    const decoded = Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
    expect(decoded.subarray(0, octets.length).equals(octets)).toBe(true);
    expect(framesOf(decoded).trailers?.get("grpc-status")).toBe("0");
  });

  test("a client that is behind is waited for", () => {
    const { client, exchange } = web();
    const writer = exchange.respond(head(200, GRPC));
    client.flows = false;
    expect(writer.write(frame("a"))).toBe(false);
  });
});

describe("gRPC in, gRPC-Web out", () => {
  const native = () => {
    const client = new NotedExchange("application/grpc", [
      ["te", "trailers"],
      ["accept-encoding", "gzip"],
    ]);
    const call = grpcCallOf("POST", "application/grpc");
    if (call === undefined) throw new Error("no call");
    const broken: string[] = [];
    return { client, broken, exchange: new GrpcExchange(client, call, (reason) => broken.push(reason)) };
  };
  const WEB = ["content-type", "application/grpc-web+proto"] as const;
  const last = (text: string): Buffer => frame(Buffer.from(text, "latin1"), 0x80);

  test("the request loses what is of HTTP/2 alone, and what nobody could read", () => {
    expect([...native().exchange.head.fields]).toEqual([["content-type", "application/grpc-web"]]);
  });

  test("the last frame becomes the trailers, wherever its pieces begin", () => {
    const { client, exchange } = native();
    const writer = exchange.respond(head(200, WEB));
    const content = Buffer.concat([
      frame("one"),
      frame("two"),
      last("grpc-status: 5\r\ngrpc-message:a%20b\r\nx-l: \xe9\r\n"),
    ]);
    for (const octet of content) writer.write(Buffer.from([octet]));
    writer.end();
    expect(client.content.equals(Buffer.concat([frame("one"), frame("two")]))).toBe(true);
    expect([...(client.trailers ?? [])]).toEqual([
      ["grpc-status", "5"],
      ["grpc-message", "a%20b"],
      ["x-l", "\xe9"],
    ]);
    expect(client.answer?.fields.get("content-type")).toBe("application/grpc+proto");
  });

  test("fields that no trailer may be are left out", () => {
    const { client, exchange } = native();
    const writer = exchange.respond(head(200, WEB));
    const names = [
      "content-length",
      "transfer-encoding",
      "set-cookie",
      "content-type",
      "selvage-error",
      "x-forwarded-for",
    ];
    writer.write(last([...names, "grpc-status", "x-own"].map((name) => `${name}: 0\r\n`).join("")));
    writer.end();
    expect([...(client.trailers ?? [])].map(([name]) => name)).toEqual(["grpc-status", "x-own"]);
  });

  test.each([
    [413, "application/problem+json", "2"],
    [503, "application/problem+json", "14"],
    [200, "text/html", "2"],
    [200, "application/grpc-web-text", "2"],
  ])("an answer %i of %s ends the call with the status %s", (status, type, code) => {
    const { client, exchange } = native();
    const writer = exchange.respond(head(status, ["content-type", type]));
    writer.write(Buffer.from("{}"));
    writer.end();
    expect([client.answer?.status, client.content.length]).toEqual([200, 0]);
    expect(client.answer?.fields.get("content-type")).toBe("application/grpc");
    expect(client.trailers?.get("grpc-status")).toBe(code);
  });

  test.each([
    ["without content the end is what its head says", "", "7"],
    ["a last frame stands over the head", "grpc-status: 5\r\n", "5"],
  ])("%s", (_, text, code) => {
    const { client, exchange } = native();
    const told = [
      ["Grpc-Status", "7"],
      ["grpc-message", "no"],
      ["x-own", "1"],
    ] as const;
    const writer = exchange.respond(head(200, WEB, ...told));
    if (text !== "") writer.write(last(text));
    writer.end();
    expect([...(client.answer?.fields ?? [])].map(([name]) => name)).toEqual(["x-own", "content-type"]);
    expect(client.trailers?.get("grpc-status")).toBe(code);
    expect(client.trailers?.get("grpc-message")).toBe(text === "" ? "no" : undefined);
  });

  test("an answer without a last frame is unknown", () => {
    const { client, exchange } = native();
    exchange.respond(head(200, WEB)).end();
    expect(client.trailers?.get("grpc-status")).toBe("2");
  });

  test.each<[what: string, content: Buffer]>([
    ["is not whole", last("grpc-status: 0\r\n").subarray(0, 12)],
    ["is compressed", frame("x", 0x81)],
    ["is followed by something", Buffer.concat([last("grpc-status: 0\r\n"), frame("a")])],
    ["has a line that is no field", last("grpc-status 0\r\n")],
    ["has a name that is none", last("grpc status: 0\r\n")],
    ["has a control character", last("grpc-status: 0\r\nx: a\0b\r\n")],
    ["has a bare line feed", last("grpc-status: 0\nx: b\r\n")],
    ["is too large", last(`x: ${"y".repeat(limits.http.headBytesMax)}\r\n`)],
  ])("a last frame that %s breaks the answer off", (_what, content) => {
    const { broken, client, exchange } = native();
    let gone = 0;
    exchange.onFail(() => gone++);
    const writer = exchange.respond(head(200, WEB));
    writer.write(frame("message"));
    writer.write(content);
    writer.end();
    expect([client.aborted !== undefined, client.ended, gone]).toEqual([true, false, 1]);
    expect(broken).toEqual([client.aborted]);
  });
});
