/** Requests for the fuzzer: well-formed ones from a small grammar, and what mutation makes of them. */

/** A small seeded generator (mulberry32): the same seed gives the same run everywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const METHODS = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "M-SEARCH", "QUERY"];
const ODD_METHODS = ["get", "FOO", "PRI", "CONNECT"];
const TARGETS = ["/", "/a", "/a/b?c=d&e", "/%41", "/a?b|c", "//x", "http://h.example/x", '/a"<>^`{|}b?"<>^`{|}\\'];
const ODD_TARGETS = ["*", "/a b", "/\\x", "/#f", "http://u@h/", "x"];
const FIELDS = [
  "Host: a",
  "Host: a.example:80",
  "Content-Length: 5",
  "Content-Length: 0",
  "content-length: 3",
  "Transfer-Encoding: chunked",
  "transfer-encoding: Chunked",
  "Connection: close",
  "Connection: keep-alive",
  "Connection: x-gone, te",
  "X-Gone: 1",
  "TE: trailers, gzip",
  "Expect: 100-continue",
  "X: ",
  "X:y",
  "X-Long: some value with, commas; and=semicolons",
  "Cookie: a=b; c=d",
  "Upgrade: h2c",
  "Keep-Alive: timeout=5",
];
const BODIES = [
  "",
  "hello",
  "abc",
  "5\r\nhello\r\n0\r\n\r\n",
  "3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n",
  "1;ext=1\r\nz\r\n0\r\n\r\n",
  "0\r\n\r\n",
  "005\r\nhello\r\n000\r\n\r\n",
  "1\r\n\r\r\n2;a;b=c\r\n\r\n\r\n0;d\r\n\r\n",
  "0\r\nX-Sum: 1\r\nY:\r\nx-sum: 2, 3\r\n\r\n",
];
const SPLICES = [
  "\r\n",
  "\n",
  "\r",
  "\r\n\r\n",
  " ",
  "\t",
  ":",
  "\0",
  "\x0b",
  "\x7f",
  "\xff",
  ",",
  ";",
  "0",
  "HTTP/1.1",
  "HTTP/1.0",
  "Transfer-Encoding: chunked\r\n",
  "Content-Length: 4\r\n",
  " chunked",
  "GET / HTTP/1.1\r\n",
  "+",
  "-",
  "0x",
  '"',
  "#",
  "\u0085",
  "fffffffffffffffff",
];

function pick<T>(items: readonly T[], random: () => number): T {
  return items[Math.floor(random() * items.length)] as T;
}

function wellFormed(random: () => number): string {
  const fields = new Set<string>(random() < 0.9 ? ["Host: h"] : []);
  for (let count = Math.floor(random() * 4); count > 0; count--) fields.add(pick(FIELDS, random));
  const shape = random();
  let body = "";
  if (shape < 0.3) {
    body = pick(BODIES, random);
    fields.add(`Content-Length: ${body.length}`);
  } else if (shape < 0.6) {
    fields.add("Transfer-Encoding: chunked");
    body = pick(BODIES.slice(3), random);
  }
  const odd = random() < 0.05;
  const method = pick(odd ? ODD_METHODS : METHODS, random);
  const target = pick(odd || random() < 0.05 ? ODD_TARGETS : TARGETS, random);
  const lines = [...fields].sort(() => random() - 0.5);
  const version = random() < 0.95 ? "HTTP/1.1" : pick(["HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1"], random);
  return `${method} ${target} ${version}\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}

function mutate(text: string, random: () => number): string {
  const at = Math.floor(random() * (text.length + 1));
  const kind = random();
  if (kind < 0.4) return text.slice(0, at) + pick(SPLICES, random) + text.slice(at);
  if (kind < 0.6) return text.slice(0, at) + text.slice(at + 1 + Math.floor(random() * 3));
  if (kind < 0.8) return text.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + text.slice(at + 1);
  const line = pick(text.split("\r\n"), random);
  const lines = text.split("\r\n");
  lines.splice(Math.floor(random() * lines.length), 0, line);
  return lines.join("\r\n");
}

/** One connection's input: one or two requests, half of them mutated, and a marker behind. */
export function fuzzInput(random: () => number): string {
  let text = wellFormed(random);
  if (random() < 0.3) text += wellFormed(random);
  if (random() < 0.7) for (let count = 1 + Math.floor(random() * 3); count > 0; count--) text = mutate(text, random);
  return `${text}GET /marker HTTP/1.1\r\nHost: m\r\n\r\n`;
}

const STATUS_LINES = [
  "HTTP/1.1 200 OK",
  "HTTP/1.1 404 Not Found",
  "HTTP/1.1 204 No Content",
  "HTTP/1.1 304 Not Modified",
  "HTTP/1.1 299",
  "HTTP/1.1 500 ",
  "HTTP/1.0 200 OK",
];
const ANSWER_FIELDS = ["Server: x", "Connection: close", "Keep-Alive: timeout=5", "Set-Cookie: a=b", "X:", 'ETag: "x"'];

/** What comes from an upstream until it closes: one answer, perhaps behind an interim one, half of them mutated. */
export function fuzzAnswer(random: () => number): string {
  const fields = new Set<string>();
  for (let count = Math.floor(random() * 3); count > 0; count--) fields.add(pick(ANSWER_FIELDS, random));
  const shape = random();
  let body = pick(BODIES, random);
  if (shape < 0.4) fields.add(`Content-Length: ${body.length}`);
  else if (shape < 0.8) {
    fields.add("Transfer-Encoding: chunked");
    body = pick(BODIES.slice(3), random);
  }
  const lines = [pick(STATUS_LINES, random), ...fields];
  const interim = random() < 0.1 ? "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" : "";
  let text = `${interim}${lines.join("\r\n")}\r\n\r\n${body}`;
  if (random() < 0.6) for (let count = 1 + Math.floor(random() * 3); count > 0; count--) text = mutate(text, random);
  return text;
}
