/** More requests: rare and hostile ways to say where a body ends. */
import { limits } from "../../../shared/limits.ts";
import { accepted, CHUNKED, chunks, GET, OK_FIELDS, POST, type RequestCase, refused } from "./request-cases.ts";

const END = "0\r\n\r\n";
const request = (method: string): string => `${method} / HTTP/1.1\r\nHost: h\r\n`;

const lengths: RequestCase[] = [
  accepted(
    "6.2",
    "a body that looks like a request",
    `${POST}Content-Length: ${OK_FIELDS.length}\r\n\r\n${OK_FIELDS}`,
    {
      body: OK_FIELDS,
    },
  ),
  accepted("6.2", "no space before the length", `${POST}Content-Length:5\r\n\r\nhello`, { body: "hello" }),
  accepted("6.2", "the length in another case", `${POST}CONTENT-LENGTH: 5\r\n\r\nhello`, { body: "hello" }),
  ...["DELETE", "OPTIONS", "PATCH", "PUT", "QUERY"].map((method) =>
    accepted("RFC 9110 9.3", `${method} with a body`, `${request(method)}Content-Length: 5\r\n\r\nhello`, {
      body: "hello",
    }),
  ),
  {
    ...accepted("6.2", "a body over HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", { body: "hi" }),
    closes: true,
  },
  {
    ...accepted("6.2", "a body that is shorter than what follows", `${POST}Content-Length: 0\r\n\r\n${OK_FIELDS}`),
    statuses: [200, 200],
  },
  ...[
    "5,5",
    "5,6",
    "0, 5",
    "5,",
    ",5",
    "A",
    "1e1",
    "+0",
    "'5'",
    "5\0",
    "5\x0b",
    "5\xa0",
    "0 0",
    "1000000000000000",
    "0b1",
  ]
    .concat(["05", "5L", "18446744073709551621", "-18446744073709551611", "\xd9\xa5", "Infinity", "NaN", "null"])
    .map((value) =>
      refused("6.3", `the length ${JSON.stringify(value)}`, `${POST}Content-Length: ${value}\r\n\r\nhello`),
    ),
  refused("6.3", "three lengths", `${POST}${"Content-Length: 5\r\n".repeat(3)}\r\nhello`),
  refused(
    "6.3",
    "two lengths with another field between",
    `${POST}Content-Length: 5\r\nX: y\r\ncontent-length: 0\r\n\r\nhello`,
  ),
  refused("6.3", "two lengths over HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello"),
  refused("6.2", "two spaces before the length", `${POST}Content-Length:  5\r\n\r\nhello`),
  refused("6.2", "a tab behind the length", `${POST}Content-Length: 5\t\r\n\r\nhello`),
];

const codingOf = (value: string): string => `${POST}Transfer-Encoding: ${value}\r\n\r\n${END}`;

const codings: RequestCase[] = [
  accepted("6.1", "the coding in capitals", codingOf("CHUNKED"), { body: "" }),
  accepted("6.1", "chunks with GET", `${GET}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n${END}`, { body: "x" }),
  ...[
    "\tchunked",
    "chunked\x0b",
    "chunked\0",
    "chunked;",
    "chunkedchunked",
    "c hunked",
    "'chunked'",
    "deflate, chunked",
    "br",
  ]
    .concat([
      "chunked, identity",
      "identity, chunked",
      "chunked,chunked",
      "x, chunked",
      "chunked \t",
      "\x01chunked",
      "ch\xfcnked",
    ])
    .concat(["chunked\r\n ", "chunked\x00identity", "compress", "pigeons", "chunked, ", "chunk ed"])
    .map((value) => refused("6.1", `the coding ${JSON.stringify(value)}`, codingOf(value))),
  ...[
    ["identity", "chunked"],
    ["chunked", "identity"],
    ["gzip", "chunked"],
    ["chunked", ""],
    ["", "chunked"],
  ].map(([one, other]) =>
    refused(
      "6.1",
      `the codings ${JSON.stringify([one, other])} in two fields`,
      codingOf(`${one}\r\nTransfer-Encoding: ${other}`),
    ),
  ),
  refused(
    "6.3",
    "a length of zero and chunks",
    `${POST}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n${END}${OK_FIELDS}`,
  ),
  refused("6.3", "a length and an unknown coding", `${POST}Content-Length: 5\r\nTransfer-Encoding: x\r\n\r\nhello`),
  refused("6.3", "a length and an empty coding", `${POST}Content-Length: 5\r\nTransfer-Encoding:\r\n\r\nhello`),
  refused("6.3", "chunks and a bad length", `${POST}Transfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n${END}`),
];

