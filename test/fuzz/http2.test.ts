/** HTTP/2 from a random peer: never an exception, never another meaning than nghttp2 (node:http2) gives to the same bytes. */
import * as http2 from "node:http2";
import * as net from "node:net";
import { Duplex } from "node:stream";
import { describe, expect, test } from "vitest";
import type { Peer, ServerExchange } from "../../mesh-agent/proxy/engine.ts";
import { createHttp2Pool } from "../../mesh-agent/proxy/http2/client-pool.ts";
import * as h2 from "../../mesh-agent/proxy/http2/protocol.ts";
import { http2Speaker } from "../../mesh-agent/proxy/http2/server-engine.ts";
import type { ConnectionOwner } from "../../mesh-agent/proxy/listener.ts";
import { FieldList } from "../../shared/http/field-list.ts";
import { answerOf } from "../support/http1-exchange.ts";
import { block, data, frame, GET, open, POST, ping, request, reset, settings, widen } from "../support/http2-peer.ts";
import { seededRandom } from "./http1-messages.ts";

const seed = Number(process.env.SELVAGE_FUZZ_SEED ?? Date.now() % 1_000_000_007);
const scale = Number(process.env.SELVAGE_FUZZ_FACTOR ?? 1);
const random = seededRandom(seed);
const upTo = (most: number): number => Math.floor(random() * (most + 1));
const among = <T>(values: readonly T[]): T => values[upTo(values.length - 1)] as T;

class Wire extends Duplex {
  readonly written: Buffer[] = [];
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    done();
  }
}

interface Outcome {
  /** What came up: method, target, fields, body, and how it ended. */
  readonly seen: readonly string[];
  /** GOAWAY and RST_STREAM frames that went out. */
  readonly said: readonly string[];
  readonly open: number;
}

/** Gives bytes to a server connection, in the pieces that they are cut into. */
async function serve(bytes: Buffer, cuts: readonly number[]): Promise<Outcome> {
  const wire = new Wire();
  const seen: string[] = [];
  let openExchanges = 0;
  const owner: ConnectionOwner = {
    draining: false,
    exchange: (exchange) => {
      openExchanges++;
      take(exchange, seen);
    },
    exchangeOver: () => {
      openExchanges--;
    },
    refused: () => {},
    handedOver: () => undefined,
    connectionOver: () => {},
  };
  const peer: Peer = { address: "127.0.0.1", port: 1 };
  const connection = http2Speaker({})(owner, wire as unknown as net.Socket, peer);
  let at = 0;
  for (const cut of [...cuts, bytes.length]) {
    wire.emit("data", bytes.subarray(at, cut));
    at = cut;
  }
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
  connection.destroy("the test is over");
  return { seen, said: endsIn(Buffer.concat(wire.written)), open: openExchanges };
}

function take(exchange: ServerExchange, seen: string[]): void {
  const { method, target, fields } = exchange.head;
  let body = "";
  const at = seen.push(`${method} ${target} ${JSON.stringify([...fields])}`) - 1;
  exchange.onFail((error) => {
    seen[at] += ` failed: ${error.kind}`;
  });
  exchange.body.onChunk((chunk) => {
    body += chunk.toString("latin1");
  });
  exchange.body.onEnd((trailers) => {
    seen[at] += ` ${JSON.stringify(body)} ${JSON.stringify([...trailers])}`;
    // After the pieces, so that how they were cut decides nothing.
  });
}

/** GOAWAY and RST_STREAM, in their order, of bytes that a server wrote. */
function endsIn(bytes: Buffer): string[] {
  const said: string[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    const type = bytes[at + 3];
    if (type === h2.GOAWAY) said.push(`GOAWAY ${bytes.readUInt32BE(at + 13)}`);
    if (type === h2.RST_STREAM) said.push(`RST ${bytes.readUInt32BE(at + 5)} ${bytes.readUInt32BE(at + 9)}`);
    at += 9 + length;
  }
  return said;
}

function randomFields(): string[] {
  const raw = [...among([GET, POST])];
  for (let i = upTo(4); i > 0; i--)
    raw.push(
      among(["x-a", "cookie", "te", "content-length", "host", "X", "connection", ":path", "a b", "", "trailer"]),
      among(["", "1", "3", "trailers", "h", "a=b", " x", "x\n", "\xff", "0".repeat(300)]),
    );
  if (random() < 0.2) raw.splice(upTo(raw.length - 1) & ~1, 2);
  return raw;
}

