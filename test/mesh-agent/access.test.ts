/** Access lists at two agents: paths and claims, rules in shadow, rules with audit. */
import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addCounts } from "../../shared/policy/counters.ts";
import type { AccessRule } from "../../shared/policy/settings.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const fleet = new Fleet();
let control: TestControl;
let caller: TestAgent;
let callee: TestAgent;

beforeAll(async () => {
  control = await TestControl.start();
  control.setPlan("caller", { outbound: { callee: {} } });
  control.setPlan("callee", {});
  callee = fleet.run("callee-1", control.joinToken("callee"));
  caller = fleet.run("caller-1", control.joinToken("caller"));
  await Promise.all([callee.ready(), caller.ready()]);
  await until("the caller knows the callee", async () => (await caller.admin("/config")).text.includes("callee-1"));
}, 30_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

let plans = 1;
async function lets(access: AccessRule[]): Promise<void> {
  control.setPlan("callee", { access });
  plans++;
  await until("the callee has it", async () => {
    const { text } = await callee.admin("/config");
    return (JSON.parse(text) as { plan: { version: number } }).plan.version === plans;
  });
}

async function ask(path: string, method = "GET", token?: string): Promise<number> {
  const headers = { host: "callee.mesh", ...(token !== undefined && { "txn-token": token }) };
  const url = `http://127.0.0.1:${caller.runtime.ports.outbound}${path}`;
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
    });
    asked.on("error", reject);
    asked.end();
  });
}

const lines = (kind: string): Record<string, unknown>[] =>
  callee.stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line.kind === kind);

test("a rule of paths and claims holds on a connection that is open, from the moment that the plan is there", async () => {
  expect(await ask("/admin")).toBe(200);
  await lets([
    { from: "caller", scopes: [], methods: ["GET"], paths: ["/public/*"] },
    { from: "caller", scopes: [], methods: [], paths: ["/admin"], claims: { "tctx.route": "back-office" } },
  ]);
  expect(await ask("/public/a?b=/admin")).toBe(200);
  expect(await ask("/public/..;/admin")).toBe(403);
  expect(await ask("/admin")).toBe(401);
  expect(await ask("/admin", "GET", await control.txnToken("read"))).toBe(403);
  const token = await control.txnToken("read", { tctx: { route: "back-office" } });
  expect(await ask("/admin", "DELETE", token)).toBe(200);
});

test("what a rule in shadow would refuse passes, is counted and told", async () => {
  await lets([{ from: "caller", scopes: [], methods: ["GET"], mode: "shadow" }]);
  expect(await ask("/shadow", "DELETE")).toBe(200);
  await until("it is logged", () => callee.log("inbound").some(({ path }) => path === "/shadow"));
  expect(callee.log("inbound").find(({ path }) => path === "/shadow")).toMatchObject({
    status: 200,
    wouldRefuse: [{ policy: "access", error: "access_denied" }],
    reason: "in shadow: no rule lets caller use DELETE",
  });
  const { text } = await callee.admin("/metrics");
  expect(text).toMatch(/^selvage_access_refused_total\{from="caller",mode="shadow"\} 1$/m);
  expect(text).toMatch(/^selvage_would_refuse_total\{policy="access",error="access_denied"\} 1$/m);
  expect(await ask("/shadow")).toBe(200);
  expect((await callee.admin("/metrics")).text).toMatch(/^selvage_shadow_judged_total\{policy="access"\} 2$/m);
  const told = (): string[] =>
    control.heard
      .flatMap((one) => (one.type === "limits" ? (one.counted?.series ?? []) : []))
      .map(({ labels }) => labels.join());
  await until("the control plane hears of it", () => told().includes("callee,access,access_denied"));
});

test("each decision of a rule with audit is a line of its own", async () => {
  await lets([{ from: "caller", scopes: [], methods: ["GET"], audit: true }]);
  expect(await ask("/audited?secret=1")).toBe(200);
  expect(await ask("/audited", "DELETE")).toBe(403);
  await until("both are logged", () => lines("audit").length === 2);
  expect(lines("audit")).toMatchObject([
    { decision: "allow", rules: [0], from: "caller", method: "GET", path: "/audited" },
    {
      decision: "refuse",
      rules: [0],
      method: "DELETE",
      error: "access_denied",
      reason: expect.stringContaining("DELETE"),
    },
  ]);
  const { text } = await callee.admin("/metrics");
  expect(text).toMatch(/^selvage_access_refused_total\{from="caller",mode="enforce"\} \d+$/m);
});

test("calls are told by edge, each once: by the called side, and by the caller what reached none", async () => {
  expect((await caller.calls("http://nobody.mesh/")).status).toBe(404);
  const answered = callee.log("inbound");
  callee.kill("SIGTERM");
  await callee.exited;
  await until("the caller knows that it left", async () => !(await caller.admin("/config")).text.includes("callee-1"));
  expect(await ask("/")).toBe(503);
  caller.kill("SIGTERM");
  await caller.exited;
  const byEdge = await told();
  const { denied, wouldRefuse, s2xx = 0, s4xx = 0, ...more } = byEdge["caller callee-1"] ?? {};
  expect([denied, wouldRefuse, s2xx + s4xx]).toEqual([answered.filter(isRefused).length, 1, answered.length]);
  expect(more).not.toHaveProperty("noAnswer");
  expect(byEdge["caller caller-1"]).toMatchObject({ noAnswer: 1 });
  expect(byEdge["nobody caller-1"]).toMatchObject({ s4xx: 1, denied: 1 });
});

const isRefused = ({ error }: Record<string, unknown>): boolean =>
  error === "access_denied" || error === "txn_token_missing";

/** Sums by the other end of the edge and who told it, a report of each number once. */
async function told(): Promise<Record<string, Record<string, number>>> {
  const sums: Record<string, Record<string, number>> = {};
  const taken = new Set<string>();
  for (const message of control.heard) {
    if (message.type !== "edges" || taken.has(`${message.run} ${message.counted.seq}`)) continue;
    taken.add(`${message.run} ${message.counted.seq}`);
    for (const { labels, counts } of message.counted.series) {
      const other = labels[1] === "callee" ? "caller" : labels[1];
      const key = `${other} ${message.from}`;
      sums[key] ??= {};
      addCounts(sums[key], counts);
    }
  }
  return sums;
}
