/** What a client may and may not send, clause by clause of RFC 9113 and RFC 7541, as far as h2spec asks for it and beyond. */
import * as h2 from "../../../mesh-agent/proxy/http2/protocol.ts";
import { limits } from "../../../shared/limits.ts";
import {
  block,
  data,
  frame,
  GET,
  goaway,
  number32,
  open,
  POST,
  ping,
  request,
  reset,
  settings,
  widen,
} from "../../support/http2-peer.ts";

export interface FrameCase {
  /** RFC 9113 unless it says otherwise. */
  readonly clause: string;
  readonly title: string;
  /** Sent after the handshake. */
  readonly send: readonly Buffer[];
  /** Each is to happen: an answer on stream 1 (its status), a reset of stream 1, the end of the connection, an echo of PING. */
  readonly answer?: string;
  readonly resets?: number;
  readonly goes?: number;
  readonly pong?: boolean;
  /** The stream that `answer` and `resets` mean; default 1. */
  readonly stream?: number;
}

type Outcome = Pick<FrameCase, "answer" | "resets" | "goes" | "pong" | "stream">;

const one = (clause: string, title: string, outcome: Outcome, ...send: Buffer[]): FrameCase => ({
  clause,
  title,
  send,
  ...outcome,
});

const OK = { answer: "200" };
const PONG = { pong: true };
const PROTOCOL = { goes: h2.PROTOCOL_ERROR };
const SIZE = { goes: h2.FRAME_SIZE_ERROR };
const FLOW = { goes: h2.FLOW_CONTROL_ERROR };
const CLOSED = { goes: h2.STREAM_CLOSED };
const CODING = { goes: h2.COMPRESSION_ERROR };
const BAD_STREAM = { resets: h2.PROTOCOL_ERROR };

/** Not answered: the stream stays as it is. */
const SLOW = [":method", "GET", ":scheme", "http", ":path", "/slow", ":authority", "h"];

const whole = h2.END_HEADERS | h2.END_STREAM;
const get = block(...GET);
const half = Math.floor(get.length / 2);
const priority = (on: number): Buffer => Buffer.concat([number32(on), Buffer.from([16])]);
const headers = (payload: Buffer, flags = whole, id = 1): Buffer => frame(h2.HEADERS, flags, id, payload);
const more = (payload: Buffer, flags = h2.END_HEADERS, id = 1): Buffer => frame(h2.CONTINUATION, flags, id, payload);
const hpack = (hex: string): Buffer => headers(Buffer.concat([get, Buffer.from(hex.replace(/\s/g, ""), "hex")]));

const framing: FrameCase[] = [
  one("4.1", "a frame of unknown type", PONG, frame(0x16, 0, 0, "12345678"), ping()),
  one("4.1", "a frame of unknown type on a stream", PONG, frame(0xff, 0xff, 5, "x"), ping()),
  one("4.1", "undefined flags", PONG, frame(h2.PING, 0x16, 0, "12345678")),
  one("4.1", "the reserved bit", PONG, frame(h2.PING, 0, 0x80000000, "12345678")),
  one("4.2", "DATA of 2^14 bytes", OK, open(1, ...POST), data(1, Buffer.alloc(16_384), true)),
  one("4.2", "DATA that is too long", SIZE, open(1, ...POST), data(1, Buffer.alloc(16_385), true)),
  one("4.2", "HEADERS that is too long", SIZE, headers(Buffer.alloc(16_385))),
  one("4.2", "PING that is too long for any frame", SIZE, frame(h2.PING, 0, 0, Buffer.alloc(20_000))),
  one("4.3", "a broken header block", CODING, headers(Buffer.from([0x40]))),
  one("4.3", "PRIORITY within a header block", PROTOCOL, headers(get, 0), frame(h2.PRIORITY, 0, 1, priority(0))),
  one("4.3", "HEADERS of another stream within a block", PROTOCOL, headers(get, 0), headers(get, whole, 3)),
  one("4.3", "an unknown frame within a block", PROTOCOL, headers(get, 0), frame(0x16, 0, 1)),
];

