/** Keys that gateways hold are replaced again and again under load, whatever dies meanwhile, and no request is refused. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Status } from "../../../shared/wire/admin.ts";
import { orderLoad } from "../../support/outages.ts";
import { type System, startSystem, until } from "../../support/system.ts";

let system: System;
let token: string;

beforeAll(async () => {
  system = await startSystem();
  token = await system.token("alice", "orders:read");
});
afterAll(() => system?.stop());

const RATE = 100;

const call = (path: string, body?: object): Promise<Response> =>
  fetch(`http://127.0.0.1:${system.port("CONTROL")}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${system.adminToken}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

async function rotate(key: "signing" | "hop", more: object = {}): Promise<string> {
  const answer = await call("/v1/keys/rotate", { key, author: "test", ...more });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { kid: string }).kid;
}

async function keyOf(kid: string): Promise<{ state: string; gateways: number } | undefined> {
  const answer = await call("/v1/status").catch(() => undefined);
  if (answer?.status !== 200) return undefined;
  return ((await answer.json()) as Status).keys.flatMap(({ keys }) => keys).find((key) => key.kid === kid);
}

/** The key signs what gateways send. They ask for it with the requests that they serve. */
async function inUse(kid: string): Promise<void> {
  await until("the gateway holds the new key", async () => {
    await system.get("/load/orders/ask", token);
    const key = await keyOf(kid);
    return key?.state === "current" && key.gateways > 0;
  });
}

test("one after the other, through a death of the control plane and agents that are away", async () => {
  const load = orderLoad(system, token, RATE);
  for (const key of ["signing", "hop", "signing"] as const) await inUse(await rotate(key));

  // An agent that hears nothing holds the new key back, and is believed on while it is away.
  const { pid } = system.process("orders-v1-2", "agent");
  process.kill(pid, "SIGSTOP");
  const held = await rotate("signing");
  await delay(500);
  expect((await keyOf(held))?.state).toBe("next");
  process.kill(pid, "SIGCONT");
  await inUse(held);

  system.kill("inventory-1", "agent", "SIGSTOP");
  const through = await rotate("signing");
  system.kill("control", "control", "SIGKILL");
  process.kill(system.process("inventory-1", "agent").pid, "SIGCONT");
  await system.restart("control");
  await inUse(through);
  await inUse(await rotate("hop", { now: true }));
  const { sent, failures } = await load.stop();
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(RATE);
});

test("after a theft the old keys are worth nothing, and all is well within seconds", async () => {
  const before = (await (await call("/v1/status")).json()) as Status;
  const [signing, hop] = [
    await rotate("signing", { now: true, revoke: true }),
    await rotate("hop", { now: true, revoke: true }),
  ];
  await inUse(signing);
  await inUse(hop);
  const status = (await (await call("/v1/status")).json()) as Status;
  expect(status.keys.map(({ keys }) => keys.map(({ kid }) => kid))).toEqual([[signing], [hop]]);
  expect(before.keys.flatMap(({ keys }) => keys).length).toBeGreaterThan(4);
  expect((await system.get("/load/orders/1", token)).status).toBe(200);
});

test("the command waits until every gateway holds it", async () => {
  const rotating = system.selvage("rotate", "signing-key", "--wait", "--json");
  let over = false;
  rotating.then(() => {
    over = true;
  });
  // A gateway that serves nothing holds no lease.
  while (!over) await system.get("/load/orders/1", token);
  const { code, stdout, stderr } = await rotating;
  expect(code, stderr).toBe(0);
  const { kid } = JSON.parse(stdout);
  expect(stderr).toContain(`key ${kid}: held by all`);
  expect((await system.selvage("status")).stdout).toContain(kid);
  expect(await system.selvage("rotate", "hop-key", "--revoke")).toMatchObject({ code: 2 });
});
