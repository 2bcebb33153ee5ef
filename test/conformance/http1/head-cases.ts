/** More requests: rare forms of the request line, of fields, of `Host` and of `Connection`. */
import { limits } from "../../../shared/limits.ts";
import { accepted, GET, OK_FIELDS, POST, type RequestCase, refused } from "./request-cases.ts";

const HOST = "Host: h\r\n\r\n";

const requestLine: RequestCase[] = [
  accepted("3.2.1", "an encoded CRLF is text", `GET /a%0d%0aX:%20y HTTP/1.1\r\n${HOST}`, { target: "/a%0d%0aX:%20y" }),
  accepted("3.2.1", "dot segments are left to the application", `GET /a/../b/./c HTTP/1.1\r\n${HOST}`, {
    target: "/a/../b/./c",
  }),
  accepted("3.2.1", "an encoded slash stays encoded", `GET /a%2fb HTTP/1.1\r\n${HOST}`, { target: "/a%2fb" }),
  accepted("3.2.1", "an empty query", `GET /? HTTP/1.1\r\n${HOST}`, { target: "/?" }),
  accepted("3.2.1", "a question mark in the query", `GET /?a?b HTTP/1.1\r\n${HOST}`, { target: "/?a?b" }),
  accepted("3.2.1", "parameters of a segment", `GET /a;b=c;d HTTP/1.1\r\n${HOST}`, { target: "/a;b=c;d" }),
  accepted("3.2.1", "an incomplete escape", `GET /a%2 HTTP/1.1\r\n${HOST}`, { target: "/a%2" }),
  accepted("3.2.1", "quotes", `GET /"a" HTTP/1.1\r\n${HOST}`, { target: '/"a"' }),
  accepted("3.1", "every method that Node knows: PURGE", `PURGE /a HTTP/1.1\r\n${HOST}`, { method: "PURGE" }),
  accepted("3.1", "every method that Node knows: REPORT", `REPORT /a HTTP/1.1\r\n${HOST}`, { method: "REPORT" }),
  accepted("3.1", "every method that Node knows: LINK", `LINK /a HTTP/1.1\r\n${HOST}`, { method: "LINK" }),
  accepted("RFC 9110 9.3.7", "OPTIONS of a path", `OPTIONS /a HTTP/1.1\r\n${HOST}`, { method: "OPTIONS" }),
  accepted("3", "the longest target", `GET /${"a".repeat(limits.http.targetBytesMax - 1)} HTTP/1.1\r\n${HOST}`),
  refused("3", "a tab before the version", `GET /\tHTTP/1.1\r\n${HOST}`),
  refused("3", "a form feed for a space", `GET\x0c/ HTTP/1.1\r\n${HOST}`),
  refused("3", "a vertical tab before the version", `GET / \x0bHTTP/1.1\r\n${HOST}`),
  refused("3", "a no-break space before the version", `GET /\xa0HTTP/1.1\r\n${HOST}`),
  refused("2.2", "a byte order mark before", `\xef\xbb\xbf${OK_FIELDS}`),
  refused("2.2", "a NUL before", `\0${OK_FIELDS}`),
  refused("2.2", "a bare CR before", `\r${OK_FIELDS}`),
  refused("2.2", "CR CR LF after the request line", `GET / HTTP/1.1\r\r\n${HOST}`),
  refused("2.2", "LF CR after the request line", `GET / HTTP/1.1\n\r${HOST}`),
  refused("2.2", "a NUL after the version", `GET / HTTP/1.1\0\r\n${HOST}`),
  refused("3", "words behind the version", `GET / HTTP/1.1 HTTP/1.0\r\n${HOST}`),
  refused("3", "a target alone", "/\r\n\r\n"),
  refused("3", "a method alone", "GET\r\n\r\n"),
  refused("3", "an answer for a request", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
  refused("3.1", "a method of the longest length", `${"A".repeat(32)} / HTTP/1.1\r\n${HOST}`, 501),
  refused("3.1", "a method that is one byte too long", `${"A".repeat(33)} / HTTP/1.1\r\n${HOST}`),
  refused("3.1", "a method with a digit behind", `GET1 / HTTP/1.1\r\n${HOST}`, 501),
  refused("3.1", "a method in mixed case", `Get / HTTP/1.1\r\n${HOST}`, 501),
  refused("3.1", "a method with a NUL", `G\0ET / HTTP/1.1\r\n${HOST}`),
  refused("3.1", "a method with a byte above 0x7f", `GET\xe9 / HTTP/1.1\r\n${HOST}`),
  refused("3.1", "a method of RTSP", `ANNOUNCE / HTTP/1.1\r\n${HOST}`, 501),
  refused("3.2", "a query before the path", `GET ?a=b HTTP/1.1\r\n${HOST}`),
  refused("3.2", "an empty target in quotes", `GET "" HTTP/1.1\r\n${HOST}`),
  refused("3.2.1", "a backslash for a slash", `GET \\a HTTP/1.1\r\n${HOST}`),
  refused("3.2", "a tab in the target", `GET /a\tb HTTP/1.1\r\n${HOST}`),
  refused("3.2", "a CR in the target", `GET /a\rb HTTP/1.1\r\n${HOST}`),
  refused("3.2", "an LF in the target", `GET /a\nb HTTP/1.1\r\n${HOST}`),
  refused("3.2", "a fragment in the query", `GET /?a#b HTTP/1.1\r\n${HOST}`),
  refused("3.2", "raw UTF-8 in the query", `GET /?caf\xc3\xa9 HTTP/1.1\r\n${HOST}`),
  refused("3.2.2", "https at a server", `GET https://h/ HTTP/1.1\r\n${HOST}`),
  refused("3.2.2", "an absolute target without an authority", `GET http:///a HTTP/1.1\r\n${HOST}`),
  refused("3.2.2", "an absolute target with user information", `GET http://u:p@h/ HTTP/1.1\r\n${HOST}`),
  refused("3.2.2", "an absolute target of another Host", `GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n`),
  refused("3.2.2", "another scheme", `GET file:///etc/passwd HTTP/1.1\r\n${HOST}`),
  refused("3.2.3", "CONNECT without a port", `CONNECT h HTTP/1.1\r\n${HOST}`),
  refused("3.2.3", "CONNECT with a path", `CONNECT /a HTTP/1.1\r\n${HOST}`),
  refused("3.2.3", "the authority form with GET", `GET h:80 HTTP/1.1\r\n${HOST}`),
  refused("3.2.4", "an asterisk with a query", `OPTIONS *?a HTTP/1.1\r\n${HOST}`),
  refused("3.2.4", "POST *", `POST * HTTP/1.1\r\n${HOST}`),
  refused("2.3", "HTTP/0.9 with fields", `GET / HTTP/0.9\r\n${HOST}`, 505),
  refused("2.3", "HTTP/3.0", `GET / HTTP/3.0\r\n${HOST}`, 505),
  refused("2.3", "a comma in the version", `GET / HTTP/1,1\r\n${HOST}`),
  refused("2.3", "no slash in the version", `GET / HTTP1.1\r\n${HOST}`),
  refused("2.3", "no version at all", `GET / HTTP/\r\n${HOST}`),
  refused("2.3", "a letter behind the version", `GET / HTTP/1.1x\r\n${HOST}`),
  refused("2.3", "a negative version", `GET / HTTP/-1.1\r\n${HOST}`),
  refused("2.3", "a space before the slash of the version", `GET / HTTP /1.1\r\n${HOST}`),
  refused("2.3", "a major version of two digits", `GET / HTTP/11.1\r\n${HOST}`),
  refused("2.3", "HTTPS for a version", `GET / HTTPS/1.1\r\n${HOST}`),
  refused("2.3", "RTSP", `OPTIONS * RTSP/1.0\r\n${HOST}`),
  refused("2.3", "ICE", `SOURCE /a ICE/1.0\r\n${HOST}`),
];

/** As `accepted`, with the fields behind Host as they must be understood. */
function fieldsOf(clause: string, title: string, lines: string, ...fields: [string, string][]): RequestCase {
  return accepted(clause, title, `${GET}${lines}\r\n`, { fields: [["Host", "h"], ...fields] });
}

const fieldLines: RequestCase[] = [
  fieldsOf("5", "colons in a value", "X: a:b::c\r\n", ["X", "a:b::c"]),
  fieldsOf("RFC 9110 5.6.4", "a quoted string with a comma", 'X: "a, b\\""\r\n', ["X", '"a, b\\""']),
  fieldsOf("RFC 9110 5.5", "tabs within a value", "X: a\tb\r\n", ["X", "a\tb"]),
  fieldsOf("RFC 9110 5.5", "UTF-8 in a value", "X: \xe2\x82\xac\r\n", ["X", "\xe2\x82\xac"]),
  fieldsOf("RFC 9110 5.5", "NEL belongs to the value", "X: a\x85\r\n", ["X", "a\x85"]),
  fieldsOf("RFC 9110 5.6.3", "a no-break space belongs to the value", "X: \xa0a\r\n", ["X", "\xa0a"]),
  fieldsOf("5", "a value of spaces alone", "X:  \t \r\n", ["X", ""]),
  fieldsOf("RFC 9110 5.1", "an underscore does not make it Transfer-Encoding", "Transfer_Encoding: chunked\r\n", [
    "Transfer_Encoding",
    "chunked",
  ]),
  fieldsOf("RFC 9110 5.1", "an underscore does not make it Content-Length", "Content_Length: 5\r\n", [
    "Content_Length",
    "5",
  ]),
  fieldsOf("RFC 9110 5.1", "a longer name that begins as one that frames", "Content-Length-X: 5\r\n", [
    "Content-Length-X",
    "5",
  ]),
  fieldsOf("RFC 9110 5.1", "a name that ends as one that frames", "X-Transfer-Encoding: chunked\r\n", [
    "X-Transfer-Encoding",
    "chunked",
  ]),
  fieldsOf("RFC 9110 6.6.2", "Trailer goes on", "Trailer: x\r\n", ["Trailer", "x"]),
  ...['"', "(", ")", ",", "/", ";", "<", "=", ">", "?", "@", "[", "\\", "]", "{", "}"].map((separator) =>
    refused("RFC 9110 5.6.2", `the separator ${separator} in a name`, `${GET}A${separator}B: y\r\n\r\n`),
  ),
  refused("5.1", "a space within a name", `${GET}X Y: z\r\n\r\n`),
  refused("5.1", "a byte above 0x7f in Content-Length's name", `${POST}Cont\xe9nt-Length: 5\r\n\r\nhello`),
  refused("5.1", "a NUL behind Transfer-Encoding's name", `${POST}Transfer-Encoding\0: chunked\r\n\r\n0\r\n\r\n`),
  refused("5.1", "a tab before the colon of Transfer-Encoding", `${POST}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n`),
  refused("5.1", "a CR within a name", `${GET}X\rY: z\r\n\r\n`),
  refused("5.1", "a colon alone", `${GET}:\r\n\r\n`),
  refused("5.1", "two colons before a name", `${GET}::X: y\r\n\r\n`),
  refused("5.2", "folding of Host", "GET / HTTP/1.1\r\nHost:\r\n h\r\n\r\n"),
  refused("5.2", "folding of Content-Length", `${POST}Content-Length:\r\n 5\r\n\r\nhello`),
  refused("5.2", "a folded line of spaces alone", `${GET}X: a\r\n \r\n\r\n`),
  refused("5.2", "a field that frames, hidden by folding", `${POST}X: a\r\n Transfer-Encoding: chunked\r\n\r\n`),
  refused("2.2", "a line of spaces for the empty line", `${GET} \r\n`),
  refused("2.2", "CR CR LF after a field", `${GET}X: y\r\r\n\r\n`),
  refused("2.2", "LF CR after a field", `${GET}X: y\n\r\r\n`),
  refused("2.2", "two bare LF for the end", `${GET}X: y\n\n`),
  refused("2.2", "a field that frames behind a bare CR", `${POST}X: a\rTransfer-Encoding: chunked\r\n\r\n`),
  refused("2.2", "a field that frames behind a bare LF", `${POST}X: a\nTransfer-Encoding: chunked\r\n\r\n`),
  ...["\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x1f"].map((character) =>
    refused("RFC 9110 5.5", `${JSON.stringify(character)} in a value`, `${GET}X: a${character}b\r\n\r\n`),
  ),
];

const hostOf = (value: string): string => `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`;

const host: RequestCase[] = [
  accepted("3.2", "spaces around Host", hostOf(" \th\t ")),
  accepted("3.2", "a dot at the end", hostOf("a.example.")),
  accepted("3.2", "an IPv6 address with an IPv4 one", hostOf("[::ffff:127.0.0.1]")),
  accepted("3.2", "Host in another case", "GET / HTTP/1.1\r\nhOsT: h\r\n\r\n"),
  accepted("3.2", "Host behind other fields", "GET / HTTP/1.1\r\nX: y\r\nHost: h\r\n\r\n"),
  ...["a#b", "a?b", "a\\b", "a;b", "a,b", "a\tb", "caf\xe9", "[::1]x", "[]", "[::1", "::1", "a:80:80", "a:+80"]
    .concat(["a:123456", ":80", "http://a", "<a>", '"a"', "a\x00b", "[::1%25eth0]"])
    .map((value) => refused("RFC 9110 7.2", `the Host ${JSON.stringify(value)}`, hostOf(value))),
  refused("3.2", "two Hosts over HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
  refused("3.2", "an empty Host behind another", "GET / HTTP/1.1\r\nHost: a\r\nHost:\r\n\r\n"),
];

const connection: RequestCase[] = [
  { ...accepted("9.6", "close twice", `${GET}Connection: close, close\r\n\r\n`), closes: true },
  { ...accepted("9.6", "close in a second field", `${GET}Connection: te\r\nConnection: CLOSE\r\n\r\n`), closes: true },
  { ...accepted("9.6", "close among empty members", `${GET}Connection: ,, close ,\r\n\r\n`), closes: true },
  { ...accepted("9.6", "close with a tab", `${GET}Connection:\tclose\t\r\n\r\n`), closes: true },
  { ...accepted("9.6", "close with a body", `${POST}Connection: close\r\nContent-Length: 2\r\n\r\nhi`), closes: true },
  accepted("RFC 9110 7.6.1", "an empty Connection", `${GET}Connection:\r\n\r\n`),
  accepted("9.6", "closed is not close", `${GET}Connection: closed\r\n\r\n`),
  accepted("RFC 9110 7.6.1", "an option that names nothing", `${GET}Connection: x-none\r\n\r\n`),
  accepted("C.2.2", "Proxy-Connection does not count", `${GET}Proxy-Connection: close\r\n\r\n`, {
    fields: [["Host", "h"]],
  }),
  accepted(
    "RFC 9110 10.1.1",
    "100-continue in another case",
    `${POST}Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nhi`,
    {
      body: "hi",
    },
  ),
  {
    ...accepted("RFC 9110 10.1.1", "expectations mean nothing in HTTP/1.0", "GET / HTTP/1.0\r\nExpect: x\r\n\r\n"),
    closes: true,
  },
  refused(
    "RFC 9110 10.1.1",
    "100-continue among others",
    `${POST}Expect: 100-continue, x\r\nContent-Length: 2\r\n\r\nhi`,
    417,
  ),
  refused("RFC 9110 10.1.1", "an empty expectation", `${GET}Expect:\r\n\r\n`, 417),
  {
    ...accepted("9.3.2", "a body between two requests", `${POST}Content-Length: 2\r\n\r\nhi${OK_FIELDS}`),
    statuses: [200, 200],
  },
  { ...accepted("2.2", "an empty line between requests", `${OK_FIELDS}\r\n${OK_FIELDS}`), statuses: [200, 200] },
  { ...refused("2.2", "two empty lines between requests", `${OK_FIELDS}\r\n\r\n${OK_FIELDS}`), statuses: [200, 400] },
  { ...refused("9.3.2", "a space between requests", `${OK_FIELDS} ${OK_FIELDS}`), statuses: [200, 400] },
  {
    ...accepted("9.3.2", "DELETE between others", `${OK_FIELDS}DELETE / HTTP/1.1\r\nHost: h\r\n\r\n`),
    statuses: [200, 200],
  },
  {
    ...refused(
      "9.3.2",
      "an ambiguous request behind a good one",
      `${OK_FIELDS}${POST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ),
    statuses: [200, 400],
  },
  { ...accepted("9.6", "bytes behind close are nothing", `${GET}Connection: close\r\n\r\n\0\0`), closes: true },
];

export const headCases: readonly RequestCase[] = [...requestLine, ...fieldLines, ...host, ...connection];
