/** Requests, odd and broken, with what RFC 9110 and RFC 9112 ask for, or more where the RFC leaves room for mischief. */
import { limits } from "../../../shared/limits.ts";
import type { Understood } from "./echo-server.ts";

export interface RequestCase {
  /** RFC 9112 unless it says otherwise. */
  readonly clause: string;
  readonly title: string;
  readonly raw: string;
  /** Statuses of all final answers in order. */
  readonly statuses: readonly number[];
  /** Whether the listener ends the connection. */
  readonly closes: boolean;
  /** What the first request was understood as. */
  readonly understood?: Partial<Understood>;
}

export const GET = "GET / HTTP/1.1\r\nHost: h\r\n";
export const POST = "POST / HTTP/1.1\r\nHost: h\r\n";
export const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
export const OK_FIELDS = `${GET}\r\n`;

export function accepted(clause: string, title: string, raw: string, understood?: Partial<Understood>): RequestCase {
  const expectation = understood === undefined ? {} : { understood };
  return { clause, title, raw, statuses: [200], closes: false, ...expectation };
}

export function refused(clause: string, title: string, raw: string, status = 400): RequestCase {
  return { clause, title, raw, statuses: [status], closes: true };
}

export function chunks(title: string, text: string): RequestCase {
  return refused("7.1", title, CHUNKED + text);
}

