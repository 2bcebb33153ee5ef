/** Applications that know nothing of traces: what they call belongs to what they serve all the same. */
import { execFile } from "node:child_process";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OtlpReceiver, treeOf } from "../support/otlp-receiver.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const fleet = new Fleet();
let control: TestControl;
let receiver: OtlpReceiver;
let front: TestAgent;
let back: TestAgent;

beforeAll(async () => {
  [receiver, control] = await Promise.all([OtlpReceiver.start(), TestControl.start()]);
  const otlp = { endpoint: receiver.url, headers: {}, timeoutMs: 5_000 };
  control.telemetry = { otlp, resource: {}, traces: { ratio: 0, errors: true } };
  for (const service of ["front", "back"]) control.setPlan(service, { outbound: { front: {}, back: {} } });
  const run = (service: string, ...flags: string[]): TestAgent =>
    fleet.runFile("calling-app.ts", `${service}-1`, control.joinToken(service), flags);
  front = run("front");
  back = run("back", "--no-propagation");
  await Promise.all([front.ready(), back.ready()]);
  for (const agent of [front, back])
    await until("endpoints are known", async () => {
      const { text } = await agent.admin("/config");
      return ["front-1", "back-1"].every((name) => text.includes(`"instance":"${name}"`));
    });
}, 60_000);

afterAll(async () => {
  await fleet.end();
  await Promise.all([control.close(), receiver.close()]);
});

let traces = 0;
const newTrace = (): string => (++traces).toString(16).padStart(32, "b");

type Fields = Record<string, string>;

/** What the application of the last hop got, when that of the first one was asked to call it. */
function ask(agent: TestAgent, query: Fields, fields: Fields): Promise<Fields> {
  const service = agent === front ? "front" : "back";
  const all = new URLSearchParams({ url: "http://back.mesh/got", ...query });
  const options = {
    port: agent.runtime.ports.outbound,
    path: `/call?${all}`,
    headers: { host: `${service}.mesh`, ...fields },
  };
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", ...options }, (answer) => (json(answer) as Promise<Fields>).then(resolve, reject))
      .on("error", reject)
      .end();
  });
}

const ofTrace = (id: string, flags = "01"): Fields => ({ traceparent: `00-${id}-00f067aa0ba902b7-${flags}` });
const traceOf = ({ traceparent = "" }: Fields): string | undefined => traceparent.split("-")[1];

const shown = (id: string): string[] =>
  treeOf(receiver.of(id), ({ resource, kind, name }) => `${resource["service.name"]} ${kind} ${name}`);

describe.each(["fetch", "http", "listener", "undici", "undici-fetch"])("by %s", (way) => {
  test("what an application calls is one trace with what it serves", async () => {
    const id = newTrace();
    const got = await ask(front, { way }, { ...ofTrace(id), tracestate: "vendor=1" });
    expect(got).toMatchObject({ tracestate: "vendor=1" });
    await until("its spans are here", () => receiver.of(id).length >= 6);
    expect(shown(id)).toEqual([
      "front internal GET front",
      "  front client GET front",
      "    front server GET",
      "      front internal GET back",
      "        front client GET back",
      "          back server GET",
    ]);
  });

  test("what it says itself stays", async () => {
    const [id, own] = [newTrace(), newTrace()];
    const got = await ask(
      front,
      { way, own: ofTrace(own).traceparent ?? "" },
      { ...ofTrace(id), tracestate: "vendor=1" },
    );
    expect(traceOf(got)).toBe(own);
    expect(got.tracestate).toBeUndefined();
  });

  test("the time that is left shrinks by what the application took", async () => {
    const fields = { ...ofTrace(newTrace(), "00"), "selvage-deadline-ms": "4000" };
    const got = await ask(front, { way, after: "wait", ms: "50" }, fields);
    expect(Number(got["selvage-deadline-ms"])).toBeGreaterThan(0);
    expect(Number(got["selvage-deadline-ms"])).toBeLessThanOrEqual(3_951);
  });
});

test("of many requests at once each passes on its own", async () => {
  const ids = Array.from({ length: 40 }, newTrace);
  const query = (at: number): Fields => ({
    way: at % 2 === 0 ? "fetch" : "http",
    ...(at % 3 === 0 ? { after: "body" } : { after: "wait", ms: String(at % 7) }),
  });
  const got = await Promise.all(ids.map((id, at) => ask(front, query(at), ofTrace(id, "00"))));
  expect(got.map(traceOf)).toEqual(ids);
});

