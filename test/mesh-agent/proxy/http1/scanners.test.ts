import { describe, expect, test } from "vitest";
import { BodyDecoder, type Framing } from "../../../../mesh-agent/proxy/http1/body-framing.ts";
import { MessageFault } from "../../../../mesh-agent/proxy/http1/field-scanner.ts";
import { scanRequestHead, scanResponseHead } from "../../../../mesh-agent/proxy/http1/head-scanner.ts";
import { requestHead, responseHead } from "../../../../mesh-agent/proxy/http1/head-writer.ts";
import { InputBuffer } from "../../../../mesh-agent/proxy/http1/input-buffer.ts";
import { FieldList } from "../../../../shared/http/field-list.ts";

const request = Buffer.from(
  "\r\nPOST /orders/42?x=1 HTTP/1.1\r\nHost: orders.mesh:80\r\nConnection: keep-alive, x-a\r\nX-A: 1\r\n" +
    "Content-Length: 12\r\nAccept:  */* \t\r\nX-Empty:\r\n\r\n",
);
const response = Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\nKeep-Alive: timeout=5\r\n\r\n");

describe("heads", () => {
  test("no prefix of a good request is taken for a request or refused", () => {
    for (let end = 0; end < request.length; end++) expect(scanRequestHead(request, 0, end), `${end}`).toBeUndefined();
    const scan = scanRequestHead(request, 0, request.length);
    if (scan === undefined || scan instanceof MessageFault) throw new Error("not accepted");
    expect(scan).toMatchObject({ next: request.length, chunked: false, close: false, http10: false, form: "origin" });
    expect(scan.head).toMatchObject({ method: "POST", target: "/orders/42?x=1", bodyLength: 12 });
    expect([...scan.head.fields]).toEqual([
      ["Host", "orders.mesh:80"],
      ["Accept", "*/*"],
      ["X-Empty", ""],
    ]);
  });

  test("a request stands anywhere in a buffer, and what is behind it is not looked at", () => {
    const bytes = Buffer.concat([Buffer.from("garbage"), request, Buffer.from("\0\0")]);
    const scan = scanRequestHead(bytes, 7, 7 + request.length);
    expect(scan).toMatchObject({ next: 7 + request.length });
  });

  test("no prefix of a good answer is taken for an answer or refused", () => {
    for (let end = 0; end < response.length; end++)
      expect(scanResponseHead(response, 0, end, "GET"), `${end}`).toBeUndefined();
    const scan = scanResponseHead(response, 0, response.length, "GET");
    expect(scan).toMatchObject({ next: response.length, framing: "chunked", close: false, keepAliveTimeoutS: 5 });
  });
});

interface Decoded {
  body: string;
  trailers: [string, string][];
  rest: string;
  done: boolean;
  fault: boolean;
}

function decode(framing: Framing, length: number, pieces: readonly Buffer[]): Decoded {
  const input = new InputBuffer();
  const decoder = new BodyDecoder(framing, length);
  let body = "";
  for (const piece of pieces) {
    input.append(piece);
    for (let chunk = decoder.next(input); chunk !== undefined; chunk = decoder.next(input)) body += chunk;
  }
  const rest = input.bytes.toString("latin1", input.at, input.end);
  return {
    body,
    trailers: [...(decoder.trailers ?? [])],
    rest,
    done: decoder.done,
    fault: decoder.fault !== undefined,
  };
}

describe("bodies", () => {
  const chunked = "5;ext=1\r\nhello\r\n00a\r\n 123456789\r\n0\r\nX-Sum: 1\r\n\r\nnext";

  test("a chunked body is the same however it is cut", () => {
    const bytes = Buffer.from(chunked);
    const whole = decode("chunked", 0, [Buffer.from(bytes)]);
    expect(whole).toEqual({
      body: "hello 123456789",
      trailers: [["X-Sum", "1"]],
      rest: "next",
      done: true,
      fault: false,
    });
    const inBytes = [...bytes].map((byte) => Buffer.from([byte]));
    expect(decode("chunked", 0, inBytes)).toEqual(whole);
    for (let first = 1; first < bytes.length; first++)
      for (let second = first; second < bytes.length; second += 5)
        expect(
          decode("chunked", 0, [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)]),
        ).toEqual(whole);
  });

  test("no prefix of a chunked body is over or refused", () => {
    const end = chunked.length - "next".length;
    for (let cut = 0; cut < end; cut++)
      expect(decode("chunked", 0, [Buffer.from(chunked.slice(0, cut))]), `${cut}`).toMatchObject({
        done: false,
        fault: false,
      });
  });

  test("a body of known length takes no byte more", () => {
    expect(decode("length", 5, [Buffer.from("hel"), Buffer.from("lonext")])).toMatchObject({
      body: "hello",
      rest: "next",
      done: true,
    });
  });

  test("a chunk of the socket that is all body is passed on without a copy", () => {
    const input = new InputBuffer();
    const chunk = Buffer.from("hello");
    input.append(chunk);
    expect(new BodyDecoder("length", 5).next(input)).toBe(chunk);
  });

  test("slices stay what they were while more arrives", () => {
    const input = new InputBuffer();
    const decoder = new BodyDecoder("length", 1_000_000);
    input.append(Buffer.from("a"));
    input.append(Buffer.from("b"));
    const slice = decoder.next(input);
    for (let i = 0; i < 5_000; i++) input.append(Buffer.from("c"));
    expect(String(slice)).toBe("ab");
  });
});

describe("heads that are written", () => {
  test("framing is the writer's own", () => {
    const fields = FieldList.from([
      ["Host", "h"],
      ["Content-Length", "99"],
      ["TRANSFER-ENCODING", "gzip"],
      ["Connection", "x"],
      ["x", "y"],
    ]);
    expect(requestHead("POST", "/", fields, 5).toString("latin1")).toBe(
      "POST / HTTP/1.1\r\nHost: h\r\nx: y\r\ncontent-length: 5\r\n\r\n",
    );
    expect(responseHead(404, new FieldList(), "chunked", true).toString("latin1")).toBe(
      "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
    );
  });

  test.each(["a\r\nX: b", "a\nb", "a\0", "\u010a", "\u{1f4a9}"])("a value %j is not written", (value) => {
    expect(() => responseHead(200, FieldList.from([["x", value]]), 0, false)).toThrow(TypeError);
  });

  test.each(["", "a b", "a:", "a\r\n", "é"])("a name %j is not written", (name) => {
    expect(() => responseHead(200, FieldList.from([[name, "v"]]), 0, false)).toThrow(TypeError);
  });

  test.each(["/a b", "/\r\nx", "/é", "/#f"])("a target %j is not written", (target) => {
    expect(() => requestHead("GET", target, new FieldList(), "none")).toThrow(TypeError);
  });
});