const requestLine: RequestCase[] = [
  accepted("3", "a plain request", OK_FIELDS, { method: "GET", target: "/", fields: [["Host", "h"]], body: "" }),
  accepted("3.2.1", "a query", "GET /a/b?c=d&e=%20 HTTP/1.1\r\nHost: h\r\n\r\n", { target: "/a/b?c=d&e=%20" }),
  accepted("3.2.1", "characters that browsers leave alone", "GET /a|b?{c}\\^` HTTP/1.1\r\nHost: h\r\n\r\n"),
  accepted("3.2.1", "an empty path segment", "GET //a//b HTTP/1.1\r\nHost: h\r\n\r\n", { target: "//a//b" }),
  accepted("3.2.4", "OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", { target: "*" }),
  accepted("2.2", "one empty line before", `\r\n${OK_FIELDS}`),
  accepted("3.1", "every method that Node knows: QUERY", "QUERY / HTTP/1.1\r\nHost: h\r\n\r\n", { method: "QUERY" }),
  accepted("3.1", "every method that Node knows: M-SEARCH", "M-SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("2.2", "two empty lines before", `\r\n\r\n${OK_FIELDS}`),
  refused("2.2", "a bare LF before", `\n${OK_FIELDS}`),
  refused("2.2", "a space before", ` ${OK_FIELDS}`),
  refused("2.2", "a bare LF after the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n"),
  refused("2.2", "a bare CR after the request line", "GET / HTTP/1.1\rHost: h\r\n\r\n"),
  refused("2.2", "LF everywhere", "GET / HTTP/1.1\nHost: h\n\n"),
  refused("3", "two spaces before the target", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3", "two spaces after the target", "GET /  HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3", "a tab for a space", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3", "a space at the end", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"),
  refused("3", "no target", "GET HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3", "an HTTP/0.9 request", "GET /\r\n"),
  refused("3", "no method", " / HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3", "a long method", `${"A".repeat(5_000)} / HTTP/1.1\r\nHost: h\r\n\r\n`),
  refused("3.1", "a lower-case method", "get / HTTP/1.1\r\nHost: h\r\n\r\n", 501),
  refused("3.1", "an unknown method", "FROB / HTTP/1.1\r\nHost: h\r\n\r\n", 501),
  refused("3.1", "a method with a separator", "GE(T / HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3.1", "the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
  refused("3", "a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
  refused("3.2", "a fragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3.2", "a space in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3.2", "a NUL in the target", "GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3.2", "a control character in the query", "GET /?\x01 HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3.2", "DEL in the target", "GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3.2", "raw UTF-8 in the target", "GET /caf\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3.2", "an overlong slash in the target", "GET /\xc0\xaf HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3.2.1", "a backslash in the path", "GET /a\\b HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3.2.1", "a path without a slash", "GET a HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3.2.4", "GET *", "GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3.2.2", "absolute form at a server", "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
  refused("3.2.3", "CONNECT at a server", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 501),
  refused(
    "3",
    "a target that is too long",
    `GET /${"a".repeat(limits.http.targetBytesMax)} HTTP/1.1\r\nHost: h\r\n\r\n`,
    414,
  ),
  refused("3", "a target without an end", `GET /${"a".repeat(100_000)}`, 414),
  refused("2.3", "HTTP/9.9", "GET / HTTP/9.9\r\nHost: h\r\n\r\n", 505),
  refused("2.3", "HTTP/1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505),
  refused("2.3", "HTTP/2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
  refused("2.3", "a version in lower case", "GET / http/1.1\r\nHost: h\r\n\r\n"),
  refused("2.3", "a version without a minor number", "GET / HTTP/1\r\nHost: h\r\n\r\n"),
  refused("2.3", "a version with leading zeros", "GET / HTTP/01.01\r\nHost: h\r\n\r\n"),
  refused("2.3", "a version with a long minor number", "GET / HTTP/1.10\r\nHost: h\r\n\r\n"),
  refused("2.3", "a space in the version", "GET / HTTP/ 1.1\r\nHost: h\r\n\r\n"),
  refused("2.3", "another protocol", "GET / ICY/1.1\r\nHost: h\r\n\r\n"),
];

const fieldLines: RequestCase[] = [
  accepted("5", "no space behind the colon", `${GET}X:y\r\n\r\n`, {
    fields: [
      ["Host", "h"],
      ["X", "y"],
    ],
  }),
  accepted("5", "spaces around a value are not part of it", `${GET}X: \t y z \t\r\n\r\n`, {
    fields: [
      ["Host", "h"],
      ["X", "y z"],
    ],
  }),
  accepted("5", "an empty value", `${GET}X:\r\nY: \r\n\r\n`, {
    fields: [
      ["Host", "h"],
      ["X", ""],
      ["Y", ""],
    ],
  }),
  accepted("5", "order and duplicates are kept", `${GET}B: 1\r\nA: 2\r\nb: 3\r\n\r\n`, {
    fields: [
      ["Host", "h"],
      ["B", "1"],
      ["A", "2"],
      ["b", "3"],
    ],
  }),
  accepted("RFC 9110 5.5", "bytes above 0x7f in a value", `${GET}X: caf\xe9\r\n\r\n`, {
    fields: [
      ["Host", "h"],
      ["X", "caf\xe9"],
    ],
  }),
  accepted("RFC 9110 5.6.2", "every token character in a name", `${GET}!#$%&'*+-.^_\`|~09az: 1\r\n\r\n`),
  accepted("5", "as many fields as allowed", `${GET}${"X: 1\r\n".repeat(limits.http.headFieldsMax - 1)}\r\n`),
  refused("5", "one field too many", `${GET}${"X: 1\r\n".repeat(limits.http.headFieldsMax)}\r\n`, 431),
  refused("5", "a head that is too long", `${GET}X: ${"a".repeat(limits.http.headBytesMax)}\r\n\r\n`, 431),
  refused("5", "a name that is too long", `${GET}${"X".repeat(limits.http.headBytesMax)}: 1\r\n\r\n`, 431),
  refused("5.1", "a space before the colon", `${GET}X : y\r\n\r\n`),
  refused("5.1", "a tab before the colon", `${GET}X\t: y\r\n\r\n`),
  refused("5.1", "a space before the colon of Content-Length", `${POST}Content-Length : 5\r\n\r\nhello`),
  refused("5.1", "an empty name", `${GET}: y\r\n\r\n`),
  refused("5.1", "no colon", `${GET}NoColon\r\n\r\n`),
  refused("5.1", "a bracket in a name", `${GET}X[1]: y\r\n\r\n`),
  refused("5.1", "a NUL in a name", `${GET}X\0: y\r\n\r\n`),
  refused("5.1", "a byte above 0x7f in a name", `${GET}X\xe9: y\r\n\r\n`),
  refused("2.2", "a space before the first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n"),
  refused("2.2", "a line of spaces before the first field", "GET / HTTP/1.1\r\n \r\nHost: h\r\n\r\n"),
  refused("5.2", "folding", `${GET}X: a\r\n b\r\n\r\n`),
  refused("5.2", "folding with a tab", `${GET}X: a\r\n\tb\r\n\r\n`),
  refused("5.2", "folding of Transfer-Encoding", `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`),
  refused("2.2", "a bare LF after a field", `${GET}X: y\nY: z\r\n\r\n`),
  refused("2.2", "a bare CR in a value", `${GET}X: y\rz\r\n\r\n`),
  refused("2.2", "a bare LF for the empty line", `${GET}\n`),
  refused("2.2", "a bare CR for the empty line", `${GET}\r${OK_FIELDS}`),
  refused("RFC 9110 5.5", "a NUL in a value", `${GET}X: a\0b\r\n\r\n`),
  refused("RFC 9110 5.5", "a bell in a value", `${GET}X: a\x07b\r\n\r\n`),
  refused("RFC 9110 5.5", "DEL in a value", `${GET}X: a\x7fb\r\n\r\n`),
  refused("RFC 9110 5.5", "a vertical tab before a value", `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n`),
];

const host: RequestCase[] = [
  accepted("3.2", "a port", "GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n"),
  accepted("3.2", "an IPv4 address", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
  accepted("3.2", "an IPv6 address", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
  accepted("3.2", "an underscore", "GET / HTTP/1.1\r\nHost: my_service.mesh\r\n\r\n"),
  refused("3.2", "no Host", "GET / HTTP/1.1\r\n\r\n"),
  refused("3.2", "an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
  refused("3.2", "two different Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
  refused("3.2", "two equal Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"),
  refused("3.2", "two Hosts in one", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
  refused("3.2", "user information", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
  refused("3.2", "a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
  refused("3.2", "a port that is no number", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
  refused("3.2", "a port without digits", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
  refused("3.2", "a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
  refused("3.2", "an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
  refused("3.2", "a percent-encoded name", "GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n"),
];

const lengths: RequestCase[] = [
  accepted("6.2", "a body of known length", `${POST}Content-Length: 5\r\n\r\nhello`, { body: "hello" }),
  accepted("6.2", "a length of zero", `${POST}Content-Length: 0\r\n\r\n`, { body: "" }),
  accepted("6.3", "a POST without any length has no body", `${POST}\r\n`, { body: "" }),
  accepted("6.2", "a GET with a body", `${GET}Content-Length: 5\r\n\r\nhello`, { body: "hello" }),
  accepted("6", "framing fields go no further", `${POST}Content-Length: 2\r\nX: 1\r\n\r\nhi`, {
    fields: [
      ["Host", "h"],
      ["X", "1"],
    ],
  }),
  refused("6.3", "two different lengths", `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`),
  refused("6.3", "two equal lengths", `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`),
  refused("6.3", "two lengths in one", `${POST}Content-Length: 5, 5\r\n\r\nhello`),
  ...["+5", "-1", "-0", "5.0", "0x5", "5e0", "5 5", "1_0", "abc", "", "005", "00", "9".repeat(20), "5;", "\xb2"].map(
    (value) => refused("6.2", `the length ${JSON.stringify(value)}`, `${POST}Content-Length: ${value}\r\n\r\nhello`),
  ),
  refused("6.2", "a tab before the length", `${POST}Content-Length:\t5\r\n\r\nhello`),
  refused("6.2", "a space behind the length", `${POST}Content-Length: 5 \r\n\r\nhello`),
  refused("6.3", "a length and chunks", `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  refused("6.3", "chunks and a length", `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`),
  ...["gzip", "identity", "chunked, chunked", "chunked, gzip", "gzip, chunked", "xchunked", "chunked;q=1", "chunke"]
    .concat(["chunked,", ", chunked", '"chunked"', "chunked\t", " chunked", "", "trailers"])
    .map((value) =>
      refused("6.1", `the coding ${JSON.stringify(value)}`, `${POST}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`),
    ),
  refused("6.1", "two codings", `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  refused("6.1", "chunks over HTTP/1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
];

const chunked: RequestCase[] = [
  accepted("7.1", "chunks", `${CHUNKED}5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n`, { body: "hello!" }),
  accepted("6.1", "the coding in another case", `${POST}transfer-encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`),
  accepted("7.1", "no data", `${CHUNKED}0\r\n\r\n`, { body: "" }),
  accepted("7.1", "digits of both cases and zeros", `${CHUNKED}00a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n`),
  accepted("7.1.1", "extensions are dropped", `${CHUNKED}1;a=b;c\r\nx\r\n0;d=e\r\n\r\n`, { body: "x" }),
  accepted("7.1.2", "trailers", `${CHUNKED}1\r\nx\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n`, {
    body: "x",
    trailers: [
      ["X-Sum", "1"],
      ["Y", "2"],
    ],
  }),
  chunks("a size that is no number", "x\r\n"),
  chunks("no size", "\r\n\r\n"),
  chunks("a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
  chunks("a negative size", "-1\r\nhello\r\n0\r\n\r\n"),
  chunks("a size with a plus", "+5\r\nhello\r\n0\r\n\r\n"),
  chunks("a size with an underscore", "1_0\r\nhello\r\n0\r\n\r\n"),
  chunks("a space before the size", " 5\r\nhello\r\n0\r\n\r\n"),
  chunks("a space behind the size", "5 \r\nhello\r\n0\r\n\r\n"),
  chunks("a size that overflows", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
  chunks("a bare LF behind the size", "5\nhello\r\n0\r\n\r\n"),
  chunks("a bare CR behind the size", "5\rhello\r\n0\r\n\r\n"),
  chunks("a chunk that is too long", "5\r\nhello!\r\n0\r\n\r\n"),
  chunks("a chunk without its CRLF", "5\r\nhello0\r\n\r\n"),
  chunks("a chunk that ends in LF", "5\r\nhello\n0\r\n\r\n"),
  chunks("a chunk that ends in CR", "5\r\nhello\r0\r\n\r\n"),
  chunks("an empty extension", "5;\r\nhello\r\n0\r\n\r\n"),
  chunks("a bare LF in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
  chunks("a bare CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
  chunks("a NUL in an extension", "5;a\0\r\nhello\r\n0\r\n\r\n"),
  chunks("a quoted extension", '5;a="b"\r\nhello\r\n0\r\n\r\n'),
  chunks("a chunk line that is too long", `5;a=${"b".repeat(limits.http.chunkLineBytesMax)}\r\nhello\r\n0\r\n\r\n`),
  chunks("a bare LF for the end", "0\r\n\n"),
  chunks("a trailer without a colon", "0\r\nX\r\n\r\n"),
  chunks("a folded trailer", "0\r\nX: a\r\n b\r\n\r\n"),
  chunks("a NUL in a trailer", "0\r\nX: \0\r\n\r\n"),
  chunks("a bare LF after a trailer", "0\r\nX: a\n\r\n"),
  ...["Content-Length: 5", "Transfer-Encoding: chunked", "Host: x", "Authorization: x", "Cookie: a=b", "Txn-Token: x"]
    .concat(["Selvage-Deadline-Ms: 1", "X-Forwarded-For: 1", "Connection: close", "Content-Type: a/b"])
    .map((line) => refused("RFC 9110 6.5.1", `the trailer ${line}`, `${CHUNKED}0\r\n${line}\r\n\r\n`)),
  chunks("a trailer section that is too large", `0\r\nX: ${"a".repeat(limits.http.trailerBytesMax)}\r\n\r\n`),
];

const connection: RequestCase[] = [
  { ...accepted("9.6", "close", `${GET}Connection: close\r\n\r\n`), closes: true },
  { ...accepted("9.6", "close among others", `${GET}Connection: keep-alive, Close\r\n\r\n`), closes: true },
  { ...accepted("9.3", "HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\n\r\n"), closes: true },
  { ...accepted("3.2", "HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n"), closes: true },
  { ...accepted("9.3", "HTTP/1.0 with keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), closes: true },
  accepted(
    "RFC 9110 7.6.1",
    "what Connection names goes no further",
    `${GET}Connection: x-a\r\nX-A: 1\r\nX-B: 2\r\n\r\n`,
    {
      fields: [
        ["Host", "h"],
        ["X-B", "2"],
      ],
    },
  ),
  accepted("RFC 9110 7.6.1", "Connection behind what it names", `${GET}X-A: 1\r\nConnection: X-A\r\n\r\n`, {
    fields: [["Host", "h"]],
  }),
  accepted(
    "RFC 9110 7.6.1",
    "fields of the connection go no further",
    `${GET}Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nProxy-Authorization: x\r\nTE: gzip\r\nUpgrade: h2c\r\n\r\n`,
    { fields: [["Host", "h"]] },
  ),
  accepted("RFC 9110 10.1.4", "TE: trailers is kept", `${GET}TE: gzip, trailers\r\nConnection: TE\r\n\r\n`, {
    fields: [
      ["Host", "h"],
      ["TE", "trailers"],
    ],
  }),
  ...["Host", "Content-Length", "Transfer-Encoding", "Authorization", "Cookie", "Txn-Token", "traceparent"]
    .concat(["Selvage-Attempt", "X-Forwarded-For"])
    .map((name) => refused("RFC 9110 7.6.1", `Connection names ${name}`, `${GET}Connection: ${name}\r\n\r\n`)),
  accepted(
    "RFC 9110 5.6.3",
    "a byte that is a space elsewhere belongs to the option",
    `${GET}X-A: 1\r\nConnection: \xa0x-a\r\n\r\n`,
    {
      fields: [
        ["Host", "h"],
        ["X-A", "1"],
      ],
    },
  ),
  accepted("RFC 9110 7.8", "another protocol is ignored", `${GET}Connection: upgrade\r\nUpgrade: h2c\r\n\r\n`),
  accepted("RFC 9110 7.8", "Upgrade that Connection does not name", `${GET}Upgrade: websocket\r\n\r\n`),
  accepted("RFC 9110 7.8", "an upgrade that nobody takes", `${GET}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`),
  refused("RFC 9110 10.1.1", "another expectation", `${GET}Expect: 200-ok\r\n\r\n`, 417),
  refused("RFC 9110 10.1.1", "two expectations", `${GET}Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n`, 417),
  accepted("RFC 9110 10.1.1", "100-continue without a body", `${GET}Expect: 100-continue\r\n\r\n`),
  accepted(
    "RFC 9110 10.1.1",
    "100-continue with the body there",
    `${POST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi`,
    {
      fields: [["Host", "h"]],
      body: "hi",
    },
  ),
  { ...accepted("9.3.2", "pipelining", OK_FIELDS.repeat(3)), statuses: [200, 200, 200] },
  { ...accepted("9.3.2", "pipelining behind a body", `${CHUNKED}0\r\n\r\n${OK_FIELDS}`), statuses: [200, 200] },
  { ...refused("9.3.2", "nonsense behind a request", `${OK_FIELDS}\0`), statuses: [200, 400] },
  accepted("6.3", "what follows a body is the next request", `${POST}Content-Length: 2\r\n\r\nhello`, { body: "he" }),
  {
    ...accepted("9.6", "nothing is answered behind close", `${GET}Connection: close\r\n\r\n${OK_FIELDS}`),
    closes: true,
  },
];

export const requestCases: readonly RequestCase[] = [
  ...requestLine,
  ...fieldLines,
  ...host,
  ...lengths,
  ...chunked,
  ...connection,
];
