/** Agents that hold two plans: which one decides is said by the gateway, passed on between agents, and by nobody else. */
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { proven } from "../support/hop-proof.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const CANARY = 9;
const fleet = new Fleet();
let control: TestControl;
let ingress: TestAgent;
let users: TestAgent;

beforeAll(async () => {
  control = await TestControl.start();
  control.setPlan("gateway", { outbound: { users: {} } });
  control.setPlan("users", { access: [{ from: "gateway", scopes: [], methods: ["GET"] }], outbound: { users: {} } });
  users = fleet.run("users-1", control.joinToken("users"));
  ingress = fleet.ingress("ingress-1", control.joinToken("gateway"));
  await Promise.all([users.ready(), ingress.ready()]);
  for (const agent of [users, ingress])
    await until("it knows the service", async () =>
      (await agent.admin("/config")).text.includes('"instance":"users-1"'),
    );
  control.sendCanary("ingress-1", CANARY);
  control.sendCanary("users-1", CANARY, [
    { from: "gateway", scopes: [], methods: ["GET", "DELETE"] },
    { from: "users", scopes: [], methods: ["GET"] },
  ]);
  await until("both have it", () =>
    ["ingress-1", "users-1"].every((from) =>
      control.heard.some((message) => message.from === from && message.type === "canary" && message.version === CANARY),
    ),
  );
}, 30_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

/** As the gateway. @param plan version that decided the request there */
async function enter(plan: string, method: string, target = "/x", traceparent?: string): Promise<number> {
  const [key] = control.hopKeys;
  if (key === undefined) throw new Error("no hop key");
  const said = { "txn-token": await control.txnToken(""), "selvage-service": "users", "selvage-plan": plan };
  const headers = proven({ method, target, headers: { ...said, ...(traceparent && { traceparent }) } }, key);
  const answer = await fetch(`http://127.0.0.1:${ingress.runtime.ports.ingress}${target}`, { method, headers });
  await answer.arrayBuffer();
  return answer.status;
}

/** As the application of users, to users. @returns status */
function call(fields: Record<string, string>): Promise<number> {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve, reject) => {
    const socket = connect(users.runtime.ports.outbound ?? 0, "127.0.0.1", () =>
      socket.write(`GET /y HTTP/1.1\r\nhost: users.mesh\r\nconnection: close\r\n${lines.join("")}\r\n`),
    );
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])));
  });
}

async function metric(agent: TestAgent, name: string): Promise<number> {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec((await agent.admin("/metrics")).text)?.[1]);
}

test("the version that decided at the edge decides at the last hop, and the log names it", async () => {
  expect(await enter("1", "DELETE")).toBe(403);
  expect(await enter(String(CANARY), "DELETE")).toBe(200);
  const logs = [() => users.log("inbound"), () => ingress.log("ingress")];
  await until("both logs have both", () =>
    logs.every((log) => [1, CANARY].every((version) => log().some(({ plan }) => plan === version))),
  );
  expect(await metric(users, "selvage_canary_version")).toBe(CANARY);
});

test("one that is not held is decided by the stable version at every hop, and counted where it came in", async () => {
  expect(await enter("8", "DELETE")).toBe(403);
  expect(await enter("8", "GET")).toBe(200);
  expect(await metric(ingress, "selvage_unknown_version_total")).toBe(2);
  expect(await metric(users, "selvage_unknown_version_total")).toBe(0);
});

test("an application cannot name one; what it calls belongs to the request that it serves", async () => {
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const own = { traceparent: `00-${traceId}-aaaaaaaaaaaaaaaa-01` };
  expect(await call({})).toBe(403);
  expect(await call({ "selvage-plan": String(CANARY) })).toBe(403);
  expect(await call({ ...own, "selvage-plan": String(CANARY) })).toBe(403);
  const held = enter(String(CANARY), "GET", "/hold", `00-${traceId}-b7ad6b7169203331-01`);
  await until("it is under way", async () => ((await users.app("/held")).json as { count: number }).count === 1);
  expect(await call(own)).toBe(200);
  expect(await call({ ...own, "selvage-plan": "1" })).toBe(200);
  expect(await call({ traceparent: `00-${"f".repeat(32)}-aaaaaaaaaaaaaaaa-01` })).toBe(403);
  await users.app("/release");
  expect(await held).toBe(200);
  await until("it is over", async () => (await call(own)) === 403);
});

test("without a control plane, and started anew, both versions decide", async () => {
  await control.close();
  for (const agent of [ingress, users])
    await until("it is alone", async () => (await metric(agent, "selvage_control_connected")) === 0);
  expect([await enter(String(CANARY), "DELETE"), await enter("1", "DELETE")]).toEqual([200, 403]);
  await control.open();
});