function randomFrame(): Buffer {
  const id = among([1, 3, 5, 7, 2, 0, 1, 3]);
  switch (upTo(11)) {
    case 0:
      return request(id, ...randomFields());
    case 1:
      return open(id, ...randomFields());
    case 2:
      return data(id, Buffer.alloc(upTo(300), 0x61), random() < 0.4);
    case 3:
      return reset(id, upTo(15));
    case 4:
      return settings([upTo(7), among([0, 1, 100, 65_535, 0x7fffffff, 0x80000000, 16_384])]);
    case 5:
      return widen(id, among([0, 1, 1_000, 0x7fffffff]));
    case 6:
      return ping();
    case 7:
      return frame(h2.HEADERS, upTo(255), id, block(...randomFields()));
    case 8:
      return frame(h2.CONTINUATION, among([0, 4]), id, block("x-c", "d"));
    case 9:
      return frame(upTo(12), upTo(255), id, Buffer.from(Array.from({ length: upTo(20) }, () => upTo(255))));
    default:
      return Buffer.concat([open(id, ...POST), data(id, "abc", true)]);
  }
}

function conversation(): Buffer {
  const parts = [h2.PREFACE, settings()];
  if (random() < 0.8) parts.push(frame(h2.SETTINGS, h2.ACK, 0));
  for (let i = 1 + upTo(12); i > 0; i--) parts.push(randomFrame());
  const bytes = Buffer.concat(parts);
  // A few bytes changed, as a broken or cunning peer would.
  for (let i = random() < 0.5 ? upTo(3) : 0; i > 0; i--) bytes[33 + upTo(bytes.length - 34)] = upTo(255);
  return bytes;
}

describe("frames", () => {
  test("mean the same however they are cut, and leave nothing behind", { timeout: 600_000 }, async () => {
    const runs = 2_500 * scale;
    console.log(`fuzz/http2: seed ${seed}, ${runs} conversations`);
    let requests = 0;
    for (let run = 0; run < runs; run++) {
      const bytes = conversation();
      const cuts = Array.from({ length: upTo(6) }, () => upTo(bytes.length)).sort((a, b) => a - b);
      const whole = await serve(bytes, []);
      expect(await serve(bytes, cuts), `seed ${seed}, run ${run}: ${bytes.toString("hex")} at ${cuts}`).toEqual(whole);
      expect(whole.open).toBe(0);
      requests += whole.seen.length;
    }
    expect(requests).toBeGreaterThan(runs / 10);
  });
});

type Lines = readonly (readonly [string, string])[];

/** Fields that either side uses up, or joins. */
const OWN = /^(?::|host$|content-length$|te$|expect$|cookie$|proxy-authorization$)/;

/** Header blocks on one connection of node:http2, each on a stream of its own; undefined: refused. */
async function nghttp2(
  blocks: readonly Buffer[],
  port: number,
  seen: Map<string, Lines>,
): Promise<(Lines | undefined)[]> {
  seen.clear();
  const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {});
  let answered = Buffer.alloc(0);
  const over = new Promise<void>((resolve) => {
    socket.on("close", () => resolve());
    socket.on("data", (chunk) => {
      answered = Buffer.concat([answered, chunk]);
      if (answered.includes("lastping")) resolve();
    });
  });
  socket.write(
    Buffer.concat([
      h2.PREFACE,
      settings(),
      ...blocks.map((one, i) => frame(h2.HEADERS, 5, i * 2 + 1, one)),
      ping("lastping"),
    ]),
  );
  await over;
  socket.destroy();
  return blocks.map((_, i) => seen.get(String(i * 2 + 1)));
}

function toLines(raw: readonly string[]): Lines {
  const lines: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) lines.push([raw[i] as string, raw[i + 1] as string]);
  return lines.filter(([name]) => !OWN.test(name));
}

async function ours(blocks: readonly Buffer[]): Promise<Map<string, Lines>> {
  const accepted = new Map<string, Lines>();
  const wire = new Wire();
  let at = 0;
  const owner: ConnectionOwner = {
    draining: false,
    exchange: ({ head }) => {
      accepted.set(String(at * 2 + 1), [
        [head.method, head.target],
        ...[...head.fields].filter(([name]) => !OWN.test(name)),
      ]);
    },
    exchangeOver: () => {},
    refused: () => {},
    handedOver: () => undefined,
    connectionOver: () => {},
  };
  const connection = http2Speaker({})(owner, wire as unknown as net.Socket, { address: "127.0.0.1", port: 1 });
  wire.emit("data", Buffer.concat([h2.PREFACE, settings()]));
  for (; at < blocks.length; at++) wire.emit("data", frame(h2.HEADERS, 5, at * 2 + 1, blocks[at]));
  connection.destroy("the test is over");
  return accepted;
}

