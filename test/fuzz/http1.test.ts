/** Differential: whatever the scanner accepts, Node's own parser (llhttp) accepts with the same meaning. */
import * as http from "node:http";
import { Duplex } from "node:stream";
import { describe, expect, test } from "vitest";
import { BodyDecoder } from "../../mesh-agent/proxy/http1/body-framing.ts";
import { MessageFault } from "../../mesh-agent/proxy/http1/field-scanner.ts";
import { scanRequestHead } from "../../mesh-agent/proxy/http1/head-scanner.ts";
import { InputBuffer } from "../../mesh-agent/proxy/http1/input-buffer.ts";
import { fuzzInput, seededRandom } from "./http1-messages.ts";

interface Message {
  method: string;
  target: string;
  fields: [string, string][];
  body: string;
  trailers: [string, string][];
}

/** Messages that are understood whole, until the first that is not. */
function ours(text: string, cuts: readonly number[]): Message[] {
  const bytes = Buffer.from(text, "latin1");
  const input = new InputBuffer();
  const messages: Message[] = [];
  let from = 0;
  let current: { message: Message; decoder: BodyDecoder; close: boolean } | undefined;
  for (const to of [...cuts, bytes.length]) {
    input.append(Buffer.from(bytes.subarray(from, to)));
    from = to;
    while (true) {
      if (current === undefined) {
        const scan = input.length === 0 ? undefined : scanRequestHead(input.bytes, input.at, input.end);
        if (scan instanceof MessageFault) return messages;
        if (scan === undefined) break;
        input.at = scan.next;
        const { method, target, fields, bodyLength } = scan.head;
        if (method === "CONNECT") return messages;
        const framing = scan.chunked ? "chunked" : bodyLength === 0 ? "none" : "length";
        current = {
          message: { method, target, fields: [...fields], body: "", trailers: [] },
          decoder: new BodyDecoder(framing, typeof bodyLength === "number" ? bodyLength : 0),
          close: scan.close,
        };
      }
      const { message, decoder, close } = current;
      for (let chunk = decoder.next(input); chunk !== undefined; chunk = decoder.next(input))
        message.body += chunk.toString("latin1");
      if (decoder.fault !== undefined) return messages;
      if (!decoder.done) break;
      message.trailers = [...(decoder.trailers ?? [])];
      messages.push(message);
      current = undefined;
      if (close) return messages;
    }
  }
  return messages;
}

/** Removes what the scanner uses up. */
function endToEnd(raw: readonly string[]): [string, string][] {
  const lines: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) lines.push([raw[i] as string, raw[i + 1] as string]);
  const gone = new Set(["connection", "keep-alive", "proxy-connection", "proxy-authorization", "upgrade", "expect"]);
  gone.add("content-length").add("transfer-encoding");
  for (const [name, value] of lines)
    if (name.toLowerCase() === "connection")
      for (const part of value.split(",")) {
        const option = part.replace(/^[ \t]+|[ \t]+$/g, "").toLowerCase();
        if (option !== "te") gone.add(option);
      }
  return lines
    .filter(([name]) => !gone.has(name.toLowerCase()))
    .filter(([name, value]) => name.toLowerCase() !== "te" || /(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(value))
    .map(([name, value]) => [name, name.toLowerCase() === "te" ? "trailers" : value]);
}

class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

function llhttp(text: string): Promise<Message[]> {
  return new Promise((resolve) => {
    const messages: Message[] = [];
    const server = http.createServer({ requireHostHeader: false, maxHeaderSize: 128 * 1024 });
    const wire = new Wire();
    const settle = (): void => {
      wire.destroy();
      resolve(messages);
    };
    const take = (request: http.IncomingMessage, response: http.ServerResponse): void => {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString("latin1");
      });
      request.on("error", () => undefined);
      request.on("end", () => {
        messages.push({
          method: request.method ?? "",
          target: request.url ?? "",
          fields: endToEnd(request.rawHeaders),
          body,
          trailers: endToEnd(request.rawTrailers),
        });
        response.end();
      });
    };
    server.on("request", take);
    server.on("checkContinue", take);
    server.on("checkExpectation", take);
    server.on("connect", settle);
    // What came before the error is still to be delivered.
    server.on("clientError", () => undefined);
    server.emit("connection", wire);
    wire.push(Buffer.from(text, "latin1"));
    setImmediate(() => setImmediate(() => setImmediate(settle)));
  });
}

describe("scanner against llhttp", () => {
  test("accepts nothing that llhttp reads otherwise", { timeout: 600_000 }, async () => {
    const seed = Number(process.env.SELVAGE_FUZZ_SEED ?? Date.now() % 1_000_000_007);
    const runs = Number(process.env.SELVAGE_FUZZ_RUNS ?? 100_000);
    console.log(`fuzz/http1: seed ${seed}, ${runs} inputs`);
    const random = seededRandom(seed);
    let accepted = 0;
    for (let run = 0; run < runs; run++) {
      const text = fuzzInput(random);
      const cut = Math.floor(random() * text.length);
      const mine = ours(text, []);
      expect(ours(text, [cut]), `cut at ${cut}: ${JSON.stringify(text)}`).toEqual(mine);
      if (mine.length === 0) continue;
      accepted += mine.length;
      const theirs = await llhttp(text);
      expect(theirs.slice(0, mine.length), `seed ${seed}, run ${run}: ${JSON.stringify(text)}`).toEqual(mine);
    }
    expect(accepted).toBeGreaterThan(runs / 5);
  });
});
