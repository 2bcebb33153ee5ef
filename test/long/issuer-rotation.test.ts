/**
 * An issuer that changes its keys every 10 s under 500 requests/s, a fifth of which are bad; then an issuer that is gone.
 * No good token may be refused, however soon after its key was published; no bad one accepted; and the issuer is asked at
 * most once in the time of cooling down by each isolate.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { limits } from "../../shared/limits.ts";
import { type Ended, ended, freePorts, root, until } from "../support/system.ts";

const RATE = 500;
const PERIOD_MS = 10_000;
const CHANGES = 6;
const TOKENS_OF_A_KEY = 40;
const DOWN_MS = 15_000;
const TICK_MS = 10;

/**
 * `good`: of a published key; `garbage`: made up; `withdrawn`: of a key that is gone for a whole period or more; `leaving`:
 * of one that was just withdrawn, which is good until the set is fetched again.
 */
type Kind = "good" | "garbage" | "withdrawn" | "leaving";

interface Answer {
  readonly kind: Kind;
  readonly status: number;
  readonly ms: number;
  /** From the last change of keys to the end of the answer. */
  readonly sinceChangeMs: number;
}

interface Key {
  readonly jwk: JWK;
  readonly privateKey: CryptoKey;
  readonly tokens: readonly string[];
}

const state = mkdtempSync(join(tmpdir(), "selvage-rotation-"));
const agent = new Agent({ keepAlive: true, maxSockets: 4_096 });
const keys: Key[] = [];
const asked: number[] = [];
let published: JWK[] = [];
let changedAtMs = 0;
let stranger: CryptoKey;
let upstream: Server;
let issuer: Server;
let gatewayPort = 0;
let child: ChildProcess;
let over: Promise<Ended>;

const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

function sign(privateKey: CryptoKey, kid: string, sub: string): Promise<string> {
  const jwt = new SignJWT({ iss: "urn:long", aud: "long", sub }).setProtectedHeader({ alg: "ES256", kid });
  return jwt.setIssuedAt().setExpirationTime("10m").sign(privateKey);
}

/** A new key, published before anything is signed by it; the one before stays, those before that are withdrawn. */
async function changeKeys(): Promise<void> {
  const kid = `key-${keys.length}`;
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" };
  const subjects = Array.from({ length: TOKENS_OF_A_KEY }, (_, at) => `user-${at}`);
  const tokens = await Promise.all(subjects.map((sub) => sign(privateKey, kid, sub)));
  published = [jwk, ...published].slice(0, 2);
  changedAtMs = performance.now();
  keys.push({ jwk, privateKey, tokens });
}

beforeAll(async () => {
  stranger = (await generateKeyPair("ES256")).privateKey;
  await changeKeys();
  upstream = createServer((_, response) => response.end("ok"));
  issuer = createServer((_, response) => {
    asked.push(performance.now());
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: published }));
  });
  const environment = {
    SELVAGE_STATE: state,
    NO_COLOR: "1",
    ORDERS_URL: await listen(upstream),
    JWKS_URL: `${await listen(issuer)}/keys`,
  };
  const [gateway = 0, control = 0] = await freePorts(2);
  gatewayPort = gateway;
  const ports = ["--gateway-port", String(gateway), "--control-port", String(control)];
  child = spawn(
    process.execPath,
    ["bin/selvage.mjs", "serve", ...ports, "--document", "test/long/issuer-rotation.yaml"],
    { cwd: root, env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "inherit"] },
  );
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
  issuer.close();
  rmSync(state, { recursive: true, force: true });
});

function send(kind: Kind, token: string): Promise<Answer> {
  const startMs = performance.now();
  const headers = { authorization: `Bearer ${token}` };
  return new Promise((done, fail) => {
    request({ agent, host: "127.0.0.1", port: gatewayPort, path: "/orders/1", headers }, (response) => {
      response.resume().once("end", () => {
        const nowMs = performance.now();
        const sinceChangeMs = nowMs - changedAtMs;
        done({ kind, status: response.statusCode ?? 0, ms: nowMs - startMs, sinceChangeMs });
      });
    })
      .once("error", fail)
      .end();
  });
}

const tokenOf = (age: number, index: number): string | undefined => keys.at(-1 - age)?.tokens[index % TOKENS_OF_A_KEY];

