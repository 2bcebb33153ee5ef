/** What upstreams send that is no good answer, in bytes from a socket: through a gateway on plain workerd, to its clients. */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Isolates, startIsolates } from "../support/isolates.ts";
import { type RawAnswer, sendRaw } from "../support/raw-http.ts";

interface Answer {
  readonly name: string;
  /** In pieces, with a pause between them. */
  readonly bytes: readonly string[];
  /** Whether the connection ends then. */
  readonly ends?: true;
  /** What the client gets; with `body` the end of the bytes. */
  readonly status: number;
  readonly body?: string;
}

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
let server: Server;
let isolates: Isolates;

beforeAll(async () => {
  server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  isolates = await startIsolates(1, documentOf(url));
});
afterAll(async () => {
  await isolates?.stop();
  server?.close();
});

const documentOf = (url: string): string => `
selvage: 1
name: answers
gateway:
  hosts: [localhost, 127.0.0.1]
  upstreams:
    odd: { targets: ["${url}"], retries: { attempts: 0 }, breaker: { consecutiveFailures: 1000, successRate: { percent: 0 } } }
  routes:
    - { name: origin, match: { path: "/origin/*" }, to: "${url}", rewrite: "/*", timeout: 1s }
    - { name: upstream, match: { path: "/upstream/*" }, to: odd, rewrite: "/*", timeout: 1s }
`;

function answer(socket: Socket): void {
  let text = "";
  socket.on("error", () => socket.destroy());
  socket.on("data", async (chunk: Buffer) => {
    text += chunk.toString("latin1");
    if (!text.includes("\r\n\r\n")) return;
    const at = Number(/^\w+ \/(\d+) /.exec(text)?.[1]);
    text = "";
    const { bytes, ends } = answers[at] as Answer;
    for (const piece of bytes) {
      socket.write(piece, "latin1");
      if (bytes.length > 1) await delay(50);
    }
    if (ends) socket.end();
  });
}

const get = (path: string): Promise<RawAnswer> =>
  sendRaw(isolates.ports[0] ?? 0, [`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`]);

const chunked = (fields: string, body: string): string =>
  `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n${fields}\r\n${body}`;
const withField = (field: string): string => `HTTP/1.1 200 OK\r\n${field}\r\ncontent-length: 2\r\n\r\nok`;
const withStatus = (status: string): string => `HTTP/1.1 ${status} Odd\r\ncontent-length: 0\r\n\r\n`;

const answers: readonly Answer[] = [
  { name: "a good one", bytes: [OK], status: 200, body: "\r\n\r\nok" },
  ...["100 Continue", "102 Processing", "103 Early Hints"].flatMap((interim): Answer[] => [
    { name: `${interim} before it`, bytes: [`HTTP/1.1 ${interim}\r\n\r\n${OK}`], status: 200, body: "\r\n\r\nok" },
    { name: `${interim}, later the rest`, bytes: [`HTTP/1.1 ${interim}\r\n\r\n`, OK], status: 200, body: "\r\n\r\nok" },
    { name: `${interim} alone`, bytes: [`HTTP/1.1 ${interim}\r\n\r\n`], status: 504 },
    { name: `${interim} and the end`, bytes: [`HTTP/1.1 ${interim}\r\n\r\n`], ends: true, status: 502 },
  ]),
  { name: "a thousand times 103", bytes: [`${"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1_000)}${OK}`], status: 200 },
  { name: "101 that nobody asked for", bytes: ["HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n"], status: 502 },
  ...["999", "600", "099", "000", "abc", "2000", "-20", ""].map(
    (status): Answer => ({ name: `status ${status}`, bytes: [withStatus(status)], status: 502 }),
  ),
  ...["banana", "gzip, chunked", "chunked, chunked", "identity"].map(
    (coding): Answer => ({
      name: `transfer coding ${coding}`,
      bytes: [`HTTP/1.1 200 OK\r\ntransfer-encoding: ${coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
      ends: true,
      status: 502,
    }),
  ),
  { name: "Chunked", bytes: [chunked("", "2\r\nok\r\n0\r\n\r\n").replace("chunked", "Chunked")], status: 200 },
  { name: "trailers", bytes: [chunked("trailer: x-sum\r\n", "2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n")], status: 200 },
  { name: "a length and chunks", bytes: [chunked("content-length: 2\r\n", "2\r\nok\r\n0\r\n\r\n")], status: 502 },
  { name: "a length that is none", bytes: [withField("content-length: two")], status: 502 },
  { name: "two lengths that differ", bytes: [withField("content-length: 3")], status: 502 },
  { name: "a length below zero", bytes: ["HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nok"], ends: true, status: 502 },
  { name: "a field without a name", bytes: [withField(": 1")], status: 502 },
  { name: "a field over two lines", bytes: [withField("x: a\r\n b")], status: 502 },
  { name: "a field with NUL", bytes: [withField("x: a\u0000b")], status: 502 },
  { name: "garbage", bytes: ["\u0001\u0002 garbage\r\n\r\n"], ends: true, status: 502 },
  { name: "much garbage", bytes: ["garbage".repeat(20_000)], status: 502 },
  { name: "HTTP/0.9", bytes: ["<html>"], ends: true, status: 502 },
  { name: "HTTP/2", bytes: ["\u0000\u0000\u0000\u0004\u0000\u0000\u0000\u0000\u0000"], status: 502 },
  { name: "nothing", bytes: [], status: 504 },
  { name: "nothing, and the end", bytes: [], ends: true, status: 502 },
  { name: "half a head", bytes: ["HTTP/1.1 200 OK\r\nx: 1"], status: 504 },
  { name: "half a head, and the end", bytes: ["HTTP/1.1 200 OK\r\nx: 1"], ends: true, status: 502 },
  { name: "a head without an end", bytes: [`HTTP/1.1 200 OK\r\n${"x: 1\r\n".repeat(100_000)}`], status: 502 },
  {
    name: "204 with content",
    bytes: ["HTTP/1.1 204 No\r\ncontent-length: 2\r\n\r\nok"],
    status: 204,
    body: "\r\n\r\n",
  },
  {
    name: "304 with content",
    bytes: ["HTTP/1.1 304 No\r\ncontent-length: 2\r\n\r\nok"],
    status: 304,
    body: "\r\n\r\n",
  },
  // What has begun cannot be taken back: the client sees that it broke off, by a length or a last chunk that never comes.
  {
    name: "less than its length",
    bytes: ["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"],
    ends: true,
    status: 200,
    body: "ok",
  },
  { name: "chunks without the last", bytes: [chunked("", "9\r\nok")], ends: true, status: 200, body: "ok\r\n" },
  { name: "a chunk of no size", bytes: [chunked("", "zz\r\nok\r\n0\r\n\r\n")], status: 200, body: "\r\n\r\n" },
  {
    name: "content up to the end",
    bytes: ["HTTP/1.1 200 OK\r\n\r\nok"],
    ends: true,
    status: 200,
    body: "ok\r\n0\r\n\r\n",
  },
];

describe.each(["origin", "upstream"])("%s", (to) => {
  test.each(answers.map(({ name }, at) => [at, name] as const))("%i %s", async (at) => {
    const { status, body = "" } = answers[at] as Answer;
    const got = await get(`/${to}/${at}`);
    expect(got.status, got.text).toBe(status);
    expect(got.text.endsWith(body), got.text).toBe(true);
  });
});
