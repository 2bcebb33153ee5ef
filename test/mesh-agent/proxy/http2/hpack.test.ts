import { describe, expect, test } from "vitest";
import { FieldBlock } from "../../../../mesh-agent/proxy/http2/field-block.ts";
import { HpackDecoder } from "../../../../mesh-agent/proxy/http2/hpack-decoder.ts";
import { requestBlock, responseBlock, trailerBlock } from "../../../../mesh-agent/proxy/http2/hpack-encoder.ts";
import { FieldList } from "../../../../shared/http/field-list.ts";
import { limits } from "../../../../shared/limits.ts";

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ""), "hex");

function decode(decoder: HpackDecoder, text: string): readonly string[] {
  const bytes = hex(text);
  const block = decoder.decode(bytes, 0, bytes.length);
  if (block === undefined) throw new Error(decoder.error);
  expect(block.fault).toBeUndefined();
  return block.raw;
}

function errorOf(text: string, decoder = new HpackDecoder()): string {
  const bytes = hex(text);
  expect(decoder.decode(bytes, 0, bytes.length)).toBeUndefined();
  return decoder.error;
}

function faultOf(text: string): string | undefined {
  const bytes = hex(text);
  return new HpackDecoder().decode(bytes, 0, bytes.length)?.fault;
}

const first = [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"];
const second = [...first, "cache-control", "no-cache"];
const third = [":method", "GET", ":scheme", "https", ":path", "/index.html", ":authority", "www.example.com"];
third.push("custom-key", "custom-value");
const date21 = "Mon, 21 Oct 2013 20:13:21 GMT";
const date22 = "Mon, 21 Oct 2013 20:13:22 GMT";
const found = [":status", "302", "cache-control", "private", "date", date21, "location", "https://www.example.com"];
const moved = [":status", "307", ...found.slice(2)];
const ok = [":status", "200", "cache-control", "private", "date", date22, "location", "https://www.example.com"];
ok.push("content-encoding", "gzip", "set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1");

describe("examples of RFC 7541 appendix C", () => {
  test.each([
    ["C.2.1", "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", ["custom-key", "custom-header"], 1],
    ["C.2.2", "040c 2f73 616d 706c 652f 7061 7468", [":path", "/sample/path"], 0],
    ["C.2.3", "1008 7061 7373 776f 7264 0673 6563 7265 74", ["password", "secret"], 0],
    ["C.2.4", "82", [":method", "GET"], 0],
  ])("%s", (_clause, text, raw, entries) => {
    const decoder = new HpackDecoder();
    expect(decode(decoder, text)).toEqual(raw);
    expect(decoder.tableEntries).toBe(entries);
  });

  test("C.3: requests without Huffman coding", () => {
    const decoder = new HpackDecoder();
    expect(decode(decoder, "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d")).toEqual(first);
    expect(decode(decoder, "8286 84be 5808 6e6f 2d63 6163 6865")).toEqual(second);
    const text = "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65";
    expect(decode(decoder, text)).toEqual(third);
    expect(decoder.tableEntries).toBe(3);
  });

  test("C.4: requests with Huffman coding", () => {
    const decoder = new HpackDecoder();
    expect(decode(decoder, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff")).toEqual(first);
    expect(decode(decoder, "8286 84be 5886 a8eb 1064 9cbf")).toEqual(second);
    expect(decode(decoder, "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf")).toEqual(third);
  });

  test("C.5: answers without Huffman coding, with evictions", () => {
    const decoder = new HpackDecoder();
    decoder.limitTable(256);
    const found302 =
      "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 54" +
      "6e17 6874 7470 733a 2f2f 7777 772e 6578 616d 706c 652e 636f 6d";
    expect(decode(decoder, found302)).toEqual(found);
    expect(decoder.tableEntries).toBe(4);
    expect(decode(decoder, "4803 3330 37c1 c0bf")).toEqual(moved);
    const ok200 =
      "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d" +
      "4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572" +
      "7369 6f6e 3d31";
    expect(decode(decoder, ok200)).toEqual(ok);
    expect(decoder.tableEntries).toBe(3);
  });

  test("C.6: answers with Huffman coding, with evictions", () => {
    const decoder = new HpackDecoder();
    decoder.limitTable(256);
    const found302 =
      "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b" +
      "97c8 e9ae 82ae 43d3";
    expect(decode(decoder, found302)).toEqual(found);
    expect(decode(decoder, "4883 640e ffc1 c0bf")).toEqual(moved);
    const ok200 =
      "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf" +
      "cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07";
    expect(decode(decoder, ok200)).toEqual(ok);
  });
});

describe("a block that comes again", () => {
  const decoded = (decoder: HpackDecoder, text: string): FieldBlock | undefined =>
    decoder.decode(hex(text), 0, hex(text).length);
  const insertA = "40 01 61 01 41";
  const insertB = "40 01 62 01 42";

  test("is not decoded again while the table stays as it is, and means what the table says then", () => {
    const decoder = new HpackDecoder();
    decoded(decoder, insertA);
    const first = decoded(decoder, "be");
    expect(first?.raw).toEqual(["a", "A"]);
    expect(decoded(decoder, "be")).toBe(first);
    decoded(decoder, insertB);
    expect(decoded(decoder, "be")?.raw).toEqual(["b", "B"]);
    expect(decoded(decoder, "20 82")?.raw).toEqual([":method", "GET"]);
    expect(decoded(decoder, "be")).toBeUndefined();
  });

  test("one that inserts does so every time", () => {
    const decoder = new HpackDecoder();
    decoded(decoder, insertA);
    decoded(decoder, insertA);
    expect(decoder.tableEntries).toBe(2);
    expect(decoded(decoder, "bf")?.raw).toEqual(["a", "A"]);
  });

  test("a larger HEADER_TABLE_SIZE that was not acknowledged yet, then a smaller one", () => {
    const decoder = new HpackDecoder();
    decoded(decoder, insertA);
    expect(decoded(decoder, "be")?.raw).toEqual(["a", "A"]);
    decoder.limitTable(0);
    expect(decoded(decoder, "be")).toBeUndefined();
  });

  test("without a table it is shared between connections, and tells nothing of one that has a table", () => {
    const [one, other, withTable] = [new HpackDecoder(), new HpackDecoder(), new HpackDecoder()];
    for (const decoder of [one, other]) decoded(decoder, "20 82");
    const first = decoded(one, insertA);
    expect(decoded(other, insertA)).toBe(first);
    expect(decoded(withTable, insertA)).not.toBe(first);
    expect([one.tableEntries, other.tableEntries, withTable.tableEntries]).toEqual([0, 0, 1]);
  });
});

describe("what breaks the coding", () => {
  test.each([
    ["index 0", "80", "index 0"],
    ["an index behind the static table", "be", "not in the table"],
    ["the name of an index that is not there", "7f 20 01 61", "not in the table"],
    ["an integer without an end", "ff ff", "integer"],
    ["an integer that overflows", "ff ff ff ff ff 7f", "integer"],
    ["an integer padded with zeros for ever", "ff 80 80 80 80 80 80 80 00", "integer"],
    ["a name that is not there", "40", "string is missing"],
    ["a value that is not there", "40 01 61", "string is missing"],
    ["a string that is longer than its block", "40 01 61 05 62", "longer than its block"],
    ["Huffman padding of a whole byte", "00 84 49 50 9f ff 01 61", "Huffman"],
    ["Huffman padding of zeros", "00 83 49 50 90 01 61", "Huffman"],
    ["the end mark within a string", "00 84 ff ff ff ff 01 61", "Huffman"],
    ["a size update behind a field", "82 20", "does not start"],
    ["three size updates", "20 21 20 82", "does not start"],
    ["a table larger than announced", "3f e2 1f 82", "larger than allowed"],
  ])("%s", (_title, text, error) => {
    expect(errorOf(text)).toContain(error);
  });

  test("a table that is larger than the one that was acknowledged", () => {
    const decoder = new HpackDecoder();
    decoder.limitTable(0);
    expect(errorOf("21 82", decoder)).toContain("larger than allowed");
    expect(decode(decoder, "20 82")).toEqual([":method", "GET"]);
  });
});

describe("what breaks a field", () => {
  test.each([
    ["an upper-case name", "00 01 41 01 61", "lower case"],
    ["an empty name", "00 00 01 61", "empty"],
    ["a lone colon", "00 01 3a 01 61", "empty"],
    ["a space in a name", "00 03 61 20 62 01 61", "lower case"],
    ["a colon in a name", "00 03 61 3a 62 01 61", "lower case"],
    ["a name above ASCII", "00 02 c3 a9 01 61", "lower case"],
    ["LF in a value", "00 01 61 03 61 0a 62", "control"],
    ["CR in a value", "00 01 61 03 61 0d 62", "control"],
    ["NUL in a value", "00 01 61 03 61 00 62", "control"],
    ["DEL in a value", "00 01 61 03 61 7f 62", "control"],
    ["a space before a value", "00 01 61 02 20 61", "space"],
    ["a tab behind a value", "00 01 61 02 61 09", "space"],
  ])("%s", (_title, text, fault) => {
    expect(faultOf(text)).toContain(fault);
  });

  test("stays broken when it comes from the table", () => {
    const decoder = new HpackDecoder();
    const insert = hex("40 01 41 01 61");
    expect(decoder.decode(insert, 0, insert.length)?.fault).toBeDefined();
    const indexed = hex("be");
    expect(decoder.decode(indexed, 0, 1)?.fault).toContain("lower case");
    const named = hex("7e 01 62");
    expect(decoder.decode(named, 0, named.length)?.fault).toContain("lower case");
  });
});

describe("bounds", () => {
  test("more fields than allowed are counted and not kept", () => {
    const block = Buffer.alloc(limits.http.headFieldsMax + 1, 0x82);
    const decoded = new HpackDecoder().decode(block, 0, block.length);
    expect(decoded?.tooLarge).toBe(true);
    expect(decoded?.raw.length).toBe(limits.http.headFieldsMax * 2);
    expect(new HpackDecoder().decode(block, 0, block.length - 1)?.tooLarge).toBe(false);
  });

  test("a small block that stands for a large section takes no memory", () => {
    const decoder = new HpackDecoder();
    const value = Buffer.alloc(4_000, 0x61);
    const insert = Buffer.concat([hex("40 01 62 7f a1 1e"), value]);
    expect(decoder.decode(insert, 0, insert.length)?.raw[1]?.length).toBe(4_000);
    const bomb = Buffer.alloc(60_000, 0xbe);
    const decoded = decoder.decode(bomb, 0, bomb.length);
    expect(decoded?.tooLarge).toBe(true);
    expect(decoded?.raw.length).toBeLessThan(limits.http.headBytesMax / 2_000);
  });

  test("an entry larger than the table empties it", () => {
    const decoder = new HpackDecoder();
    decode(decoder, "40 01 61 01 62");
    expect(decoder.tableEntries).toBe(1);
    const value = Buffer.alloc(4_096, 0x61);
    const large = Buffer.concat([hex("40 01 62 7f 81 1f"), value]);
    expect(decoder.decode(large, 0, large.length)).toBeInstanceOf(FieldBlock);
    expect(decoder.tableEntries).toBe(0);
  });
});

describe("encoder", () => {
  const round = (block: Buffer): readonly string[] => new HpackDecoder().decode(block, 0, block.length)?.raw ?? [];

  test("a request", () => {
    const fields = new FieldList(["Host", "orders.mesh", "X-Id", " 7\t", "Connection", "close", "te", "trailers"]);
    const head = { method: "POST", target: "/a?b", fields, bodyLength: 5 };
    expect(round(requestBlock(head, "https", 5))).toEqual([
      ...[":method", "POST", ":scheme", "https", ":path", "/a?b", ":authority", "orders.mesh"],
      ...["x-id", "7", "te", "trailers", "content-length", "5"],
    ]);
  });

  test("equal heads are equal bytes, and the scheme counts", () => {
    const head = { method: "GET", target: "/", fields: new FieldList(["host", "h"]), bodyLength: 0 };
    expect(requestBlock(head, "http", undefined)).toBe(requestBlock(head, "http", undefined));
    expect(round(requestBlock(head, "https", undefined))).toContain("https");
    expect(round(requestBlock(head, "http", undefined))).toContain("http");
  });

  test("answers, trailers and long values", () => {
    expect(round(responseBlock(200, new FieldList(["A", "b"]), 3))).toEqual([
      ...[":status", "200", "a", "b", "content-length", "3"],
    ]);
    expect(round(responseBlock(418, new FieldList(), undefined))).toEqual([":status", "418"]);
    const long = "x".repeat(20_000);
    expect(round(trailerBlock(new FieldList(["grpc-status", "0", "long", long])))).toEqual([
      ...["grpc-status", "0", "long", long],
    ]);
  });

  test.each([
    ["a line feed in a value", () => trailerBlock(new FieldList(["a", "b\nc"]))],
    ["a character above latin1", () => trailerBlock(new FieldList(["a", "\u010a"]))],
    ["no name", () => trailerBlock(new FieldList(["", "b"]))],
    ["a pseudo-field among fields", () => trailerBlock(new FieldList([":path", "/"]))],
    [
      "a space in a target",
      () => requestBlock({ method: "GET", target: "/a b", fields: new FieldList(), bodyLength: 0 }, "http", undefined),
    ],
  ])("refuses %s", (_title, encode) => {
    expect(encode).toThrow(TypeError);
  });
});
