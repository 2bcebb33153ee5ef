/** What an agent and its control plane tell each other of the fleet: how long it goes on alone, renewals, how calls go. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const HOUR = 3_600_000;

let fleet: Fleet;
let control: TestControl;

beforeEach(async () => {
  fleet = new Fleet();
  control = await TestControl.start();
  control.setPlan("callee", {});
});

afterEach(async () => {
  await fleet.end();
  await control.close();
});

const configOf = async (agent: TestAgent) => JSON.parse((await agent.admin("/config")).text);
const standings = () => control.heard.flatMap((one) => (one.type === "standing" ? [one] : []));

test("its budget is in hello, in its admin listener and in its metrics, and shrinks while it is alone", async () => {
  const agent = await fleet.run("callee-1", control.joinToken("callee")).ready();
  const [hello] = control.heard.flatMap((one) => (one.type === "hello" ? [one] : []));
  expect(hello?.outage?.by).toBe("certificate");
  expect(Math.abs((hello?.outage?.atMs ?? 0) - Date.now() - 24 * HOUR)).toBeLessThan(HOUR / 60);
  const { outage } = await configOf(agent);
  expect(outage).toMatchObject({ limitedBy: "certificate", agesMs: { plan: 0, trust: 0, endpoints: 0 } });
  expect(outage.budgetMs).toBeGreaterThan(23 * HOUR);

  await control.close();
  await until("it is alone for a while", async () => (await configOf(agent)).outage.agesMs.endpoints > 300);
  const { text } = await agent.admin("/metrics");
  expect(Number(/^selvage_outage_budget_seconds (\S+)$/m.exec(text)?.[1])).toBeLessThan(outage.budgetMs / 1000);
  for (const part of ["plan", "trust", "endpoints"])
    expect(
      Number(new RegExp(`^selvage_view_age_seconds\\{part="${part}"\\} (\\S+)$`, "m").exec(text)?.[1]),
    ).toBeGreaterThan(0.2);
});

test("it renews when it is told to, says so once it has, and again when it is asked again", async () => {
  const agent = await fleet.run("callee-1", control.joinToken("callee")).ready();
  const { serialNumber } = (await configOf(agent)).certificate;
  const issued = control.issued;
  const renew = { type: "renew", id: "r1", withinMs: 50 };
  control.sendRaw("callee-1", renew);
  control.sendRaw("callee-1", renew);
  await until("it says so", () => standings().length > 0);
  expect(standings()).toMatchObject([{ renewal: "r1", outage: { by: "certificate" } }]);
  expect((await configOf(agent)).certificate.serialNumber).not.toBe(serialNumber);
  control.sendRaw("callee-1", renew);
  await until("it says so again", () => standings().length > 1);
  expect(control.issued).toBe(issued + 1);
});

test("a renewal that fails is tried again, and acknowledged when it has succeeded", async () => {
  const agent = await fleet.run("callee-1", control.joinToken("callee")).ready();
  control.failWith = 503;
  control.sendRaw("callee-1", { type: "renew", id: "r1", withinMs: 0 });
  await until("it failed", () => agent.stdout.includes("renewal_failed"));
  expect(standings()).toEqual([]);
  control.failWith = undefined;
  await until("it says so", () => standings().some(({ renewal }) => renewal === "r1"));
});

test("it tells how its calls went, from its start on, and takes advice", async () => {
  control.setPlan("caller", { outbound: { callee: {} } });
  const caller = fleet.run("caller-1", control.joinToken("caller"));
  const callee = fleet.run("callee-1", control.joinToken("callee"));
  await Promise.all([caller.ready(), callee.ready()]);
  await until("they know each other", async () => (await caller.calls("http://callee.mesh/")).status === 200);
  const told = () => control.heard.flatMap((one) => (one.type === "observed" ? one.services : []));
  const isWell = () => told().some(({ endpoints: [one] }) => one?.instance === "callee-1" && one.seen === "well");
  const callAndLook = async () => (await caller.calls("http://callee.mesh/")).status === 200 && isWell();
  await until("it tells", callAndLook, 30_000);
  expect(told()[0]).toMatchObject({ service: "callee", retries: 0, whole: true });

  const advised = async () =>
    /^selvage_endpoints_advised\{service="callee"\} 1$/m.test((await caller.admin("/metrics")).text);
  expect(await advised()).toBe(false);
  const advice = { type: "advice", service: "callee", forMs: 60_000 };
  control.sendRaw("caller-1", { ...advice, avoid: ["callee-1"] });
  await until("it takes it", advised);
  expect((await caller.calls("http://callee.mesh/")).status).toBe(200);
  control.sendRaw("caller-1", { ...advice, avoid: [] });
  await until("it is over", async () => !(await advised()));
});