/** Of ten requests seven are of the newest key, one of the one before, one is garbage, one of a withdrawn key. */
async function ask(index: number): Promise<Answer> {
  const newest = tokenOf(0, index) ?? "";
  if (index % 10 === 9) {
    const kind = index % 20 === 9 ? "leaving" : "withdrawn";
    const token = tokenOf(kind === "leaving" ? 2 : 3, index);
    return token === undefined ? send("good", newest) : send(kind, token);
  }
  if (index % 10 !== 8) return send("good", index % 10 === 7 ? (tokenOf(1, index) ?? newest) : newest);
  const known = keys.at(-1)?.jwk.kid ?? "";
  return send("garbage", await sign(stranger, index % 50 === 8 ? known : crypto.randomUUID(), "mallory"));
}

/** Open loop: requests leave at the rate whatever became of those before. */
async function load(durationMs: number, one: (index: number) => Promise<Answer>): Promise<Answer[]> {
  const running: Promise<Answer>[] = [];
  const startMs = performance.now();
  for (let elapsed = 0; elapsed < durationMs; elapsed = performance.now() - startMs) {
    for (const due = (elapsed / 1000) * RATE; running.length < due; ) running.push(one(running.length));
    await delay(TICK_MS);
  }
  return Promise.all(running);
}

const of = (answers: readonly Answer[], kind: Kind): Answer[] => answers.filter((answer) => answer.kind === kind);
const statuses = (answers: readonly Answer[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};
const describe = (answers: readonly Answer[]): string => {
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0);
  return `${JSON.stringify(statuses(answers))}, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`;
};
const isolates = (): number => {
  const lines = readFileSync(join(state, "logs", "gateway.log"), "utf8").matchAll(
    /"hop":"gateway".*?"instance":"([^"]+)"/g,
  );
  return new Set([...lines].map(([, name]) => name)).size;
};

test("keys that change every 10 s", async () => {
  await until("the document is live", async () => (await send("good", tokenOf(0, 0) ?? "")).status === 200);
  const beganAtMs = performance.now();
  const rotation = setInterval(() => void changeKeys(), PERIOD_MS);
  const answers = await load((CHANGES + 1) * PERIOD_MS, ask);
  clearInterval(rotation);
  for (const kind of ["good", "garbage", "withdrawn", "leaving"] as const)
    console.log(`${kind}: ${describe(of(answers, kind))}`);
  const fetches = asked.filter((at) => at >= beganAtMs);
  const gaps = asked.slice(1).map((at, index) => at - (asked[index] ?? 0));
  const accepted = of(answers, "leaving").filter(({ status }) => status === 200);
  const lastAcceptedMs = Math.max(0, ...accepted.map(({ sinceChangeMs }) => sinceChangeMs));
  console.log(
    `${answers.length} requests, ${keys.length - 1} changes, ${isolates()} isolates, ${fetches.length} key set requests, ` +
      `shortest gap ${Math.min(...gaps).toFixed(0)} ms; a withdrawn key was last accepted ${lastAcceptedMs.toFixed(0)} ms after`,
  );
  expect(keys.length).toBeGreaterThan(CHANGES);
  expect(Object.keys(statuses(of(answers, "good")))).toEqual(["200"]);
  expect(Object.keys(statuses(of(answers, "withdrawn")))).toEqual(["401"]);
  // 429: more names of keys that nobody else has than may wait.
  expect(of(answers, "garbage").filter(({ status }) => status !== 401 && status !== 429)).toEqual([]);
  const { jwksCooldownMs } = limits.identity;
  expect(lastAcceptedMs).toBeLessThan(jwksCooldownMs + 1_000);
  expect(fetches.length).toBeLessThanOrEqual(isolates() * (((CHANGES + 1) * PERIOD_MS) / jwksCooldownMs + 1));
  if (isolates() === 1) expect(Math.min(...gaps)).toBeGreaterThan(jwksCooldownMs - 100);
});

test("an issuer that is gone: known keys go on, unknown ones are not believed", async () => {
  const newest = tokenOf(0, 0) ?? "";
  await until("the newest key is known", async () => (await send("good", newest)).status === 200);
  issuer.closeAllConnections();
  await new Promise((done) => issuer.close(done));
  const known = keys.at(-1);
  if (known === undefined) throw new Error("no key");
  const unknown = await generateKeyPair("ES256");
  const fresh = await sign(unknown.privateKey, "never-published", "user-0");
  const answers = await load(DOWN_MS, async (index) => {
    if (index % 10 === 0) return send("garbage", fresh);
    // Each of its own, so that every one is verified anew.
    return send("good", await sign(known.privateKey, known.jwk.kid ?? "", `user-${index}`));
  });
  for (const kind of ["good", "garbage"] as const) console.log(`issuer gone, ${kind}: ${describe(of(answers, kind))}`);
  expect(Object.keys(statuses(of(answers, "good")))).toEqual(["200"]);
  expect(of(answers, "garbage").filter(({ status }) => status !== 401 && status !== 429 && status !== 503)).toEqual([]);
});
