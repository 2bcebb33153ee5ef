import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ResponseReader } from "../../../bench/support/response-reader.ts";

const answers = [
  { status: 200, text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" },
  { status: 404, text: "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n" },
  { status: 204, text: "HTTP/1.1 204 No Content\r\n\r\n" },
  {
    status: 200,
    text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n0\r\n\r\n12345\r\n0\r\n\r\n",
  },
  { status: 503, text: "HTTP/1.1 503 No\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" },
];

describe("ResponseReader", () => {
  test("finds every answer wherever the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...answers), { maxLength: 6 }),
        fc.infiniteStream(fc.nat(20)),
        (sent, cuts) => {
          const reader = new ResponseReader();
          const bytes = Buffer.from(sent.map(({ text }) => text).join(""), "latin1");
          const seen: number[] = [];
          for (let from = 0; from < bytes.length; ) {
            const to = from + 1 + (cuts.next().value ?? 0);
            seen.push(...reader.read(bytes.subarray(from, to)));
            from = to;
          }
          expect(seen).toEqual(sent.map(({ status }) => status));
        },
      ),
    );
  });

  test.each([
    ["an answer that ends with its connection", "HTTP/1.1 200 OK\r\n\r\n"],
    ["an interim answer", "HTTP/1.1 100 Continue\r\n\r\n"],
    ["another protocol", "SSH-2.0-x\r\n\r\n"],
    ["a chunk without a size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"],
    ["a head without an end", `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(20_000)}`],
  ])("refuses %s", (_, text) => {
    expect(() => new ResponseReader().read(Buffer.from(text))).toThrow();
  });
});
