/** A million API keys on one machine: how long they take to load, what a known one costs cold and warm, and a flood. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { Agent, createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KEY_RANDOM_BYTES, keyOf } from "../../shared/auth/key-form.ts";
import { limits } from "../../shared/limits.ts";
import { type Ended, ended, freePorts, root, run, until } from "../support/system.ts";

const KEYS = 1_000_000;
const COLD = 20_000;
const CONNECTIONS = 16;
const FLOOD_MS = 10_000;

const state = mkdtempSync(join(tmpdir(), "selvage-million-"));
const environment = { SELVAGE_STATE: state, NO_COLOR: "1" };
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
let upstream: Server;
let gatewayPort = 0;
let child: ChildProcess;
let over: Promise<Ended>;

beforeAll(async () => {
  upstream = createServer((_, response) => response.end("ok"));
  await new Promise<void>((done) => upstream.listen(0, "127.0.0.1", done));
  const [gateway = 0, control = 0] = await freePorts(2);
  gatewayPort = gateway;
  const ORDERS_URL = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const ports = ["--gateway-port", String(gateway), "--control-port", String(control)];
  child = spawn(process.execPath, ["bin/selvage.mjs", "serve", ...ports, "--document", "test/long/api-keys.yaml"], {
    cwd: root,
    env: { ...process.env, ...environment, ORDERS_URL },
    stdio: ["ignore", "pipe", "inherit"],
  });
  over = ended(child);
  let output = "";
  child.stdout?.on("data", (text) => {
    output += text;
  });
  await until("selvage ready", () => output.includes("selvage ready"), 60_000);
});
afterAll(async () => {
  agent.destroy();
  child.kill("SIGTERM");
  await over;
  upstream.close();
  rmSync(state, { recursive: true, force: true });
});

/** The same key for the same number, so that a million need not be held. */
function keyNumber(at: number): string {
  const random = new Uint8Array(KEY_RANDOM_BYTES);
  let word = at + 1;
  for (let index = 0; index < random.length; index++) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0;
    random[index] = (word >>> 24) % 248;
  }
  return keyOf("slv", random) ?? "";
}

interface Timed {
  readonly status: number;
  readonly ms: number;
}

function get(key: string): Promise<Timed> {
  const startMs = performance.now();
  return new Promise((done, fail) => {
    const headers = { "x-api-key": key };
    request({ host: "127.0.0.1", port: gatewayPort, path: "/orders/1", headers, agent }, (response) => {
      response.resume().once("end", () => done({ status: response.statusCode ?? 0, ms: performance.now() - startMs }));
    })
      .once("error", fail)
      .end();
  });
}

/** Requests by some connections at once. @param next undefined: no more */
async function load(next: () => string | undefined): Promise<Timed[]> {
  const answers: Timed[] = [];
  const one = async (): Promise<void> => {
    for (let key = next(); key !== undefined; key = next()) answers.push(await get(key));
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
  return answers;
}

const keysOf = (count: number, step: number) => {
  let at = 0;
  return () => (at < count ? keyNumber(at++ * step) : undefined);
};

function describe(answers: readonly Timed[], seconds: number): string {
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
  return `${Math.round(answers.length / seconds)} requests/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}

async function timed(what: string, next: () => string | undefined): Promise<Timed[]> {
  const startMs = performance.now();
  const answers = await load(next);
  console.log(`${what}: ${describe(answers, (performance.now() - startMs) / 1000)}`);
  return answers;
}

const statuses = (answers: readonly Timed[]): number[] => [...new Set(answers.map(({ status }) => status))].sort();

test("a million keys are loaded", async () => {
  const file = join(state, "keys.ndjson");
  const out = createWriteStream(file);
  for (let at = 0; at < KEYS; at++) {
    const line = JSON.stringify({ key: keyNumber(at), owner: `owner-${at % 1000}`, scopes: ["orders:read"] });
    if (!out.write(`${line}\n`)) await once(out, "drain");
  }
  out.end();
  await once(out, "finish");
  const startMs = performance.now();
  const { stdout, stderr } = await run(process.execPath, ["bin/selvage.mjs", "keys", "import", file], environment);
  const seconds = (performance.now() - startMs) / 1000;
  console.log(
    `import: ${seconds.toFixed(1)} s, ${Math.round(KEYS / seconds)} keys/s; ${stderr.trim().split("\n").at(-1)}`,
  );
  expect(stdout.trim()).toBe(`${KEYS} imported, 0 known, 0 refused`);
});

test("known keys, cold and warm", async () => {
  const step = Math.floor(KEYS / COLD);
  await timed("warm-up", keysOf(1000, 1));
  const cold = await timed("cold, each key once", keysOf(COLD, step));
  expect(statuses(cold)).toEqual([200]);
  let left = COLD;
  const warm = await timed("warm, one key", () => (left-- > 0 ? keyNumber(7) : undefined));
  expect(statuses(warm)).toEqual([200]);
});

test("a flood of random keys: look-ups stay within the bound, known keys go on", async () => {
  const good = keyNumber(42);
  await get(good);
  const endMs = performance.now() + FLOOD_MS;
  let stop = false;
  const goodAnswers: Timed[] = [];
  const beside = (async () => {
    while (!stop) goodAnswers.push(await get(good));
  })();
  const random = () => keyOf("slv", crypto.getRandomValues(new Uint8Array(KEY_RANDOM_BYTES))) ?? "";
  const answers = await timed("flood", () => (performance.now() < endMs ? random() : undefined));
  stop = true;
  await beside;
  const lookedUp = answers.filter(({ status }) => status === 401).length;
  const { unknownBurstAndAddress, unknownPerSecondAndAddress, lookUpsMax } = limits.apiKeys;
  const bound = unknownBurstAndAddress + lookUpsMax + (unknownPerSecondAndAddress * FLOOD_MS) / 1000;
  console.log(
    `flood: ${answers.length} random keys, ${lookedUp} looked up (bound ${bound}); good key: ${describe(goodAnswers, FLOOD_MS / 1000)}`,
  );
  expect(statuses(answers)).toEqual([401, 429]);
  expect(lookedUp).toBeLessThanOrEqual(bound);
  expect(statuses(goodAnswers)).toEqual([200]);
});
