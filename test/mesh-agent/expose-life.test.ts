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

describe("what is revoked", () => {
  const untilMs = Date.now() + 3_600_000;

  test("is refused from then on, also a token that is remembered", async () => {
    const { issuer, control } = world;
    const iat = Math.floor(Date.now() / 1_000) - 60;
    const tokens = {
      id: await world.bearer({ jti: "t-1" }),
      subject: await world.bearer({ sub: "mallory" }),
      early: await world.bearer({ sub: "early", iat }),
      other: await world.bearer({ sub: "other", jti: "t-2" }),
    };
    const statuses = async (): Promise<number[]> =>
      Promise.all(Object.values(tokens).map(async (headers) => (await ask("/orders/1", { headers })).status));
    const become = (what: string, wanted: number[]) =>
      until(what, async () => JSON.stringify(await statuses()) === JSON.stringify(wanted));
    expect(await statuses()).toEqual([200, 200, 200, 200]);
    control.revoke([{ jti: "t-1", expiresAtMs: untilMs }]);
    await become("the token is", [401, 200, 200, 200]);
    const subject = { sub: "mallory", issuer: issuer.url, expiresAtMs: untilMs };
    control.revoke([subject, { issuer: issuer.url, issuedBefore: iat + 1, expiresAtMs: untilMs }]);
    await become("the subject and what was issued early are", [200, 401, 401, 200]);
    const refused = await ask("/orders/1", { headers: tokens.subject });
    expect(refused.headers["www-authenticate"]).toContain('error="invalid_token"');
    expect(refused.text).not.toContain("revoked");
    control.revoke([]);
    await become("nothing is", [200, 200, 200, 200]);
  });

  test("is known after a start without the control plane, and for as long as it lasts", async () => {
    const { control } = world;
    control.setPlan("alone", { expose: world.expose(), access: [] });
    control.revoke([
      { jti: "t-3", expiresAtMs: untilMs },
      { jti: "t-4", expiresAtMs: Date.now() - 1 },
    ]);
    const first = await world.run("alone").ready();
    await world.opened(first);
    const statuses = (agent: typeof first): Promise<number[]> =>
      Promise.all(
        ["t-3", "t-4"].map(async (jti) => {
          const headers = await world.bearer({ jti });
          return (await ask("/orders/1", { headers }, portOf(agent))).status;
        }),
      );
    expect(await statuses(first)).toEqual([401, 200]);
    const { appPid = 0 } = first.runtime;
    first.kill("SIGKILL");
    process.kill(appPid, "SIGKILL");
    await first.ended;
    await control.close();
    const again = world.fleet.run(
      "alone",
      undefined,
      ["--expose", "127.0.0.1:0", ...world.certificate.flags],
      first.folder,
    );
    await again.ready();
    await world.opened(again);
    expect(await statuses(again)).toEqual([401, 200]);
    expect(JSON.parse((await again.admin("/config")).text).revocations).toMatchObject({ entries: 2 });
    await control.open();
    control.revoke([]);
    await until("the newer list is there", async () => (await statuses(again))[0] === 200);
  }, 40_000);
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
