/** Answers, odd and broken, with what a caller makes of them. */
import type { FailReason } from "../../../mesh-agent/proxy/engine.ts";
import { limits } from "../../../shared/limits.ts";

export interface Outcome {
  status?: number;
  fields?: [string, string][];
  bodyLength?: number | "stream";
  body?: string;
  trailers?: [string, string][];
  interim?: number[];
  fail?: FailReason;
  /** Whether another request may use the connection. */
  reused?: boolean;
}

export interface ResponseCase {
  readonly clause: string;
  readonly title: string;
  readonly method: string;
  readonly raw: string;
  /** The peer ends the connection behind it. */
  readonly ends: boolean;
  readonly outcome: Outcome;
}

export const OK = "HTTP/1.1 200 OK\r\n";
export const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

export function given(clause: string, title: string, raw: string, outcome: Outcome, method = "GET"): ResponseCase {
  return { clause, title, method, raw, ends: false, outcome: { reused: outcome.fail === undefined, ...outcome } };
}

export function ended(clause: string, title: string, raw: string, outcome: Outcome, method = "GET"): ResponseCase {
  return { clause, title, method, raw, ends: true, outcome: { reused: false, ...outcome } };
}

export function broken(clause: string, title: string, raw: string): ResponseCase {
  return given(clause, title, raw, { fail: "protocol" });
}

