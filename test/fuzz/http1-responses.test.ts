/** Differential: whatever answer the scanner accepts, Node's own parser (llhttp) accepts with the same meaning. */
import * as http from "node:http";
import { Duplex } from "node:stream";
import { describe, expect, test } from "vitest";
import { BodyDecoder } from "../../mesh-agent/proxy/http1/body-framing.ts";
import { MessageFault } from "../../mesh-agent/proxy/http1/field-scanner.ts";
import { scanResponseHead } from "../../mesh-agent/proxy/http1/head-scanner.ts";
import { InputBuffer } from "../../mesh-agent/proxy/http1/input-buffer.ts";
import { fuzzAnswer, seededRandom } from "./http1-messages.ts";

interface Answer {
  status: number;
  body: string;
  interim: number[];
  trailers: [string, string][];
}

/**
 * What our side makes of an answer that is all that comes before the connection ends; undefined: refused or cut short.
 * @param cuts where it comes in pieces
 */
function ours(text: string, method: string, cuts: readonly number[]): Answer | undefined {
  const bytes = Buffer.from(text, "latin1");
  const input = new InputBuffer();
  const answer: Answer = { status: 0, body: "", interim: [], trailers: [] };
  let decoder: BodyDecoder | undefined;
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    input.append(Buffer.from(bytes.subarray(from, to)));
    from = to;
    while (decoder === undefined && input.length > 0) {
      const scan = scanResponseHead(input.bytes, input.at, input.end, method);
      if (scan instanceof MessageFault || scan?.head.status === 101) return undefined;
      if (scan === undefined) break;
      input.at = scan.next;
      const { status, bodyLength } = scan.head;
      if (status < 200) answer.interim.push(status);
      else {
        answer.status = status;
        decoder = new BodyDecoder(scan.framing, typeof bodyLength === "number" ? bodyLength : 0);
      }
    }
    for (let chunk = decoder?.next(input); chunk !== undefined; chunk = decoder?.next(input))
      answer.body += chunk.toString("latin1");
    if (decoder?.fault !== undefined) return undefined;
  }
  // Bytes behind an answer cost us the connection and llhttp the answer; that is told apart elsewhere.
  if (decoder === undefined || input.length > 0 || !decoder.endOfConnection()) return undefined;
  answer.trailers = [...(decoder.trailers ?? [])];
  return answer;
}

class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, raw[i + 1] ?? ""]] : []));
}

function llhttp(text: string, method: string): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const wire = new Wire();
    const interim: number[] = [];
    const request = http.request({ method, createConnection: () => wire, maxHeaderSize: 128 * 1024 });
    const settle = (answer: Answer | undefined): void => {
      resolve(answer);
      wire.destroy();
    };
    request.on("information", ({ statusCode }) => interim.push(statusCode));
    request.on("continue", () => undefined);
    request.on("error", () => settle(undefined));
    request.on("upgrade", () => settle(undefined));
    request.on("response", (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => {
        body += chunk.toString("latin1");
      });
      response.on("error", () => settle(undefined));
      response.on("end", () => {
        const { statusCode: status = 0, rawTrailers } = response;
        settle({ status, body, interim, trailers: pairs(rawTrailers) });
      });
    });
    request.end();
    setImmediate(() => {
      wire.push(Buffer.from(text, "latin1"));
      wire.push(null);
    });
  });
}

describe("scanner of answers against llhttp", () => {
  test("accepts nothing that llhttp reads otherwise", { timeout: 600_000 }, async () => {
    const seed = Number(process.env.SELVAGE_FUZZ_SEED ?? Date.now() % 1_000_000_007);
    const runs = Number(process.env.SELVAGE_FUZZ_RUNS ?? 50_000);
    console.log(`fuzz/http1-responses: seed ${seed}, ${runs} inputs`);
    const random = seededRandom(seed);
    let accepted = 0;
    for (let run = 0; run < runs; run++) {
      const text = fuzzAnswer(random);
      const method = random() < 0.1 ? "HEAD" : "GET";
      const mine = ours(text, method, []);
      const cut = Math.floor(random() * text.length);
      expect(ours(text, method, [cut]), `cut at ${cut}: ${JSON.stringify(text)}`).toEqual(mine);
      if (mine === undefined) continue;
      accepted++;
      const theirs = await llhttp(text, method);
      expect(theirs, `seed ${seed}, run ${run}, ${method}: ${JSON.stringify(text)}`).toEqual(mine);
    }
    expect(accepted).toBeGreaterThan(runs / 5);
  });
});