const sizes: RequestCase[] = [
  accepted("7.1", "a CRLF as data", `${CHUNKED}2\r\n\r\n\r\n${END}`, { body: "\r\n" }),
  accepted("7.1", "data that looks like the last chunk", `${CHUNKED}5\r\n${END}\r\n${END}`, { body: END }),
  accepted(
    "7.1",
    "data that looks like a request",
    `${CHUNKED}${OK_FIELDS.length.toString(16)}\r\n${OK_FIELDS}\r\n${END}`,
    {
      body: OK_FIELDS,
    },
  ),
  accepted("7.1", "a size of the most digits", `${CHUNKED}000000000005\r\nhello\r\n${END}`, { body: "hello" }),
  accepted("7.1", "many small chunks", `${CHUNKED}${"1\r\nx\r\n".repeat(200)}${END}`, { body: "x".repeat(200) }),
  accepted("7.1", "bytes of every value", `${CHUNKED}4\r\n\0\x7f\x80\xff\r\n${END}`, { body: "\0\x7f\x80\xff" }),
  { ...accepted("7.1", "a request behind the last chunk", `${CHUNKED}${END}${OK_FIELDS}`), statuses: [200, 200] },
  chunks("a size of too many digits", `0000000000005\r\nhello\r\n${END}`),
  chunks("a size with h behind", `5h\r\nhello\r\n${END}`),
  chunks("a size with g", `g\r\nhello\r\n${END}`),
  chunks("a size in quotes", `"5"\r\nhello\r\n${END}`),
  chunks("a size with a point", `5.0\r\nhello\r\n${END}`),
  chunks("a size with a comma", `5,5\r\nhello\r\n${END}`),
  chunks("a tab behind the size", `5\t\r\nhello\r\n${END}`),
  chunks("a vertical tab behind the size", `5\x0b\r\nhello\r\n${END}`),
  chunks("a NUL behind the size", `5\0\r\nhello\r\n${END}`),
  chunks("a NUL before the size", `\x005\r\nhello\r\n${END}`),
  chunks("two CR behind the size", `5\r\r\nhello\r\n${END}`),
  chunks("LF CR behind the size", `5\n\rhello\r\n${END}`),
  chunks("a negative last chunk", "-0\r\n\r\n"),
  chunks("a last chunk with 0x", "0x0\r\n\r\n"),
  chunks("a space behind the last size", "0 \r\n\r\n"),
  chunks("an empty line before a size", `5\r\nhello\r\n\r\n${END}`),
  chunks("a size that is 2^64 and 5", `10000000000000005\r\nhello\r\n${END}`),
  chunks("a chunk that is too short", `6\r\nhello\r\n${END}`),
  chunks("a chunk that ends in CR CR LF", `5\r\nhello\r\r\n${END}`),
  chunks("a chunk that ends in a space", `5\r\nhello \r\n${END}`),
  chunks("no last chunk before the next request", `5\r\nhello\r\n${OK_FIELDS}`),
  chunks("a request for the trailer section", `0\r\n${OK_FIELDS}`),
];

const extensions: RequestCase[] = [
  accepted("7.1.1", "three extensions", `${CHUNKED}5;a;b=c;d\r\nhello\r\n${END}`, { body: "hello" }),
  accepted("7.1.1", "an extension that looks like a size", `${CHUNKED}5;9\r\nhello\r\n${END}`, { body: "hello" }),
  chunks("an extension without a semicolon", `5 a=b\r\nhello\r\n${END}`),
  chunks("an extension without a value", `5;a=\r\nhello\r\n${END}`),
  chunks("an extension without a name", `5;=b\r\nhello\r\n${END}`),
  chunks("a space before an extension", `5 ;a\r\nhello\r\n${END}`),
  chunks("a space within an extension", `5; a\r\nhello\r\n${END}`),
  chunks("a space before an extension's value", `5;a= b\r\nhello\r\n${END}`),
  chunks("a CRLF in a quoted extension", `5;a="\r\n"\r\nhello\r\n${END}`),
  chunks("an open quote", `5;a="b\r\nhello\r\n${END}`),
  chunks("an escaped quote", `5;a="\\""\r\nhello\r\n${END}`),
  chunks("two semicolons", `5;;a\r\nhello\r\n${END}`),
  chunks("a byte above 0x7f in an extension", `5;a=\xe9\r\nhello\r\n${END}`),
  chunks("a bare LF at the end of an extension", `5;a\nhello\r\n${END}`),
];

const trailers: RequestCase[] = [
  accepted("7.1.2", "a trailer with bytes above 0x7f", `${CHUNKED}0\r\nX: \xe9\r\n\r\n`, { trailers: [["X", "\xe9"]] }),
  accepted("7.1.2", "a trailer behind an extension", `${CHUNKED}0;a=b\r\nX: y\r\n\r\n`, { trailers: [["X", "y"]] }),
  accepted("7.1.2", "an empty trailer", `${CHUNKED}0\r\nX:\r\n\r\n`, { trailers: [["X", ""]] }),
  {
    ...accepted("7.1.2", "a request behind trailers", `${CHUNKED}0\r\nX: y\r\n\r\n${OK_FIELDS}`),
    statuses: [200, 200],
  },
  ...[
    "Set-Cookie: a=b",
    "Content-Encoding: gzip",
    "Content-Range: bytes 0-1/2",
    "Expect: 100-continue",
    "Forwarded: for=a",
  ]
    .concat([
      "Proxy-Authorization: x",
      "Upgrade: h2c",
      "Keep-Alive: timeout=5",
      "traceparent: 00-1-1-01",
      "Max-Forwards: 1",
    ])
    .concat(["Cache-Control: no-store", "Proxy-Connection: close", "X-Forwarded-Host: a"])
    .map((line) => refused("RFC 9110 6.5.1", `the trailer ${line}`, `${CHUNKED}0\r\n${line}\r\n\r\n`)),
  refused("7.1.2", "too many trailers", `${CHUNKED}0\r\n${"X: y\r\n".repeat(limits.http.headFieldsMax + 1)}\r\n`, 431),
  chunks("a trailer with a space before its colon", "0\r\nX : y\r\n\r\n"),
  chunks("a trailer that starts with a space", "0\r\n X: y\r\n\r\n"),
  chunks("a trailer without a name", "0\r\n: y\r\n\r\n"),
  chunks("a bare CR in a trailer", "0\r\nX: a\rb\r\n\r\n"),
  chunks("LF for the end of a trailer section", "0\r\nX: y\r\n\n"),
];

export const framingCases: readonly RequestCase[] = [...lengths, ...codings, ...sizes, ...extensions, ...trailers];