const states: FrameCase[] = [
  one("5.1", "idle: DATA", PROTOCOL, data(1, "x", true)),
  one("5.1", "idle: RST_STREAM", PROTOCOL, reset(1, h2.CANCEL)),
  one("5.1", "idle: WINDOW_UPDATE", PROTOCOL, widen(1, 100)),
  one("5.1", "idle: CONTINUATION", PROTOCOL, more(get)),
  one("5.1", "idle: PRIORITY", OK, frame(h2.PRIORITY, 0, 1, priority(0)), request(1, ...GET)),
  one("5.1", "half-closed: DATA", { resets: h2.STREAM_CLOSED }, request(1, ...SLOW), data(1, "x", true)),
  one("5.1", "half-closed: HEADERS", { resets: h2.STREAM_CLOSED }, request(1, ...SLOW), request(1, "a", "b")),
  one("5.1", "half-closed: CONTINUATION", PROTOCOL, request(1, ...SLOW), more(get)),
  one("5.1", "half-closed: WINDOW_UPDATE", OK, request(1, ...GET), widen(1, 100)),
  one("5.1", "half-closed: PRIORITY", OK, request(1, ...GET), frame(h2.PRIORITY, 0, 1, priority(0))),
  one("5.1", "closed by RST_STREAM: DATA", CLOSED, open(1, ...SLOW), reset(1, h2.CANCEL), data(1, "x", true)),
  one("5.1", "closed by RST_STREAM: HEADERS", CLOSED, open(1, ...SLOW), reset(1, h2.CANCEL), request(1, ...GET)),
  one("5.1", "closed by RST_STREAM: CONTINUATION", PROTOCOL, open(1, ...SLOW), reset(1, h2.CANCEL), more(get)),
  one("5.1", "closed: PRIORITY", PONG, open(1, ...SLOW), reset(1, 8), frame(h2.PRIORITY, 0, 1, priority(0)), ping()),
  one("5.1", "closed: WINDOW_UPDATE", PONG, open(1, ...SLOW), reset(1, 8), widen(1, 1), ping()),
  one("5.1", "closed: RST_STREAM", PONG, open(1, ...SLOW), reset(1, 8), reset(1, 8), ping()),
  one("5.1.1", "an even stream number", PROTOCOL, request(2, ...GET)),
  one("5.1.1", "a stream number that is smaller", PROTOCOL, request(5, ...SLOW), request(3, ...GET)),
  one("5.1.1", "stream numbers with gaps", { answer: "200", stream: 9 }, request(3, ...GET), request(9, ...GET)),
  one(
    "5.3.1 of RFC 7540",
    "HEADERS that depends on itself",
    PROTOCOL,
    headers(Buffer.concat([priority(1), get]), 0x25),
  ),
  one("5.3.1 of RFC 7540", "PRIORITY that depends on itself", PONG, frame(h2.PRIORITY, 0, 1, priority(1)), ping()),
  one("5.4.1", "GOAWAY and an end after an error", PROTOCOL, frame(h2.PING, 0, 1, "12345678")),
  one("5.5", "an extension's setting", PONG, settings([0xff, 1]), ping()),
];

