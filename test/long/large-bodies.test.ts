/** Bodies of 1 GB through two agents, both ways: each agent's memory stays bounded, whoever is slow. */
import { readFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Fleet, type TestAgent, until } from "../mesh-agent/support/agents.ts";
import { TestControl } from "../mesh-agent/support/control-plane.ts";

const MiB = 1 << 20;
const BODY_BYTES = 1_024 * MiB;
/**
 * What an agent may take above what it took idle, at its highest and over all six bodies: most of it is what was read and passed on, and
 * not given back yet (`limits.http.youngBodyBytesMax`), and what each body that was broken up leaves behind.
 */
const GROWTH_KIB_MAX = 48 * 1_024;
/** A slow side rests for so long after each of these. */
const REST_EVERY_BYTES = 16 * MiB;
const REST_MS = 100;

const fleet = new Fleet();
const piece = Buffer.alloc(64 << 10, "body");
const agents: TestAgent[] = [];
let idleKib: number[] = [];
let app: Server;
let control: TestControl;

/** @param slowly rest now and then */
function source(slowly: boolean): Readable {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let sent = 0; sent < BODY_BYTES; sent += piece.length) {
      if (slowly && sent % REST_EVERY_BYTES === 0) await delay(REST_MS);
      yield piece;
    }
  }
  return Readable.from(pieces(), { objectMode: false, highWaterMark: MiB });
}

/** Reads and counts. */
class Sink extends Writable {
  bytes = 0;
  readonly #slowly: boolean;
  constructor(slowly: boolean) {
    super();
    this.#slowly = slowly;
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const before = Math.floor(this.bytes / REST_EVERY_BYTES);
    this.bytes += chunk.length;
    if (this.#slowly && Math.floor(this.bytes / REST_EVERY_BYTES) > before) setTimeout(done, REST_MS);
    else done();
  }
}

/** GET: a large body; POST: `x-bytes` of what came. At `/slow` it takes its time. */
function startApp(): Promise<Server> {
  const server = createServer(async (incoming, outgoing) => {
    const slowly = incoming.url === "/slow";
    if (incoming.method === "GET") return pipeline(source(slowly), outgoing);
    const sink = new Sink(slowly);
    await pipeline(incoming, sink);
    outgoing.setHeader("x-bytes", sink.bytes).end();
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}

function start(service: string, port: number): TestAgent {
  const folder = fleet.folder();
  const name = `${service}-1`;
  const idle = "process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 60_000)";
  const listening = "require('node:http').createServer().listen(process.env.PORT, '127.0.0.1')";
  const flags = ["--state", folder, "--instance", name, "--port", String(port)];
  const command = [process.execPath, "-e", port === 0 ? listening : idle];
  return fleet.start(name, folder, ["run", ...flags, "--", ...command], control.joinToken(service));
}

function kib({ runtime }: TestAgent, name: "VmRSS" | "VmHWM"): number {
  const text = readFileSync(`/proc/${runtime.pid}/status`, "utf8");
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1]);
}

beforeAll(async () => {
  app = await startApp();
  control = await TestControl.start();
  control.setPlan("caller", { outbound: { callee: { timeoutMs: 600_000 } } });
  control.setPlan("callee", {});
  const caller = start("caller", 0);
  agents.push(caller, start("callee", (app.address() as AddressInfo).port));
  await Promise.all(agents.map((agent) => agent.ready()));
  await until("the caller knows the callee", async () =>
    (await caller.admin("/config")).text.includes('"instance":"callee-1"'),
  );
  idleKib = agents.map((agent) => kib(agent, "VmRSS"));
});

afterAll(async () => {
  await fleet.end();
  app.closeAllConnections();
  app.close();
  await control.close();
});

/** One call through both agents. @returns status, and `x-bytes` */
async function pass(
  method: string,
  path: string,
  body: Readable | undefined,
  sink: Sink,
): Promise<readonly [status: number | undefined, bytes: string | string[] | undefined]> {
  const { outbound = 0 } = agents[0]?.runtime.ports ?? {};
  const headers = { host: "callee.mesh" };
  const outgoing = request({ host: "127.0.0.1", port: outbound, method, path, headers, agent: false });
  const answered = new Promise<readonly [number | undefined, string | string[] | undefined]>((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      const { statusCode, headers: fields } = incoming;
      pipeline(incoming, sink).then(() => resolve([statusCode, fields["x-bytes"]]), reject);
    });
  });
  if (body === undefined) outgoing.end();
  else await pipeline(body, outgoing);
  return answered;
}

function expectBounded(what: string): void {
  const grown = agents.map((agent, at) => kib(agent, "VmHWM") - (idleKib[at] as number));
  const told = grown.map((one) => `${Math.round(one / 1_024)} MiB`).join(" and ");
  console.log(`${what}: caller's and callee's agent grew by ${told} at the most until now`);
  for (const one of grown) expect(one).toBeLessThan(GROWTH_KIB_MAX);
}

test.each([
  ["an answer", "/", false],
  ["an answer that the client reads slowly", "/", true],
  ["an answer that the application writes slowly", "/slow", false],
])("%s", async (what, path, slowly) => {
  const sink = new Sink(slowly);
  expect(await pass("GET", path, undefined, sink)).toEqual([200, undefined]);
  expect(sink.bytes).toBe(BODY_BYTES);
  expectBounded(what);
});

test.each([
  ["a request", "/", false],
  ["a request that the client writes slowly", "/", true],
  ["a request that the application reads slowly", "/slow", false],
])("%s", async (what, path, slowly) => {
  expect(await pass("POST", path, source(slowly), new Sink(false))).toEqual([200, String(BODY_BYTES)]);
  expectBounded(what);
});
