/** Retries do no harm: no POST is carried out twice whatever fails, and a service that fails gets hardly more than it is asked. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";
import { type Instance, MeshWorld } from "./support/mesh-world.ts";
import { type AppBehaviour, plain, RawApp } from "./support/raw-app.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";

/** Ways in which one execution can end, for an instance. */
const ENDINGS: Record<string, (instance: Instance) => AppBehaviour> = {
  well: () => plain(200),
  "503": () => plain(503),
  "close behind": () => (socket) => socket.end(`${OK}ok`),
  "reset before": () => (socket) => socket.resetAndDestroy(),
  "close before": () => (socket) => socket.end(),
  "reset in the head": () => (socket) => socket.write(OK.slice(0, 20), () => socket.resetAndDestroy()),
  "reset in the body": () => (socket) => socket.write(`${OK}o`, () => socket.resetAndDestroy()),
  nonsense: () => (socket) => socket.end("nonsense\r\n\r\n"),
  "reset of the network":
    ({ relay }) =>
    () =>
      relay.reset(),
  silence: () => () => undefined,
};

describe("a POST", () => {
  let world: MeshWorld;
  beforeAll(async () => {
    world = await MeshWorld.start(2);
    const on = ["5xx", "reset", "connect-failure", "gateway-error", "retriable-4xx"] as const;
    const retries = { attempts: 3, perTryMs: 400, on, statuses: [502, 503, 504], idempotent: ["/safe/*"] };
    await world.use([world.endpoint(0), world.endpoint(1)], { retries });
  }, 60_000);
  afterAll(() => world.end());

  const property = "property: is carried out once at most unless it is declared safe, whatever becomes of executions";
  test(property, { timeout: 120_000 }, async () => {
    const ending = fc.constantFrom(...Object.keys(ENDINGS));
    const kinds = ["POST", "POST", "PATCH", "POST safe", "GET", "PUT"];
    const requests = fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 12 });
    let count = 0;
    let repeated = 0;
    await fc.assert(
      fc.asyncProperty(requests, fc.array(ending, { maxLength: 30 }), async (chosen, endings) => {
        const next = endings.values();
        for (const instance of world.instances)
          instance.app.behave = (socket, id, method) =>
            ENDINGS[next.next().value ?? "well"]?.(instance)(socket, id, method);
        const calls = chosen.map((kind) => {
          const [method = "", safe] = kind.split(" ");
          return { method, id: safe === undefined ? `p${count++}` : `safe/p${count++}` };
        });
        const seen = await Promise.all(calls.map(({ method, id }) => world.call(id, method)));
        for (const [at, { method, id }] of calls.entries()) {
          const executions = world.executions(id, method);
          const isDeclared = id.startsWith("safe/");
          if (method.startsWith("P") && method !== "PUT" && !isDeclared) expect(executions).toBeLessThanOrEqual(1);
          else expect(executions).toBeLessThanOrEqual(5);
          if (isDeclared && executions > 1) repeated++;
          if (seen[at]?.status === 200) expect(executions).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: 40, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
    );
    expect(repeated).toBeGreaterThan(0);
  });

  test.each(Object.keys(ENDINGS).filter((name) => name !== "well" && name !== "close behind"))(
    "that is declared safe is carried out again when its first execution ends with %s; another is not",
    async (name) => {
      const failsOnce = (id: string): void => {
        let executions = 0;
        for (const instance of world.instances)
          instance.app.behave = (socket, at, method) => {
            const ending = at === id && executions++ === 0 ? name : "well";
            ENDINGS[ending]?.(instance)(socket, at, method);
          };
      };
      const word = name.replaceAll(" ", "-");
      failsOnce(`safe/${word}`);
      const safe = await world.call(`safe/${word}`, "POST");
      // What was passed on cannot be taken back.
      const passedOn = name === "reset in the body";
      expect([safe.status, safe.broken]).toEqual([200, passedOn]);
      expect(world.executions(`safe/${word}`, "POST")).toBe(passedOn ? 1 : 2);
      failsOnce(word);
      const plainly = await world.call(word, "POST");
      expect(plainly.broken || plainly.status >= 500).toBe(true);
      expect(world.executions(word, "POST")).toBe(1);
    },
  );
});

describe("a chain of three services whose last one fails", () => {
  const fleet = new Fleet();
  let control: TestControl;
  let caller: TestAgent;
  let leaf: RawApp;
  beforeAll(async () => {
    control = await TestControl.start();
    leaf = await RawApp.start();
    const retries = { attempts: 2, on: ["5xx", "reset", "connect-failure"] } as const;
    const calls = (service: string): object => ({ outbound: { [service]: { retries, timeoutMs: 20_000 } } });
    control.setPlan("caller", calls("first"));
    control.setPlan("first", calls("second"));
    control.setPlan("second", calls("third"));
    control.setPlan("third", {});
    const folder = fleet.folder();
    const idle = "process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 60_000)";
    const flags = ["--state", folder, "--instance", "third-1", "--port", String(leaf.port)];
    const command = ["run", ...flags, "--", process.execPath, "-e", idle];
    const third = fleet.start("third-1", folder, command, control.joinToken("third"));
    const [second, first] = ["second", "first"].map((name) => fleet.run(`${name}-1`, control.joinToken(name)));
    caller = fleet.run("caller-1", control.joinToken("caller"));
    await Promise.all([third, second, first, caller].map((agent) => agent?.ready()));
    await until("all know each other", async () => (await callThrough()) === 200);
  }, 60_000);
  afterAll(async () => {
    await fleet.end();
    await leaf.refuse();
    await control.close();
  });

  const url = `http://first.mesh/through?url=${encodeURIComponent(
    `http://second.mesh/through?url=${encodeURIComponent("http://third.mesh/x")}`,
  )}`;

  async function callThrough(): Promise<number> {
    return (await caller.calls(url)).status;
  }

  test.each([
    ["answers 503", plain(503)],
    ["breaks off", (socket) => socket.resetAndDestroy()],
  ] satisfies [string, AppBehaviour][])("%s: it gets at most 1.3 times what was asked", async (_, behave) => {
    leaf.behave = plain(200);
    for (let n = 0; n < 60; n++) expect(await callThrough()).toBe(200);
    leaf.behave = behave;
    leaf.executed.clear();
    const asked = 600;
    let left = asked;
    const lane = async (): Promise<void> => {
      while (left-- > 0) expect(await callThrough()).toBeGreaterThanOrEqual(500);
    };
    await Promise.all(Array.from({ length: 40 }, lane));
    console.log(`amplification in a chain of three: ${leaf.total / asked}`);
    expect(leaf.total).toBeGreaterThanOrEqual(asked * 0.5);
    expect(leaf.total / asked).toBeLessThanOrEqual(1.3);
    leaf.behave = plain(200);
    await until("it is well again", async () => (await callThrough()) === 200);
  });
});