const types: FrameCase[] = [
  one("6.1", "DATA on stream 0", PROTOCOL, data(0, "x")),
  one("6.1", "DATA with padding", OK, open(1, ...POST), frame(h2.DATA, h2.PADDED | 1, 1, "\x03abc\0\0\0")),
  one("6.1", "DATA of nothing but padding", OK, open(1, ...POST), frame(h2.DATA, h2.PADDED | 1, 1, "\x03\0\0\0")),
  one("6.1", "DATA with more padding than there is", PROTOCOL, open(1, ...POST), frame(h2.DATA, 9, 1, "\x05abc")),
  one("6.1", "padded DATA without a pad length", PROTOCOL, open(1, ...POST), frame(h2.DATA, 9, 1)),
  one("6.1", "DATA in several frames", OK, open(1, ...POST), data(1, "a"), data(1, "b"), data(1, "", true)),
  one("6.2", "HEADERS with padding", OK, headers(Buffer.concat([Buffer.from([2]), get, Buffer.alloc(2)]), whole | 8)),
  one("6.2", "HEADERS with priority", OK, headers(Buffer.concat([priority(0), get]), whole | 0x20)),
  one(
    "6.2",
    "HEADERS with both",
    OK,
    headers(Buffer.concat([Buffer.from([1]), priority(3), get, Buffer.alloc(1)]), whole | 0x28),
  ),
  one("6.2", "HEADERS on stream 0", PROTOCOL, headers(get, whole, 0)),
  one("6.2", "HEADERS with more padding than there is", PROTOCOL, headers(Buffer.from([200, 0x82]), whole | 8)),
  one("6.2", "padded HEADERS without a pad length", SIZE, headers(Buffer.alloc(0), whole | 8)),
  one("6.2", "HEADERS too short for its priority", SIZE, headers(Buffer.alloc(4), whole | 0x20)),
  one("6.2", "HEADERS without a field", BAD_STREAM, headers(Buffer.alloc(0))),
  one("6.3", "PRIORITY on stream 0", PROTOCOL, frame(h2.PRIORITY, 0, 0, priority(1))),
  one("6.3", "PRIORITY of 4 bytes", { resets: h2.FRAME_SIZE_ERROR }, open(1, ...SLOW), frame(2, 0, 1, "abcd")),
  one("6.4", "RST_STREAM on stream 0", PROTOCOL, reset(0, h2.CANCEL)),
  one("6.4", "RST_STREAM of 3 bytes", SIZE, open(1, ...SLOW), frame(h2.RST_STREAM, 0, 1, "abc")),
  one("6.5", "SETTINGS with an ACK and a payload", SIZE, frame(h2.SETTINGS, h2.ACK, 0, "abcdef")),
  one("6.5", "SETTINGS on a stream", PROTOCOL, frame(h2.SETTINGS, 0, 1, "")),
  one("6.5", "SETTINGS of 5 bytes", SIZE, frame(h2.SETTINGS, 0, 0, "abcde")),
  one("6.5.2", "ENABLE_PUSH of 2", PROTOCOL, settings([h2.ENABLE_PUSH, 2])),
  one("6.5.2", "INITIAL_WINDOW_SIZE above 2^31 - 1", FLOW, settings([h2.INITIAL_WINDOW_SIZE, 0x80000000])),
  one("6.5.2", "MAX_FRAME_SIZE below 2^14", PROTOCOL, settings([h2.MAX_FRAME_SIZE, 16_383])),
  one("6.5.2", "MAX_FRAME_SIZE above 2^24 - 1", PROTOCOL, settings([h2.MAX_FRAME_SIZE, 0x1000000])),
  one("6.5.3", "a setting given twice: the last counts", OK, settings([4, 10], [4, 100]), request(1, ...GET)),
  one("6.6", "PUSH_PROMISE of a client", PROTOCOL, frame(h2.PUSH_PROMISE, 4, 1, Buffer.concat([number32(2), get]))),
  one("6.7", "PING", PONG, ping()),
  one("6.7", "PING with an ACK is not answered", OK, frame(h2.PING, h2.ACK, 0, "invalid!"), request(1, ...GET)),
  one("6.7", "PING on a stream", PROTOCOL, frame(h2.PING, 0, 1, "12345678")),
  one("6.7", "PING of 6 bytes", SIZE, frame(h2.PING, 0, 0, "123456")),
  one("6.8", "GOAWAY on a stream", PROTOCOL, frame(h2.GOAWAY, 0, 1, Buffer.alloc(8))),
  one("6.8", "GOAWAY of 7 bytes", SIZE, frame(h2.GOAWAY, 0, 0, Buffer.alloc(7))),
  one("6.8", "GOAWAY, then what was begun", OK, open(1, ...POST), goaway(0, 0), data(1, "x", true)),
  one("6.9", "WINDOW_UPDATE by 0 on the connection", PROTOCOL, widen(0, 0)),
  one("6.9", "WINDOW_UPDATE by 0 on a stream", BAD_STREAM, open(1, ...SLOW), widen(1, 0)),
  one("6.9", "WINDOW_UPDATE of 3 bytes", SIZE, frame(h2.WINDOW_UPDATE, 0, 0, "abc")),
  one("6.9.1", "a window of the connection above 2^31 - 1", FLOW, widen(0, h2.MAX_31_BITS), widen(0, h2.MAX_31_BITS)),
  one(
    "6.9.1",
    "a window of a stream above 2^31 - 1",
    { resets: h2.FLOW_CONTROL_ERROR },
    open(1, ...SLOW),
    widen(1, h2.MAX_31_BITS),
    widen(1, h2.MAX_31_BITS),
  ),
  one(
    "6.9.2",
    "INITIAL_WINDOW_SIZE that makes a window too large",
    FLOW,
    open(1, ...SLOW),
    widen(1, h2.MAX_31_BITS - 65_535),
    settings([4, 65_536]),
  ),
  one(
    "6.10",
    "a block in many frames",
    OK,
    headers(get.subarray(0, half), 1),
    more(get.subarray(half), 0),
    more(Buffer.alloc(0)),
  ),
  one("6.10", "CONTINUATION, then something else", PROTOCOL, headers(get, 1), more(Buffer.alloc(0), 0), data(1, "x")),
  one("6.10", "CONTINUATION on stream 0", PROTOCOL, headers(get, 1), more(get, 4, 0)),
  one("6.10", "CONTINUATION after a whole block", PROTOCOL, request(1, ...SLOW), more(get)),
  one("6.10", "CONTINUATION after DATA", PROTOCOL, open(1, ...SLOW), data(1, "x"), more(get)),
  one("7", "RST_STREAM with an unknown code", PONG, open(1, ...SLOW), reset(1, 0xff), ping()),
  one("7", "GOAWAY with an unknown code", PONG, goaway(0, 0xff), ping()),
];

