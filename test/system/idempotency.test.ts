/** Idempotency keys on plain workerd as `selvage serve` runs it: many connections, clients that leave, a gateway that is killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, type IncomingHttpHeaders, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROCESSES_FILE, type ProcessEntry } from "../../shared/wire/runtime-files.ts";
import { type Ended, ended, freePorts, root, until } from "../support/system.ts";

const state = mkdtempSync(join(tmpdir(), "selvage-idempotency-"));
/** Requests that the upstream has got, by path. */
const seen = new Map<string, number>();
/** Those that are not answered yet, by path. */
const open = new Map<string, ServerResponse>();
let upstream: Server;
let gatewayPort = 0;
let child: ChildProcess;
let over: Promise<Ended>;

/** Answers at once, but what is under /slow, which waits for the test. */
function serve(url: string, response: ServerResponse): void {
  const count = (seen.get(url) ?? 0) + 1;
  seen.set(url, count);
  if (url.startsWith("/slow")) open.set(url, response);
  else if (url.startsWith("/gzip"))
    response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(`packed ${count}`));
  else response.writeHead(201, { "content-type": "text/plain" }).end(`done ${count}`);
}

beforeAll(async () => {
  upstream = createServer((incoming, response) => {
    incoming.resume();
    incoming.on("end", () => serve(incoming.url ?? "", response));
  });
  await new Promise<void>((done) => upstream.listen(0, "127.0.0.1", done));
  const document = join(state, "selvage.yaml");
  const to = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const route = (name: string, timeout: string): string =>
    `    - { name: ${name}, match: { path: /${name}/* }, to: "${to}", timeout: ${timeout}, rateLimit: { limit: 1000/second, by: ip }, idempotency: {} }`;
  writeFileSync(
    document,
    `selvage: 1
name: a
gateway:
  hosts: ["127.0.0.1"]
  routes:
${["fast", "slow", "gzip"].map((name) => route(name, "30s")).join("\n")}
${route("slow-and-short", "2s")}
`,
  );
  const [gateway = 0, control = 0] = await freePorts(2);
  gatewayPort = gateway;
  const ports = ["--gateway-port", String(gateway), "--control-port", String(control)];
  child = spawn(process.execPath, ["bin/selvage.mjs", "serve", ...ports, "--document", document], {
    cwd: root,
    env: { ...process.env, SELVAGE_STATE: state, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  over = ended(child);
  let output = "";
  child.stdout?.on("data", (text) => {
    output += text;
  });
  await until("selvage ready", () => output.includes("selvage ready"), 60_000);
});
afterAll(async () => {
  child.kill("SIGTERM");
  await over;
  upstream.closeAllConnections();
  upstream.close();
  rmSync(state, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Sending {
  readonly answer: Promise<Answer>;
  /** Closes its connection. */
  leave(): void;
  /** Resolves with the first part of the answer's content. */
  readonly first: Promise<string>;
}

/** One request on a connection of its own. */
function send(path: string, key: string): Sending {
  const agent = new Agent({ keepAlive: false });
  const first = Promise.withResolvers<string>();
  const headers = { "idempotency-key": `"${key}"`, "accept-encoding": "gzip" };
  const outgoing = request({ host: "127.0.0.1", port: gatewayPort, path, method: "POST", agent, headers });
  const answer = new Promise<Answer>((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
        first.resolve(text);
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
  });
  answer.catch(() => undefined);
  outgoing.end('{"amount":1}');
  return { answer, first: first.promise, leave: () => outgoing.destroy() };
}
const post = (path: string, key: string): Promise<Answer> => send(path, key).answer;

test("50 equal requests on 50 connections reach the upstream once, and all get the same answer", async () => {
  const sent = Array.from({ length: 50 }, () => post("/slow/50", "fifty"));
  const response = await until("the first request", () => open.get("/slow/50"));
  response.writeHead(201).end("done");
  const answers = await Promise.all(sent);
  expect(answers.map(({ status, text }) => `${status} ${text}`)).toEqual(Array(50).fill("201 done"));
  expect(answers.filter(({ headers }) => headers["idempotency-replayed"] === undefined)).toHaveLength(1);
  expect(seen.get("/slow/50")).toBe(1);
});

test("what came packed is given unpacked, the first time and again", async () => {
  for (let at = 0; at < 2; at++) {
    const { headers, text } = await post("/gzip/1", "gzip");
    expect([headers["content-encoding"], text]).toEqual([undefined, "packed 1"]);
  }
});

test("a client that leaves before there is an answer gets it when it comes back", async () => {
  const leaving = send("/slow/left", "left");
  const response = await until("the request", () => open.get("/slow/left"));
  leaving.leave();
  const again = post("/slow/left", "left");
  response.writeHead(201).end("done");
  expect(await again).toMatchObject({ status: 201, text: "done", headers: { "idempotency-replayed": "true" } });
  expect(seen.get("/slow/left")).toBe(1);
});

test("a client that leaves in the middle of an answer gets all of it when it comes back", async () => {
  const leaving = send("/slow/middle", "middle");
  const response = await until("the request", () => open.get("/slow/middle"));
  response.writeHead(200).write("one,");
  expect(await leaving.first).toBe("one,");
  leaving.leave();
  const again = post("/slow/middle", "middle");
  response.write("two,");
  response.end("three");
  expect(await again).toMatchObject({
    status: 200,
    text: "one,two,three",
    headers: { "idempotency-replayed": "true" },
  });
  expect(seen.get("/slow/middle")).toBe(1);
});

test("a gateway that is killed in the middle keeps its answers and leaves a lock, which ends and says so", async () => {
  expect((await post("/fast/1", "kept")).text).toBe("done 1");
  const lost = send("/slow-and-short/1", "lost");
  await until("the request", () => open.get("/slow-and-short/1"));
  const processes: ProcessEntry[] = JSON.parse(readFileSync(join(state, PROCESSES_FILE), "utf8"));
  process.kill(processes.find(({ role }) => role === "gateway")?.pid as number, "SIGKILL");
  const codeOf = ({ text }: Answer): string => (JSON.parse(text) as { code: string }).code;
  expect(codeOf(await lost.answer)).toBe("upstream_reset");
  const early = await until("an answer of the next gateway", async () => {
    const answer = await post("/slow-and-short/1", "lost");
    return codeOf(answer) === "gateway_unreachable" ? undefined : answer;
  });
  expect([early.status, codeOf(early)]).toEqual([409, "request_outstanding"]);
  expect(Number(early.headers["retry-after"])).toBeGreaterThan(0);
  expect(await post("/fast/1", "kept")).toMatchObject({ text: "done 1", headers: { "idempotency-replayed": "true" } });
  const late = await until(
    "the end of the lock",
    async () => {
      const answer = await post("/slow-and-short/1", "lost");
      return codeOf(answer) === "request_outstanding" ? undefined : answer;
    },
    30_000,
  );
  expect([late.status, codeOf(late)]).toEqual([409, "outcome_unknown"]);
  expect(seen.get("/slow-and-short/1")).toBe(1);
});
