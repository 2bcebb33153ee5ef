/** A service's limits on its calls from the mesh, through two agents on real sockets. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { proven } from "../support/hop-proof.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";
import { compiledService } from "./support/outside.ts";

const fleet = new Fleet();
let control: TestControl;
let agents: Record<"a" | "b" | "limited" | "slots" | "users" | "pair-1" | "pair-2", TestAgent>;
let ingress: TestAgent;

const limitsOf = (rateLimit: unknown) => {
  const { rateLimits = [] } = compiledService({ rateLimit });
  return rateLimits;
};

beforeAll(async () => {
  control = await TestControl.start();
  const outbound = { limited: {}, slots: {}, users: {}, pair: {} };
  control.setPlan("gateway", { outbound });
  control.setPlan("a", { outbound });
  control.setPlan("b", { outbound });
  control.setPlan("limited", {
    rateLimits: limitsOf([
      { limit: "2/hour", by: "service" },
      { limit: "1/hour", by: "all", shadow: true, name: "watched" },
    ]),
  });
  control.setPlan("slots", { rateLimits: limitsOf({ concurrent: 1, by: "all" }) });
  control.setPlan("users", { rateLimits: limitsOf({ limit: "1/hour", by: "identity", missing: "refuse" }) });
  control.setPlan("pair", { rateLimits: limitsOf({ limit: "1/hour", by: "all" }) });
  const run = (name: string, service = name): TestAgent => fleet.run(name, control.joinToken(service));
  agents = {
    ...{ a: run("a"), b: run("b"), limited: run("limited"), slots: run("slots"), users: run("users") },
    ...{ "pair-1": run("pair-1", "pair"), "pair-2": run("pair-2", "pair") },
  };
  ingress = fleet.ingress("ingress-1", control.joinToken("gateway"));
  const all = [ingress, ...Object.values(agents)];
  await Promise.all(all.map((one) => one.ready()));
  for (const caller of [ingress, agents.a, agents.b])
    await until(`${caller.name} knows all`, async () => {
      const { text } = await caller.admin("/config");
      return ["limited", "slots", "users", "pair-1", "pair-2"].every((name) => text.includes(`"instance":"${name}"`));
    });
}, 40_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

/** As the gateway, on behalf of somebody. */
async function enter(service: string, sub: string, headers: Record<string, string> = {}, method = "GET") {
  const [key] = control.hopKeys;
  if (key === undefined) throw new Error("no hop key");
  const token = await control.txnToken("", { sub });
  const said = { ...headers, "txn-token": token, "selvage-service": service, "selvage-plan": "1" };
  const fields = proven({ method, target: "/", headers: said }, key);
  return fetch(`http://127.0.0.1:${ingress.runtime.ports.ingress}/`, { method, headers: fields });
}

describe("by calling service", () => {
  test("each has its own; beyond it a call is refused before the application, with words for those who ask again", async () => {
    const statuses = [];
    for (let count = 0; count < 3; count++) statuses.push((await agents.a.calls("http://limited.mesh/")).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await agents.b.calls("http://limited.mesh/")).status).toBe(200);
    const refused = await agents.a.calls("http://limited.mesh/");
    expect(JSON.parse(refused.body)).toMatchObject({
      code: "limit_exceeded",
      type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
      "violated-policies": ["service"],
    });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(1000);
    expect(refused.headers["ratelimit-policy"]).toBe('"service";q=2;w=3600');
    expect(refused.headers.ratelimit).toMatch(/^"service";r=0;t=\d+$/);
    const { text } = await agents.limited.admin("/metrics");
    expect(text).toMatch(/^selvage_limited_total\{direction="inbound",limit="service",mode="enforce"\} 2$/m);
  });

  test("a limit in shadow refuses nobody and stands in the log", async () => {
    await until("the log tells", () =>
      agents.limited
        .log("inbound")
        .some(
          ({ status, wouldRefuse }) =>
            status === 200 && JSON.stringify(wouldRefuse) === '[{"error":"limit_exceeded","limit":"watched"}]',
        ),
    );
    expect((await agents.limited.admin("/metrics")).text).toMatch(/limit="watched",mode="shadow"/);
  });

  test("is no failure of the instance: nothing is retried, nobody is ejected", async () => {
    expect((await agents.a.calls("http://limited.mesh/once", "GET")).status).toBe(429);
    const { text } = await agents.a.admin("/metrics");
    expect(text).toMatch(/^selvage_endpoints_ejected\{service="limited"\} 0$/m);
    await until("the caller's log names it", () =>
      agents.a
        .log("outbound")
        .some(({ path, error, attempts }) => path === "/once" && error === "limit_exceeded" && attempts === 1),
    );
    await until("it is logged", () => agents.limited.log("inbound").some(({ path }) => path === "/once"));
    expect(agents.limited.log("inbound").filter(({ path }) => path === "/once")).toHaveLength(1);
  });
});

test("at once: a place is given back when its call is over", async () => {
  const first = agents.a.calls("http://slots.mesh/hold");
  await until("it is there", async () => (await agents.slots.app("/held")).json.count === 1);
  expect((await agents.b.calls("http://slots.mesh/")).status).toBe(429);
  await agents.slots.app("/release");
  expect((await first).status).toBe(200);
  expect((await agents.b.calls("http://slots.mesh/")).status).toBe(200);
});

describe("by end user", () => {
  test("as the transaction token says; without one the call is refused where the limit wants one", async () => {
    expect(
      [await enter("users", "ann"), await enter("users", "ann"), await enter("users", "bob")].map(
        ({ status }) => status,
      ),
    ).toEqual([200, 429, 200]);
    const nobody = await agents.a.calls("http://users.mesh/");
    expect([nobody.status, JSON.parse(nobody.body).code]).toEqual([403, "not_permitted"]);
  });

  test("the gateway hears what became of it", async () => {
    const refused = await enter("users", "ann");
    expect(refused.headers.get("selvage-error")).toBe("limit_exceeded");
    expect(refused.headers.get("selvage-sent")).toBe("none");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(1000);
  });

  test("a call by gRPC is refused with RESOURCE_EXHAUSTED", async () => {
    const refused = await enter("users", "ann", { "content-type": "application/grpc" }, "POST");
    expect(refused.status).toBe(200);
    expect(refused.headers.get("grpc-status")).toBe("8");
    expect(refused.headers.get("content-type")).toBe("application/grpc");
    expect(refused.headers.get("selvage-error")).toBe("limit_exceeded");
  });
});

test("each instance counts for itself, and calls go to the one that has not refused", async () => {
  const statuses: number[] = [];
  for (let count = 0; count < 4; count++) statuses.push((await agents.a.calls("http://pair.mesh/")).status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(2);
});

test("changes with the plan, and counts go on", async () => {
  control.setPlan("limited", { rateLimits: limitsOf({ limit: "4/hour", by: "service" }) });
  await until("it holds", async () => (await agents.limited.admin("/config")).text.includes('"limit":4'));
  const statuses = [];
  for (let count = 0; count < 3; count++) statuses.push((await agents.a.calls("http://limited.mesh/")).status);
  expect(statuses).toEqual([200, 200, 429]);
});