const bad = (clause: string, title: string, ...raw: string[]): FrameCase =>
  one(clause, title, BAD_STREAM, request(1, ...raw));
const refused = (clause: string, title: string, status: string, ...raw: string[]): FrameCase =>
  one(clause, title, { answer: status }, request(1, ...raw));
const without = (name: string): string[] => {
  const raw = [...GET];
  raw.splice(raw.indexOf(name), 2);
  return raw;
};
const withPath = (path: string): string[] => [...without(":path"), ":path", path];
const withMethod = (method: string): string[] => [":method", method, ...without(":method")];
const withAuthority = (authority: string): string[] => [...without(":authority"), ":authority", authority];

const messages: FrameCase[] = [
  one("8.1", "a request", OK, request(1, ...GET)),
  one("8.1", "HEAD", OK, request(1, ...withMethod("HEAD"))),
  one("8.1", "a request with a body", OK, open(1, ...POST), data(1, "abc", true)),
  one("8.1", "a request with trailers", OK, open(1, ...POST), data(1, "a"), request(1, "x-t", "1")),
  one("8.1", "trailers without a body", OK, open(1, ...POST), request(1, "x-t", "1")),
  one("8.1", "a second HEADERS that does not end the stream", BAD_STREAM, open(1, ...POST), open(1, "x-t", "1")),
  one("8.1", "trailers that route", BAD_STREAM, open(1, ...POST), request(1, "host", "x")),
  one("8.1", "trailers that frame", BAD_STREAM, open(1, ...POST), request(1, "content-length", "1")),
  one("8.1", "trailers that prove", BAD_STREAM, open(1, ...POST), request(1, "authorization", "x")),
  one("8.1", "trailers that speak as an agent", BAD_STREAM, open(1, ...POST), request(1, "selvage-sent", "none")),
  one("8.1", "trailers that are too large", BAD_STREAM, open(1, ...POST), request(1, "x", "y".repeat(8_200))),
  one(
    "8.1.1",
    "a body longer than content-length",
    BAD_STREAM,
    open(1, ...POST, "content-length", "1"),
    data(1, "ab", true),
  ),
  one(
    "8.1.1",
    "a body shorter than content-length",
    BAD_STREAM,
    open(1, ...POST, "content-length", "4"),
    data(1, "ab", true),
  ),
  one(
    "8.1.1",
    "bodies of several frames too",
    BAD_STREAM,
    open(1, ...POST, "content-length", "1"),
    data(1, "a"),
    data(1, "b", true),
  ),
  one(
    "8.1.1",
    "a body cut by trailers",
    BAD_STREAM,
    open(1, ...POST, "content-length", "4"),
    data(1, "a"),
    request(1, "x", "y"),
  ),
  one("8.1.1", "a body as long as content-length", OK, open(1, ...POST, "content-length", "2"), data(1, "ab", true)),
  bad("8.1.1", "content-length and no body", ...POST, "content-length", "3"),
  bad("8.1.1", "content-length twice", ...POST, "content-length", "0", "content-length", "0"),
  bad("8.1.1", "content-length with a sign", ...POST, "content-length", "+0"),
  bad("8.1.1", "content-length with a leading zero", ...POST, "content-length", "00"),
  bad("8.1.1", "a list of content-lengths", ...POST, "content-length", "0, 0"),
  bad("8.2.1", "an upper-case name", ...GET, "X-Test", "ok"),
  bad("8.2.1", "a name that is no token", ...GET, "x test", "ok"),
  bad("8.2.1", "an empty name", ...GET, "", "ok"),
  bad("8.2.1", "a line feed in a value", ...GET, "x", "a\nb"),
  bad("8.2.1", "a carriage return in a value", ...GET, "x", "a\rb"),
  bad("8.2.1", "NUL in a value", ...GET, "x", "a\0b"),
  bad("8.2.1", "a space before a value", ...GET, "x", " a"),
  bad("8.2.1", "a tab behind a value", ...GET, "x", "a\t"),
  bad("8.2.1", "a request smuggled in a value", ...GET, "x", "a\r\n\r\nGET /admin HTTP/1.1\r\nhost: h\r\n\r\n"),
  bad("8.2.2", "connection", ...GET, "connection", "keep-alive"),
  bad("8.2.2", "keep-alive", ...GET, "keep-alive", "timeout=5"),
  bad("8.2.2", "proxy-connection", ...GET, "proxy-connection", "close"),
  bad("8.2.2", "transfer-encoding", ...POST, "transfer-encoding", "chunked"),
  bad("8.2.2", "upgrade", ...GET, "upgrade", "h2c"),
  bad("8.2.2", "te with anything but trailers", ...GET, "te", "trailers, deflate"),
  refused("8.2.2", "te: trailers", "200", ...GET, "te", "trailers"),
  bad("8.3", "an unknown pseudo-field", ":test", "ok", ...GET),
  bad("8.3", "a pseudo-field of answers", ":status", "200", ...GET),
  bad("8.3", "a pseudo-field behind regular fields", ...without(":path"), "x-test", "ok", ":path", "/"),
  one("8.3", "a pseudo-field in trailers", BAD_STREAM, open(1, ...POST), request(1, ":method", "POST")),
  bad("8.3.1", "an empty :path", ...withPath("")),
  bad("8.3.1", "no :method", ...without(":method")),
  bad("8.3.1", "no :scheme", ...without(":scheme")),
  bad("8.3.1", "no :path", ...without(":path")),
  bad("8.3.1", ":method twice", ":method", "GET", ...GET),
  bad("8.3.1", ":scheme twice", ":scheme", "http", ...GET),
  bad("8.3.1", ":path twice", ":path", "/", ...GET),
  bad("8.3.1", ":authority twice", ":authority", "h", ...GET),
  bad("8.3.1", "host that is not :authority", ...GET, "host", "other"),
  bad("8.3.1", "host twice", ...without(":authority"), "host", "h", "host", "h"),
  refused("8.3.1", "host as well as :authority", "200", ...GET, "host", "h"),
  refused("8.3.1", "host instead of :authority", "200", ...without(":authority"), "host", "h"),
  refused("8.3.1", "neither host nor :authority", "400", ...without(":authority")),
  refused("8.3.1", "user information in :authority", "400", ...withAuthority("u@h")),
  refused("8.3.1", "a space in :authority", "400", ...withAuthority("h h")),
  refused("8.3.1", "a path in :authority", "400", ...withAuthority("h/a")),
  refused("8.3.1", "an empty :authority", "400", ...withAuthority("")),
  refused("8.3.1", "another scheme", "400", ":scheme", "ftp", ...without(":scheme")),
  refused("8.3.1", "a path without a slash", "400", ...withPath("a")),
  refused("8.3.1", "an absolute target", "400", ...withPath("http://h/")),
  refused("8.3.1", "a fragment", "400", ...withPath("/a#b")),
  refused("8.3.1", "a space in the path", "400", ...withPath("/a b")),
  refused("8.3.1", "a backslash in the path", "400", ...withPath("/a\\b")),
  refused("8.3.1", "raw UTF-8 in the path", "400", ...withPath("/caf\xc3\xa9")),
  refused("8.3.1", "a request line in the path", "400", ...withPath("/ HTTP/1.1 x")),
  refused("8.3.1", "characters that browsers leave alone", "200", ...withPath("/a|b?{c}\\^`")),
  refused("8.3.1", "a path that is too long", "414", ...withPath(`/${"a".repeat(limits.http.targetBytesMax)}`)),
  refused(
    "8.3.1",
    "OPTIONS *",
    "200",
    ":method",
    "OPTIONS",
    ...without(":method").filter((_, i, all) => all[i & ~1] !== ":path"),
    ":path",
    "*",
  ),
  refused("8.3.1", "GET *", "400", ...withPath("*")),
  refused("9.1 of RFC 9110", "a lower-case method", "501", ...withMethod("get")),
  refused("9.1 of RFC 9110", "an unknown method", "501", ...withMethod("FROB")),
  refused("9.1 of RFC 9110", "a method with a space", "501", ...withMethod("GET /")),
  refused("8.5", "CONNECT where it is not served", "501", ":method", "CONNECT", ":authority", "h:80"),
  bad("8.5", "CONNECT with a path", ":method", "CONNECT", ":authority", "h:80", ":path", "/", ":scheme", "http"),
  bad("8.5", "CONNECT without a port", ":method", "CONNECT", ":authority", "h"),
  bad("8.5", "CONNECT without an authority", ":method", "CONNECT"),
  bad(
    "4 of RFC 8441",
    "extended CONNECT, which was not offered",
    ":method",
    "CONNECT",
    ":protocol",
    "websocket",
    ":authority",
    "h:80",
  ),
  refused("10.1.1 of RFC 9110", "another expectation", "417", ...GET, "expect", "tea"),
  refused(
    "5 of RFC 6585",
    "too many fields",
    "431",
    ...GET,
    ...Array.from({ length: 260 }, (_, i) => (i % 2 ? "v" : `x-${i}`)),
  ),
  one(
    "6.10",
    "a block larger than any is read",
    { goes: h2.ENHANCE_YOUR_CALM },
    headers(get, 1),
    ...Array.from({ length: 17 }, () => more(Buffer.alloc(16_384), 0)),
  ),
];

