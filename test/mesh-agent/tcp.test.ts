/** Services of TCP through two agents, on real sockets. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileBreaker } from "../../shared/plan/compile-balance.ts";
import type { OutboundServicePlan } from "../../shared/plan/plan.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const fleet = new Fleet();
let control: TestControl;
let caller: TestAgent;
let callee: TestAgent;

const TCP: Partial<OutboundServicePlan> = {
  protocol: "tcp",
  balance: { policy: "least-request" },
  breaker: compileBreaker(undefined),
};

beforeAll(async () => {
  control = await TestControl.start();
  callerCalls({ db: {} });
  control.setPlan("db", { inbound: { protocol: "tcp" } });
  callee = fleet.runFile("tcp-app.ts", "db-1", control.joinToken("db"));
  caller = fleet.run("caller-1", control.joinToken("caller"));
  await Promise.all([callee.ready(), caller.ready()]);
  await known("db-1");
}, 30_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

function callerCalls(services: Record<string, Partial<OutboundServicePlan>>): void {
  const outbound = Object.fromEntries(Object.entries(services).map(([name, more]) => [name, { ...TCP, ...more }]));
  control.setPlan("caller", { outbound: { ...outbound, web: {} } });
}

async function configOf(): Promise<{ tcp: Record<string, string>; endpoints: object }> {
  return JSON.parse((await caller.admin("/config")).text);
}

const known = (instance: string): Promise<void> =>
  until(`the caller knows ${instance}`, async () => JSON.stringify((await configOf()).endpoints).includes(instance));

async function portOf(service = "db"): Promise<number> {
  return Number((await configOf()).tcp[service]?.split(":")[1]);
}

interface Talk {
  readonly socket: Socket;
  text: string;
  bytes: number;
  error: string | undefined;
  ended: boolean;
  readonly closed: Promise<unknown>;
}

async function talk(line: string, service = "db"): Promise<Talk> {
  const socket = connect({ port: await portOf(service), host: "127.0.0.1", allowHalfOpen: true });
  const one: Talk = { socket, text: "", bytes: 0, error: undefined, ended: false, closed: once(socket, "close") };
  one.closed.catch(() => {});
  socket.on("data", (chunk) => {
    one.bytes += chunk.length;
    if (one.text.length < 1_000) one.text += chunk;
  });
  socket.on("end", () => {
    one.ended = true;
    if (!line.startsWith("end")) socket.end();
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    one.error = error.code;
  });
  socket.write(`${line}\n`);
  return one;
}

const over = (one: Talk): Promise<void> => until("it is closed", () => one.socket.destroyed, 60_000);

describe("a connection", () => {
  test("is at the port that the application's environment names", async () => {
    const { json } = await caller.app("/env");
    expect(json.SELVAGE_TCP_DB).toBe((await configOf()).tcp.db);
  });

  test("carries what either side says, whoever begins", async () => {
    const one = await talk("echo");
    await until("the server has spoken", () => one.text === "db-1\n");
    one.socket.write("hello");
    await until("it is echoed", () => one.text === "db-1\nhello");
    one.socket.end("bye");
    await over(one);
    expect(one.text).toBe("db-1\nhellobye");
    expect(one.error).toBeUndefined();
  });

  test("ends on one side while the other goes on, both ways", async () => {
    const one = await talk("count");
    one.socket.end("x".repeat(1_000));
    await over(one);
    expect(one.text).toBe("db-1\n1000");
    const two = await talk("end");
    await until("the server has ended", () => two.ended);
    expect(two.text).toBe("db-1\ndone");
    await delay(100);
    two.socket.end("more");
    await until("the server heard the rest", () => callee.stderr.includes("heard more"));
  });

  test("that one side resets is reset on the other", async () => {
    const one = await talk("reset");
    await over(one);
    expect(one.error).toBe("ECONNRESET");
    const two = await talk("watch two");
    await until("it is open", () => two.text === "db-1\n");
    two.socket.resetAndDestroy();
    await until("the server saw it", () => callee.stderr.includes("closed two true"));
  });

  test("carries 256 MB each way in constant memory", async () => {
    const bytes = 256 * 1024 * 1024;
    const down = await talk(`flood ${bytes}`);
    await until("some came", () => down.bytes > bytes / 8, 60_000);
    const before = [rssOf(caller), rssOf(callee)];
    await over(down);
    expect(down.bytes).toBe(bytes + "db-1\n".length);
    const up = await talk("count");
    const chunk = Buffer.alloc(1024 * 1024, "y");
    for (let sent = 0; sent < bytes; sent += chunk.length) if (!up.socket.write(chunk)) await once(up.socket, "drain");
    up.socket.end();
    await over(up);
    expect(up.text).toBe(`db-1\n${bytes}`);
    const after = [rssOf(caller), rssOf(callee)];
    // Half a GiB went through; what is freed when is the collector's choice.
    for (const at of [0, 1]) expect((after[at] as number) - (before[at] as number)).toBeLessThan(128 * 1024);
  });

  test("waits for a slow reader, and others go on beside it", async () => {
    const slow = await talk("flood 100000000");
    slow.socket.pause();
    await delay(500);
    const before = rssOf(callee);
    const beside = await Promise.all(Array.from({ length: 40 }, () => talk("count")));
    for (const one of beside) one.socket.end("z");
    await Promise.all(beside.map(over));
    expect(beside.map(({ text }) => text)).toEqual(beside.map(() => "db-1\n1"));
    expect(rssOf(callee) - before).toBeLessThan(64 * 1024);
    slow.socket.resume();
    await over(slow);
    expect(slow.bytes).toBe(100_000_000 + "db-1\n".length);
  });

  test("is one line of the log on each side, with bytes, and counted", async () => {
    const one = await talk("echo");
    one.socket.end("1234567");
    await over(one);
    const line = (agent: TestAgent, hop: string) => agent.log(hop).findLast(({ bytesIn }) => bytesIn === 12);
    await until(
      "both logged it",
      () => line(caller, "outbound") !== undefined && line(callee, "inbound") !== undefined,
    );
    expect(line(caller, "outbound")).toMatchObject({
      protocol: "tcp",
      status: 200,
      peer: "db",
      endpoint: "db-1",
      bytesOut: 12,
    });
    expect(line(callee, "inbound")).toMatchObject({ protocol: "tcp", peer: "caller", bytesOut: 12 });
    const { text } = await caller.admin("/metrics");
    expect(text).toMatch(/selvage_tunnels_total\{direction="outbound",service="db",protocol="tcp",end="ended"\} [1-9]/);
    expect(text).toMatch(
      /selvage_tunnel_bytes_total\{direction="outbound",service="db",protocol="tcp",way="in"\} \d{9}/,
    );
  });

  test("is closed when the caller may not call, with the reason in the log", async () => {
    control.setPlan("db", { inbound: { protocol: "tcp" }, access: [{ from: "nobody", scopes: [], methods: [] }] });
    await until("the callee knows", async () => (await callee.admin("/config")).text.includes("nobody"));
    const one = await talk("echo");
    await over(one);
    expect(one.text).toBe("");
    await until("it is logged", () => callee.log("inbound").some(({ error }) => error === "access_denied"));
    await until("the caller's log says it, too", () =>
      caller.log("outbound").some(({ error, status }) => error === "access_denied" && status === 0),
    );
    control.setPlan("db", { inbound: { protocol: "tcp" } });
    await until("it may again", async () => !(await callee.admin("/config")).text.includes("nobody"));
  });

  test("stands still no longer than the service says", async () => {
    callerCalls({ db: { streamIdleMs: 700 } });
    await until("the caller knows", async () => (await caller.admin("/config")).text.includes("700"));
    const one = await talk("echo");
    await over(one);
    await until("it is logged", () =>
      caller.log("outbound").some(({ reason }) => reason === "nothing moved for 0.7 s"),
    );
    callerCalls({ db: {} });
  });

  test("is none of HTTP, and HTTP is none of it", async () => {
    const { status } = await caller.calls("http://db.mesh/");
    expect(status).toBe(501);
  });
});

describe("many instances", () => {
  test("share connections, and one that cannot reach its application is passed over", async () => {
    const second = fleet.runFile("tcp-app.ts", "db-2", control.joinToken("db"));
    await second.ready();
    await known("db-2");
    const all = await Promise.all(Array.from({ length: 30 }, () => talk("echo")));
    await until("all are open", () => all.every(({ text }) => text.endsWith("\n")));
    const on = (name: string): number => all.filter(({ text }) => text.startsWith(name)).length;
    expect(Math.min(on("db-1"), on("db-2"))).toBeGreaterThanOrEqual(10);
    // The endpoint leaves: its connections stay until the drain is over.
    const stays = all.find(({ text }) => text.startsWith("db-2")) as Talk;
    second.kill("SIGTERM");
    await until("it is withdrawn", async () => !JSON.stringify((await configOf()).endpoints).includes("db-2"));
    stays.socket.write("still here");
    await until("it is echoed", () => stays.text.includes("still here"));
    for (const one of all) if (one !== stays) one.socket.end();
    const next = await talk("echo");
    await until("it is open", () => next.text === "db-1\n");
    next.socket.end();
    stays.socket.end();
    await second.ended;
  });

  test("have no more connections than the document allows", async () => {
    callerCalls({ db: { breaker: { ...compileBreaker(undefined), maxConnections: 3 } } });
    await until("the caller knows", async () => (await caller.admin("/config")).text.includes(`"maxConnections":3`));
    const all = await Promise.all([1, 2, 3].map(() => talk("echo")));
    await until("all are open", () => all.every(({ text }) => text === "db-1\n"));
    const more = await talk("echo");
    await over(more);
    await until("it is logged", () => caller.log("outbound").some(({ error }) => error === "breaker_open"));
    for (const one of all) one.socket.end();
    await Promise.all(all.map(over));
    callerCalls({ db: {} });
  });
});

describe("listeners", () => {
  test("follow the plan, and a clash of ports is told and mended", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const { port } = blocker.address() as { port: number };
    callerCalls({ db: {}, cache: { outboundPort: port } });
    await until("it is told", () => caller.stderr.includes(`${port}: the port is in use`));
    expect(caller.stderr).toContain("cache cannot be called");
    blocker.close();
    await until("it listens", async () => (await configOf()).tcp.cache === `127.0.0.1:${port}`);
    const before = await portOf();
    callerCalls({ db: {} });
    await until("it does not", async () => (await configOf()).tcp.cache === undefined);
    expect(await portOf()).toBe(before);
    const refused = connect({ port, host: "127.0.0.1" });
    const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });
});

test("connections are counted by edge when they open, by the called side", async () => {
  const told = () => control.heard.flatMap((message) => (message.type === "edges" ? [...message.counted.series] : []));
  await until("the first report is there", () => told().length > 0);
  const [first] = told();
  expect(first).toMatchObject({ kind: "edge", labels: ["caller", "db"] });
  expect(first?.counts.opened).toBe(first?.counts.s2xx);
  expect(Object.keys(first?.counts ?? {}).filter((name) => name.startsWith("le"))).toEqual([]);
});

function rssOf(agent: TestAgent): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${agent.runtime.pid}/status`, "utf8"))?.[1]);
}