test("once an answer has begun, its time bounds nothing more", async () => {
  const id = newTrace();
  const got = await ask(front, { after: "head" }, { ...ofTrace(id, "00"), "selvage-deadline-ms": "3000" });
  expect(traceOf(got)).toBe(id);
  expect(Number(got["selvage-deadline-ms"])).toBeGreaterThan(3_000);
});

test("nobody else gets any of it", async () => {
  const seen: Fields[] = [];
  const other = createServer((incoming, response) => {
    seen.push(incoming.headers as Fields);
    response.end("{}");
  });
  await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
  for (const way of ["fetch", "http", "undici", "undici-fetch"])
    await ask(front, { way, url }, ofTrace(newTrace(), "00"));
  other.close();
  expect(seen).toHaveLength(4);
  for (const fields of seen) expect(Object.keys(fields).join()).not.toMatch(/trace|selvage/);
});

test("an agent that is told so leaves its application alone", async () => {
  const id = newTrace();
  expect(traceOf(await ask(back, { way: "http" }, ofTrace(id, "00")))).not.toBe(id);
});

test("nothing was sent that OTLP does not know", () => {
  expect(receiver.faults).toEqual([]);
});

describe("what is loaded, in a process of its own", () => {
  const hook = join(import.meta.dirname, "../../bin/in-app.cjs");
  /** Serves one request, and tells what the call that it made had. */
  const app = `
    const http = require("node:http");
    const outbound = { host: "127.0.0.1", port: new URL(process.env.SELVAGE_OUTBOUND).port };
    const back = http.createServer((request, response) => response.end(String(request.headers.traceparent)));
    const front = http.createServer((request, response) =>
      http.get({ ...outbound, headers: { host: "back.mesh" } }, (answer) => answer.pipe(response)));
    back.listen(outbound.port, "127.0.0.1", () => front.listen(0, "127.0.0.1", () =>
      http.get({ port: front.address().port, host: "127.0.0.1", headers: { traceparent: "t" } }, (answer) =>
        answer.on("data", (text) => console.log(String(text))).on("end", () => setTimeout(process.exit, 20)))));`;

  async function freePort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    await new Promise((done) => server.close(done));
    return port;
  }

  /** @param before code that is loaded before the hook */
  async function run(code: string, before = ""): Promise<{ stdout: string; stderr: string }> {
    const env = { ...process.env, SELVAGE_OUTBOUND: `http://127.0.0.1:${await freePort()}`, NODE_OPTIONS: "" };
    const args =
      before === "" ? ["--require", hook, "-e", code] : ["-e", `${before}; require(${JSON.stringify(hook)}); ${code}`];
    return promisify(execFile)(process.execPath, args, { env, timeout: 20_000 });
  }

  const onVersions = (versions: object): string =>
    `Object.defineProperty(process, "versions", { value: { ...process.versions, ...${JSON.stringify(versions)} } })`;

  test("modules of CommonJS are as those of ECMAScript", async () => {
    expect(await run(app)).toEqual({ stdout: "t\n", stderr: "" });
  });

  test("a thread of its own serves as the process does", async () => {
    const thread = `const { Worker } = require("node:worker_threads"); new Worker(${JSON.stringify(app)}, { eval: true })`;
    expect((await run(thread)).stdout).toBe("t\n");
  });

  test.each([
    [{ node: "20.19.0" }, "Node 20.19.0"],
    [{ node: "22.11.0" }, "Node 22.11.0"],
    [{ node: "23.1.0" }, "Node 23.1.0"],
    [{ bun: "1.2.0" }, "Bun"],
    [{ deno: "2.1.0" }, "Deno"],
  ])("%j is left alone, with one line for all of its processes", async (versions, name) => {
    const again = `require("node:child_process").execFileSync(process.execPath, ["--require", ${JSON.stringify(hook)}, "-e", ""])`;
    const { stdout, stderr } = await run(`${app}; ${again}`, onVersions(versions));
    expect(stdout).toBe("undefined\n");
    expect(stderr).toMatch(new RegExp(`^selvage: the application runs on ${name}\\b.*\\n$`));
  });

  test("an SDK of OpenTelemetry passes on what it has made", async () => {
    const sdk = `globalThis[Symbol.for("opentelemetry.js.api.1")] = { propagation: {} }`;
    expect((await run(app, sdk)).stdout).toBe("undefined\n");
  });
});