export const accepted: readonly ResponseCase[] = [
  given("4", "a plain answer", `${OK}Content-Length: 2\r\nX: y\r\n\r\nhi`, {
    status: 200,
    fields: [["X", "y"]],
    bodyLength: 2,
    body: "hi",
  }),
  given("4", "no reason phrase", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", { status: 200, body: "" }),
  given("4", "no space behind the status", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", { status: 200 }),
  given("4", "an unknown status", "HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n", { status: 299 }),
  given("7.1", "chunks", `${CHUNKED}2\r\nhi\r\n0\r\n\r\n`, { bodyLength: "stream", body: "hi" }),
  given("7.1.2", "trailers", `${CHUNKED}2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n`, { body: "hi", trailers: [["X-Sum", "1"]] }),
  given("7.1.1", "chunk extensions", `${CHUNKED}2;a=b\r\nhi\r\n0\r\n\r\n`, { body: "hi" }),
  ended("6.3", "a body that ends with the connection", `${OK}\r\nhello`, { bodyLength: "stream", body: "hello" }),
  ended("6.3", "an empty body that ends with the connection", `${OK}\r\n`, { body: "" }),
  ended("9.3", "HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", { status: 200, body: "hi" }),
  given("9.3", "HTTP/1.0 with keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", {
    body: "hi",
    reused: false,
  }),
  given("9.6", "close", `${OK}Connection: close\r\nContent-Length: 2\r\n\r\nhi`, { body: "hi", reused: false }),
  given("6.3", "HEAD with a length", `${OK}Content-Length: 10\r\n\r\n`, { bodyLength: 10, body: "" }, "HEAD"),
  given("6.3", "HEAD without a length", `${OK}\r\n`, { bodyLength: "stream", body: "" }, "HEAD"),
  given(
    "6.3",
    "HEAD with chunks",
    `${OK}Transfer-Encoding: chunked\r\n\r\n`,
    { bodyLength: "stream", body: "" },
    "HEAD",
  ),
  given("6.3", "204", "HTTP/1.1 204 No Content\r\n\r\n", { status: 204, bodyLength: 0, body: "" }),
  given("6.3", "204 with a length of zero", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", { status: 204 }),
  given("6.3", "204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", {
    status: 204,
    reused: false,
  }),
  given("6.3", "304 with the length of what it stands for", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", {
    status: 304,
    bodyLength: 9,
    body: "",
  }),
  given(
    "15.2 of RFC 9110",
    "interim answers",
    `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
    {
      status: 200,
      interim: [103],
    },
  ),
  given(
    "15.2 of RFC 9110",
    "100 that nobody asked for",
    `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
    {
      status: 200,
      interim: [100],
    },
  ),
  given("9.2", "bytes behind the answer", `${OK}Content-Length: 2\r\n\r\nhi!`, { body: "hi", reused: false }),
  given("9.2", "a second answer", `${OK}Content-Length: 0\r\n\r\n`.repeat(2), { body: "", reused: false }),
  given(
    "9.2",
    "a body behind an answer to HEAD",
    `${OK}Content-Length: 2\r\n\r\nhi`,
    { body: "", reused: false },
    "HEAD",
  ),
  given("9.2", "a body behind 204", "HTTP/1.1 204 No Content\r\n\r\nhi", { status: 204, body: "", reused: false }),
  given("9.2", "bytes behind the last chunk", `${CHUNKED}0\r\n\r\nx`, { body: "", reused: false }),
  given(
    "7.6.1 of RFC 9110",
    "what Connection names goes no further",
    `${OK}Connection: x-a\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n`,
    {
      fields: [],
    },
  ),
  given(
    "7.6.1 of RFC 9110",
    "fields of the connection",
    `${OK}Keep-Alive: timeout=9\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n`,
    {
      fields: [],
    },
  ),
  given(
    "9.3",
    "a keep-alive time that is too short to use",
    `${OK}Keep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n`,
    {
      reused: false,
    },
  ),
  given("5.5 of RFC 9110", "bytes above 0x7f", `${OK}X: \xe9\r\nContent-Length: 0\r\n\r\n`, {
    fields: [["X", "\xe9"]],
  }),
];

export const refused: readonly ResponseCase[] = [
  broken("4", "another protocol", "SSH-2.0-OpenSSH_9.0\r\n"),
  broken("4", "HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
  broken("4", "an HTTP/0.9 answer", "<html></html>\r\n"),
  broken("4", "ICY", "ICY 200 OK\r\nContent-Length: 0\r\n\r\n"),
  broken("4", "two spaces before the status", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"),
  broken("4", "a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
  broken("4", "a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
  broken("4", "a status below 100", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"),
  broken("4", "a status above 599", "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n"),
  broken("4", "a control character in the reason", "HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n"),
  broken("2.2", "a bare LF after the status line", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"),
  broken("2.2", "a bare LF after a field", `${OK}Content-Length: 0\n\r\n`),
  broken("2.2", "a bare CR in a value", `${OK}X: a\rb\r\nContent-Length: 0\r\n\r\n`),
  broken("5.1", "a space before the colon", `${OK}Content-Length : 0\r\n\r\n`),
  broken("5.2", "folding", `${OK}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`),
  broken("5", "no colon", `${OK}X\r\nContent-Length: 0\r\n\r\n`),
  broken("5.5 of RFC 9110", "a NUL in a value", `${OK}X: \0\r\nContent-Length: 0\r\n\r\n`),
  broken("6.3", "a length and chunks", `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  broken("6.3", "chunks and a length", `${OK}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n`),
  broken("6.3", "two different lengths", `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi`),
  broken("6.3", "two equal lengths", `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi`),
  ...["+2", "-2", "2, 2", "0x2", "02", "", "9".repeat(17)].map((value) =>
    broken("6.2", `the length ${JSON.stringify(value)}`, `${OK}Content-Length: ${value}\r\n\r\nhi`),
  ),
  ...["gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked"].map((value) =>
    broken("6.1", `the coding ${value}`, `${OK}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`),
  ),
  broken("6.1", "chunks in 204", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
  broken("6.1", "chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
  broken("7.1", "a chunk size that is no number", `${CHUNKED}x\r\n`),
  broken("7.1", "a chunk that is too long", `${CHUNKED}2\r\nhi!\r\n0\r\n\r\n`),
  broken("7.1", "a chunk size that overflows", `${CHUNKED}fffffffffffffffff\r\n`),
  broken("7.1.2", "a trailer that frames", `${CHUNKED}0\r\nContent-Length: 2\r\n\r\n`),
  broken("7.8 of RFC 9110", "101 that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
  broken(
    "15.2 of RFC 9110",
    "interim answers without an end",
    "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(limits.http.informationalMax + 1),
  ),
  broken(
    "15.2 of RFC 9110",
    "an interim answer with a length",
    `HTTP/1.1 103 E\r\nContent-Length: 0\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
  ),
  broken(
    "15.2 of RFC 9110",
    "an interim answer with close",
    `HTTP/1.1 103 E\r\nConnection: close\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
  ),
  broken("15.2 of RFC 9110", "an interim answer over HTTP/1.0", `HTTP/1.0 103 E\r\n\r\n${OK}Content-Length: 0\r\n\r\n`),
  broken("5", "a head that is too long", `${OK}X: ${"a".repeat(limits.http.headBytesMax)}\r\n\r\n`),
  broken("5", "too many fields", `${OK}${"X: y\r\n".repeat(limits.http.headFieldsMax + 1)}\r\n`),
  ended("9.6", "nothing", "", { fail: "reset" }),
  ended("8", "a head that is cut short", `${OK}Content-Le`, { fail: "reset" }),
  ended("8", "a body that is cut short", `${OK}Content-Length: 5\r\n\r\nhi`, { fail: "reset" }),
  ended("8", "chunks that are cut short", `${CHUNKED}5\r\nhi`, { fail: "reset" }),
  ended("8", "chunks without the last", `${CHUNKED}2\r\nhi\r\n`, { fail: "reset" }),
  ended("8", "an interim answer alone", "HTTP/1.1 100 Continue\r\n\r\n", { fail: "reset" }),
];