const coding: FrameCase[] = [
  one("6.1 of RFC 7541", "index 0", CODING, hpack("80")),
  one("2.3.3 of RFC 7541", "an index that nobody has", CODING, hpack("fe")),
  one("4.2 of RFC 7541", "a size update behind a field", CODING, hpack("20")),
  one(
    "6.3 of RFC 7541",
    "a size update above HEADER_TABLE_SIZE",
    CODING,
    headers(Buffer.concat([Buffer.from("3fe21f", "hex"), get])),
  ),
  one(
    "6.3 of RFC 7541",
    "size updates before a field",
    OK,
    headers(Buffer.concat([Buffer.from("203f61", "hex"), get])),
  ),
  one(
    "6.3 of RFC 7541",
    "a smaller table, without being asked for one",
    OK,
    headers(Buffer.concat([Buffer.from("3f61", "hex"), get])),
  ),
  one(
    "6.10",
    "a block whose frames use what they have inserted",
    OK,
    headers(Buffer.concat([get, Buffer.from("4003782d610162", "hex")]), h2.END_STREAM),
    more(Buffer.from("be", "hex"), 0),
    more(Buffer.from("be", "hex")),
  ),
  one("5.2 of RFC 7541", "Huffman padding longer than 7 bits", CODING, hpack("00 85 f2 b2 4a 84 ff 84 49 50 9f ff")),
  one("5.2 of RFC 7541", "Huffman padding of zeros", CODING, hpack("00 85 f2 b2 4a 84 7f 83 49 50 90")),
  one("5.2 of RFC 7541", "the Huffman end mark", CODING, hpack("00 85 f2 b2 4a 87 ff ff ff ff 84 49 50 9f ff")),
  one("6.1 of RFC 7541", "an indexed field", OK, headers(Buffer.from("828684410168", "hex"))),
  one("6.2.1 of RFC 7541", "a field that is inserted and used", OK, hpack("40 03 782d61 01 62 be")),
  one("6.2.2 of RFC 7541", "a literal without indexing", OK, hpack("00 03 782d61 01 62")),
  one("6.2.3 of RFC 7541", "a literal that is never indexed", OK, hpack("10 03 782d61 01 62")),
  one("6.2.1 of RFC 7541", "a name in Huffman coding", OK, hpack("40 88 25a8 49e9 5ba9 7d7f 01 62")),
];

export const frameCases: readonly FrameCase[] = [...framing, ...states, ...types, ...messages, ...coding];