/** Representations of all kinds, whose indexes may lead anywhere. */
function randomBlock(): Buffer {
  const parts: Buffer[] = [];
  if (random() < 0.1) parts.push(Buffer.from([0x20 | upTo(31)]));
  parts.push(Buffer.from([among([0x82, 0x83]), among([0x86, 0x87]), among([0x84, 0x85])]));
  parts.push(Buffer.from([0x41, 1, 0x68]));
  for (let i = upTo(5); i > 0; i--) {
    const kind = among([0x00, 0x10, 0x40]);
    const form = random();
    if (form < 0.4) parts.push(Buffer.from([0x80 | among([16, 19, 23, 28, 62, 62, 63, 64, 65, 70, 127, upTo(127)])]));
    else if (form < 0.6)
      parts.push(
        Buffer.from([
          kind | (among([15, 23, 62 & 0x3f, 33, upTo(14)]) & (kind === 0x40 ? 0x3f : 0x0e)),
          1,
          0x61 + upTo(20),
        ]),
      );
    else {
      const name = Buffer.from(`x-${upTo(5)}`);
      const value = Buffer.from(
        Array.from({ length: upTo(12) }, () => among([0x20, 0x41, 0x61, 0x7a, 0x7e, 0xff, 0x5f])),
      );
      if (random() < 0.1 && value.length > 0) value[upTo(value.length - 1)] = upTo(255);
      const huffman = random() < 0.1;
      parts.push(Buffer.from([kind, name.length]), name, Buffer.from([(huffman ? 0x80 : 0) | value.length]), value);
    }
  }
  const bytes = Buffer.concat(parts);
  if (random() < 0.1) bytes[upTo(bytes.length - 1)] = upTo(255);
  return bytes;
}

describe("HPACK against nghttp2", () => {
  test("accepts nothing that nghttp2 reads otherwise, with tables that go on", { timeout: 600_000 }, async () => {
    const seen = new Map<string, Lines>();
    const server = http2.createServer();
    server.on("sessionError", () => {});
    server.on("stream", (stream, headers, _flags, raw) => {
      stream.on("error", () => {});
      seen.set(String(stream.id), [
        [String(headers[":method"]), String(headers[":path"])],
        ...toLines(raw as unknown as string[]),
      ]);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as net.AddressInfo;
    let accepted = 0;
    for (let run = 0; run < 600 * scale; run++) {
      const blocks = Array.from({ length: 1 + upTo(6) }, randomBlock);
      const mine = await ours(blocks);
      const theirs = await nghttp2(blocks, port, seen);
      const context = `seed ${seed}, run ${run}: ${blocks.map((one) => one.toString("hex"))}`;
      for (const [id, lines] of mine) expect(theirs[(Number(id) - 1) / 2], context).toEqual(lines);
      accepted += mine.size;
    }
    server.close();
    expect(accepted).toBeGreaterThan(150 * scale);
  });

  test("reads what we write as it was meant", { timeout: 600_000 }, async () => {
    const server = http2.createServer();
    let raw: Lines = [];
    server.on("stream", (stream, headers, _flags, lines) => {
      raw = toLines(lines as unknown as string[]);
      stream.respond({ ":status": 200, "x-path": String(headers[":path"]) });
      stream.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const pool = createHttp2Pool({ host: "127.0.0.1", port: (server.address() as net.AddressInfo).port });
    const text = (most: number): string =>
      String.fromCharCode(...Array.from({ length: upTo(most) }, () => 0x21 + upTo(0x5d)));
    for (let run = 0; run < 500 * scale; run++) {
      const lines: [string, string][] = Array.from({ length: upTo(12) }, () => [
        among(["x-a", "x-b", "accept", "user-agent", "grpc-timeout", "authorization", "x-very-long-name-of-a-field"]),
        text(among([3, 30, 300, 2_000])),
      ]);
      const target = `/${text(20).replaceAll(/[#\\]/g, "a")}`;
      const fields = FieldList.from([["host", "h"], ...lines]);
      const exchange = pool.send({ method: "GET", target, fields, bodyLength: 0 }, 10_000);
      exchange.body.end();
      const { head } = await answerOf(exchange);
      expect(head.fields.get("x-path"), `seed ${seed}, run ${run}`).toBe(target);
      expect(raw, `seed ${seed}, run ${run}`).toEqual(lines);
    }
    pool.close();
    server.close();
  });
});
