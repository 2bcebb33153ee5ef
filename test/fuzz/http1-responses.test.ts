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
}

/** What our side makes of an answer that is all that comes before the connection ends; undefined: refused or cut short. */
function ours(text: string, method: string): Answer | undefined {
  const input = new InputBuffer();
  input.append(Buffer.from(text, "latin1"));
  const interim: number[] = [];
  for (;;) {
    const scan = scanResponseHead(input.bytes, input.at, input.end, method);
    if (scan === undefined || scan instanceof MessageFault) return undefined;
    input.at = scan.next;
    const { status, bodyLength } = scan.head;
    if (status === 101) return undefined;
    if (status < 200) {
      interim.push(status);
      continue;
    }
    const decoder = new BodyDecoder(scan.framing, typeof bodyLength === "number" ? bodyLength : 0);
    let body = "";
    for (let chunk = decoder.next(input); chunk !== undefined; chunk = decoder.next(input))
      body += chunk.toString("latin1");
    // Bytes behind an answer cost us the connection and llhttp the answer; that is told apart elsewhere.
    if (input.length > 0) return undefined;
    return decoder.fault === undefined && decoder.endOfConnection() ? { status, body, interim } : undefined;
  }
}

class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
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
      response.on("end", () => settle({ status: response.statusCode ?? 0, body, interim }));
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
    const runs = Number(process.env.SELVAGE_FUZZ_RUNS ?? 10_000);
    console.log(`fuzz/http1-responses: seed ${seed}, ${runs} inputs`);
    const random = seededRandom(seed);
    let accepted = 0;
    for (let run = 0; run < runs; run++) {
      const text = fuzzAnswer(random);
      const method = random() < 0.1 ? "HEAD" : "GET";
      const mine = ours(text, method);
      if (mine === undefined) continue;
      accepted++;
      const theirs = await llhttp(text, method);
      expect(theirs, `seed ${seed}, run ${run}, ${method}: ${JSON.stringify(text)}`).toEqual(mine);
    }
    expect(accepted).toBeGreaterThan(runs / 5);
  });
});
