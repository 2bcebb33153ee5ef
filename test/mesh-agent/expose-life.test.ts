/** When the listener of an exposed service is open, where, and with what: plans, certificates, what stands in the way, the end. */
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ExposePlan } from "../../shared/plan/plan.ts";
import { until } from "./support/agents.ts";
import { ExposedWorld, portOf } from "./support/exposed-world.ts";

let started: ExposedWorld | undefined;
let world: ExposedWorld;
beforeAll(async () => {
  world = started = await ExposedWorld.start();
}, 40_000);
afterAll(() => started?.end());

const ask: ExposedWorld["ask"] = (...given) => world.ask(...given);

describe("the plan", () => {
  test("changes routes without a new connection or start, and closes what it no longer shows", async () => {
    const port = world.port;
    world.control.setPlan("shop", {
      expose: world.expose({ routes: [{ name: "new", match: { path: "/new" } }] }),
      access: [],
    });
    await until("the new route is there", async () => (await ask("/new")).status === 200);
    expect((await ask("/public/1")).status).toBe(404);
    expect(world.port).toBe(port);
    world.control.setPlan("shop", { access: [] });
    await until("it is closed", () => world.agent.runtime.ports.expose === undefined);
    world.control.setPlan("shop", { expose: world.expose(), access: [] });
    await until("it is open again", () => world.agent.runtime.ports.expose !== undefined);
    expect((await ask("/public/1")).status).toBe(200);
  });

  test("that cannot be read is refused, and the last good one stays", async () => {
    const bad = { ...world.expose(), routes: [{ name: "x" }] } as unknown as ExposePlan;
    world.control.setPlan("shop", { expose: bad, access: [] });
    await until("it is refused", () => world.control.heard.some(({ type }) => /reject|refuse/.test(type)));
    expect((await ask("/public/1")).status).toBe(200);
    world.control.setPlan("shop", { expose: world.expose(), access: [] });
  });
});

describe("the certificate", () => {
  test("is read again when it changes; a bad one is said and not used", async () => {
    expect((await ask("/public/1")).server).toBe("first");
    await world.certificate.renew("second");
    world.agent.kill("SIGHUP");
    await until("the new one is used", async () => (await ask("/public/1")).server === "second");
    world.certificate.spoil();
    world.agent.kill("SIGHUP");
    await until("it is said", () => world.agent.stdout.includes("the certificates from before stay in use"));
    expect((await ask("/public/1")).server).toBe("second");
  });
});

describe("what stands in the way", () => {
  test("a port that is taken: it is said, the mesh is served, and the listener opens when the port is free", async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, "127.0.0.1", resolve));
    const { port } = squatter.address() as AddressInfo;
    await world.certificate.renew("fourth");
    world.control.setPlan("late", { expose: world.expose({ listen: `127.0.0.1:${port}` }), access: [] });
    const late = world.run("late", world.certificate.flags);
    await late.ready();
    await until("it is said", () => late.stdout.includes("the port is in use by another process"));
    await new Promise((resolve) => squatter.close(resolve));
    await until("it is open", () => late.runtime.ports.expose === port);
    expect((await ask("/public/1", {}, port)).status).toBe(200);
  }, 40_000);

  test("no certificate: it is said, and nothing opens", async () => {
    world.control.setPlan("bare", { expose: world.expose({ listen: "127.0.0.1:0" }), access: [] });
    const bare = world.run("bare", []);
    await bare.ready();
    await until("it is said", () => bare.stdout.includes("there is no --expose-cert and --expose-key"));
    expect(bare.runtime.ports.expose).toBeUndefined();
  }, 30_000);

  test.each([
    [["--expose", "127.0.0.1:0"], "--expose needs --expose-cert and --expose-key"],
    [["--expose-cert", "a.pem"], "--expose-cert and --expose-key belong together"],
    [["--expose-cert", "/nowhere/a.pem", "--expose-key", "/nowhere/b.pem"], "cannot read /nowhere/a.pem"],
  ])("flags %j end the start with words", async (flags, words) => {
    const refused = world.fleet.run("refused", undefined, flags);
    expect(await refused.exited).toBe(1);
    expect(refused.stderr).toContain(words);
  });
});

describe("stopping", () => {
  test("finishes what is in flight, refuses what comes then, and ends", async () => {
    await world.certificate.renew("third");
    world.control.setPlan("leaving", { expose: world.expose(), access: [] });
    const leaving = world.run("leaving");
    await leaving.ready();
    await world.opened(leaving);
    const port = portOf(leaving);
    const running = ask("/hold", {}, port);
    await until("it is at the application", async () => (await leaving.app("/held")).json.count === 1);
    leaving.kill("SIGTERM");
    await until("it drains", () => leaving.runtime.phase === "draining");
    const meanwhile = await ask("/public/1", {}, port);
    expect(meanwhile.status).toBe(200);
    expect(meanwhile.headers.connection).toBe("close");
    await leaving.app("/release");
    expect((await running).status).toBe(200);
    await leaving.ended;
    await expect(ask("/public/1", {}, port)).rejects.toThrow();
  }, 30_000);
});
