/** Streams that stand still, that nobody reads, and servers that go away under them. */
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { outboundDefaults, TestControl } from "./support/control-plane.ts";
import { EchoClient, statusOf } from "./support/grpc-client.ts";

const fleet = new Fleet();
const clients: EchoClient[] = [];
let control: TestControl;
let caller: TestAgent;
const callees: TestAgent[] = [];

const known = async (): Promise<string> => (await caller.admin("/config")).text;
const connect = (service: string): EchoClient => {
  const address = `127.0.0.1:${caller.runtime.ports.outbound}`;
  const made = new EchoClient(address, { "grpc.default_authority": `${service}.mesh` });
  clients.push(made);
  return made;
};

beforeAll(async () => {
  control = await TestControl.start();
  const settings = { protocol: "grpc", timeoutMs: 0 } as const;
  const retries = { attempts: 2, on: ["unavailable" as const], idempotent: true as const };
  const breaker = { ...outboundDefaults.breaker, consecutiveFailures: 1_000 };
  control.setPlan("caller", {
    outbound: {
      callee: { ...settings, streamIdleMs: 0, retries, breaker },
      hasty: { ...settings, streamIdleMs: 1_000, retries: { attempts: 0, on: [] } },
    },
  });
  control.setPlan("callee", { inbound: { protocol: "grpc", streamIdleMs: 0 } });
  control.setPlan("hasty", { inbound: { protocol: "grpc", streamIdleMs: 0 } });
  for (const name of ["callee-1", "callee-2"]) callees.push(fleet.grpc(name, control.joinToken("callee")));
  const hasty = fleet.grpc("hasty-1", control.joinToken("hasty"));
  caller = fleet.run("caller-1", control.joinToken("caller"));
  await Promise.all([...callees, hasty, caller].map((agent) => agent.ready()));
  await until("the caller knows all", async () => {
    const text = await known();
    return ["callee-1", "callee-2", "hasty-1"].every((name) => text.includes(`"instance":"${name}"`));
  });
}, 30_000);

afterAll(async () => {
  for (const one of clients) one.close();
  await fleet.end();
  await control.close();
});

test("a stream that stands still for longer than the document allows ends with a status", async () => {
  const call = connect("hasty").bidi("Bidi");
  const over = statusOf(call);
  call.on("data", () => undefined);
  call.write(Buffer.from("once"));
  expect((await over).code).toBe(grpc.status.UNAVAILABLE);
});

test("one that may stand still goes on afterwards", async () => {
  const call = connect("callee").bidi("Bidi");
  const over = statusOf(call);
  const next = (): Promise<string> =>
    new Promise((resolve) => call.once("data", (message) => resolve(String(message))));
  call.write(Buffer.from("before"));
  expect(await next()).toBe("before");
  // Longer than the other service allows.
  await statusOf(connect("hasty").bidi("Bidi"));
  call.write(Buffer.from("after"));
  expect(await next()).toBe("after");
  call.end();
  expect((await over).code).toBe(grpc.status.OK);
});

test("who does not read holds up its own stream and no other", async () => {
  const slow = connect("callee").serverStream("ServerStream", "50000");
  slow.pause();
  const client = connect("callee");
  for (let at = 0; at < 50; at++) expect((await client.unary("Unary", "quick")).code).toBe(grpc.status.OK);
  let count = 0;
  slow.on("data", () => count++);
  slow.resume();
  expect((await statusOf(slow)).code).toBe(grpc.status.OK);
  expect(count).toBe(50_000);
}, 60_000);

test("a server that is started again costs no call that may be made twice", async () => {
  const client = connect("callee");
  let goesOn = true;
  const codes: number[] = [];
  const calls = Array.from({ length: 8 }, async () => {
    while (goesOn) codes.push((await client.unary("Unary", "x")).code);
  });
  onTestFinished(() => {
    goesOn = false;
  });
  const [first] = callees;
  first?.kill("SIGKILL");
  await first?.ended;
  await until("the caller knows", async () => !(await known()).includes('"instance":"callee-1"'));
  const again = await fleet.grpc("callee-3", control.joinToken("callee")).ready();
  await until("calls reach the new one", async () => {
    const { head } = await client.unary("Unary", "x");
    return head?.get("from")[0] === again.name;
  });
  goesOn = false;
  await Promise.all(calls);
  expect(codes.length).toBeGreaterThan(50);
  expect(codes.filter((code) => code !== grpc.status.OK)).toEqual([]);
}, 40_000);
