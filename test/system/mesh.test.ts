/** The mesh from outside: hops, routing, traces, and who is refused. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { limits } from "../../shared/limits.ts";
import { readState } from "../support/agent-state.ts";
import { makeAuthority } from "../support/certificates.ts";
import { collectorProgram, startCollector } from "../support/collector.ts";
import { OtlpReceiver, treeOf } from "../support/otlp-receiver.ts";
import { sendRaw } from "../support/raw-http.ts";
import type { ReadSpan } from "../support/read-otlp.ts";
import { ended, root, type System, startSystem, until } from "../support/system.ts";
import { applyTraces } from "../support/traced-shop.ts";

let system: System;
let token: string;

beforeAll(async () => {
  system = await startSystem();
  token = await system.token("alice");
});
afterAll(() => system?.stop());

test("an order comes through two hops of the mesh", async () => {
  const response = await system.get("/api/v2/orders/42", token);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    id: "42",
    status: expect.any(String),
    version: expect.stringMatching(/^v[12]$/),
    inventory: expect.any(Object),
  });
});

test("one trace id in the logs of all four hops", async () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const response = await system.get("/load/orders/traced", token, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
  expect(response.status).toBe(200);
  const logs = system.processes().filter(({ role }) => role === "gateway" || role === "ingress" || role === "agent");
  const hops = await until("the trace at every hop", () => {
    const entries = logs.flatMap(({ name }) => system.accessLog(name)).filter((entry) => entry.traceId === traceId);
    return entries.length >= 5 && entries;
  });
  expect(new Set(hops.map(({ service, hop }) => `${hop} ${service}`))).toEqual(
    new Set([
      expect.stringMatching(/^gateway /),
      "ingress gateway",
      "inbound orders",
      "outbound orders",
      "inbound inventory",
    ]),
  );
  expect(new Set(hops.map(({ spanId }) => spanId)).size).toBe(hops.length);
});

describe("selvage tap", () => {
  const selvage = (...args: string[]) =>
    spawn(process.execPath, [join(root, "bin/selvage.mjs"), "tap", ...args], {
      env: { ...process.env, SELVAGE_STATE: system.state, NO_COLOR: "1" },
    });
  const adminToken = (): string => JSON.parse(readFileSync(join(system.state, "local.json"), "utf8")).adminToken;

  /** Asks until a request is shown: sources learn of a tap within two seconds. */
  async function shown(child: ReturnType<typeof selvage>, path: string, what: RegExp): Promise<string> {
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    await until("a row of the tap", async () => {
      await system.get(path, token, { "x-secret": "s3cret" });
      return what.test(output);
    });
    return output;
  }

  test("shows a route's requests with all hops of their traces under them, and hides values", async () => {
    const [child, killed] = [selvage("--route", "load", "--hops", "--for", "1m"), selvage("--service", "orders")];
    const [done, gone] = [ended(child), ended(killed)];
    const output = await shown(child, "/load/orders/tapped?token=s3cret&page=7", /└ inbound [^└]+└ inbound .*\n/);
    await shown(killed, "/load/orders/killed", /killed/);
    killed.kill("SIGKILL");
    child.kill("SIGINT");
    await gone;
    const { stderr } = await done;
    expect(stderr).toMatch(/-- \d+ of \d+ requests shown \(filter\), 0 dropped, query values and headers hidden/);
    expect(output).toContain("token=…&page=…");
    expect(output).not.toContain("s3cret");
    expect(output).not.toContain("/api/v2");
    const whole = output.split(/^(?=\d\d:)/m).find((part) => part.match(/└/g)?.length === 4) ?? output;
    expect(whole.match(/└ \w+/g)).toEqual(["└ ingress", "└ inbound", "└ outbound", "└ inbound"]);
  });

  test("reveals what an administrator may see, and saves cases of a test", async () => {
    const file = join(system.state, "case.yaml");
    const filter = ["--path", "/load/orders/revealed", "--status", "2xx", "--reveal", "-o", "ndjson", "--save", file];
    const child = selvage(...filter);
    const done = ended(child);
    const output = await shown(child, "/load/orders/revealed?page=7", /\n/);
    child.kill("SIGINT");
    await done;
    const [first] = output.split("\n").map((line) => JSON.parse(line || "null"));
    expect(first).toMatchObject({ hop: "gateway", query: "page=7", route: "load", status: 200, sub: "alice" });
    expect(first.headers).toMatchObject({ authorization: "…", "x-secret": "…" });
    expect(readFileSync(file, "utf8")).toMatch(/- name: GET \/load\/orders\/revealed 200\n(.*\n)*.*as: alice/);
  });

  test("of a program that was killed nothing is left after its lease", async () => {
    const control = system.process("control", "control").ports.http as number;
    const open = async () => {
      const response = await fetch(`http://127.0.0.1:${control}/v1/taps`, {
        method: "POST",
        headers: { authorization: `Bearer ${adminToken()}` },
        body: JSON.stringify({
          filter: { hops: ["inbound"], services: ["orders"] },
          ...{ perSecond: 1, forMs: 60_000, joined: false, reveal: false },
        }),
      });
      return response.status;
    };
    // Its place shows whether it is over: there are so many.
    for (let count = 1; count < limits.taps.max; count++) expect(await open()).toBe(201);
    await until("the place of the tap", async () => (await open()) === 201);
  });
});

describe("routing", () => {
  /** How often each version answered, asked by a few clients at once. */
  async function versions(count: number, headers: Record<string, string>): Promise<Record<string, number>> {
    const seen: Record<string, number> = {};
    let asked = 0;
    const client = async (): Promise<void> => {
      while (asked < count) {
        const response = await system.get(`/load/orders/${asked++}`, token, headers);
        expect(response.status).toBe(200);
        const { version } = (await response.json()) as { version: string };
        seen[version] = (seen[version] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 8 }, client));
    return seen;
  }

  test("a canary always reaches v2", async () => {
    expect(await versions(200, { "x-canary": "true" })).toEqual({ v2: 200 });
  });

  test("others do in about one of ten", async () => {
    const { v1 = 0, v2 = 0 } = await versions(1_000, {});
    expect(v1 + v2).toBe(1_000);
    // Five standard deviations of a fair draw: wrong once in two million runs.
    expect(v2).toBeGreaterThan(100 - 48);
    expect(v2).toBeLessThan(100 + 48);
  });
});

describe("an agent's inbound listener", () => {
  const port = (): number => system.process("inventory-1", "agent").ports.inbound as number;
  const ask = "GET /items/1 HTTP/1.1\r\nHost: inventory\r\nConnection: close\r\n\r\n";

  test("does not answer plain HTTP", async () => {
    expect((await sendRaw(port(), [ask])).status).not.toBe(200);
    expect((await sendRaw(port(), [ask])).text).not.toContain("HTTP/1.1 2");
  });

  test("refuses a client without a certificate", async () => {
    expect(await sendRaw(port(), [ask], { rejectUnauthorized: false })).toEqual({ text: "", status: undefined });
  });

  test("refuses a certificate of another authority for the right name", async () => {
    const { keyPem, certPem } = await (await makeAuthority("shop.internal")).issue("orders");
    const answer = await sendRaw(port(), [ask], { key: keyPem, cert: certPem, rejectUnauthorized: false });
    expect(answer).toEqual({ text: "", status: undefined });
  });

  test("refuses a workload that the access list does not name: the reason stays in its log", async () => {
    const folder = join(system.state, "agents", "users-1");
    const { privateKey, certificates } = readState(folder, "identity.json");
    expect(statSync(join(folder, "identity.json")).mode & 0o777).toBe(0o600);
    const tls = { key: privateKey, cert: certificates.join("\n"), rejectUnauthorized: false };
    const { status, text } = await sendRaw(port(), [ask], tls);
    expect(status).toBe(403);
    expect(text).not.toMatch(/users|orders|spiffe/);
    const entry = await until("the refusal in the log", () =>
      system.accessLog("inventory-1").find((one) => one.hop === "inbound" && one.status === 403),
    );
    expect(entry).toMatchObject({
      error: "access_denied",
      peer: expect.stringContaining("users"),
      reason: expect.any(String),
    });
  });
});

describe("traces", () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4737";
  const client = "00f067aa0ba902b7";
  let receiver: OtlpReceiver;
  const line = ({ resource, kind, name, attributes }: ReadSpan): string =>
    `${resource["service.name"]} ${kind} ${name} ${attributes["http.response.status_code"] ?? ""}`.trimEnd();
  /** What the gateway waited for itself depends on how long it did. */
  const isHop = ({ resource, kind }: ReadSpan): boolean =>
    resource["service.name"] !== "gateway" || kind !== "internal";
  beforeAll(async () => {
    receiver = await OtlpReceiver.start();
    await applyTraces(system, receiver.url, "100%");
    await until("the gateway has the new version", async () => {
      await system.get("/user/profile", token);
      return receiver.spans.length > 0;
    });
  });
  afterAll(() => receiver.close());

  test("a request is one tree of spans, from the client's own to the last service", async () => {
    const response = await system.get("/user/profile", token, { traceparent: `00-${traceId}-${client}-00` });
    expect(response.status).toBe(200);
    await until("all of its spans are here", () => receiver.of(traceId).filter(isHop).length >= 16);
    const called = (service: string): string[] => [
      `  gateway client GET ${service} 200`,
      "    gateway server GET 200",
      `      gateway client GET ${service} 200`,
      `        ${service} server GET 200`,
    ];
    const hops = receiver.of(traceId).filter(isHop);
    expect(treeOf(hops, line, "name")).toEqual([
      "gateway server GET /user/profile 200",
      ...called("orders"),
      "          orders internal GET inventory 200",
      "            orders client GET inventory 200",
      "              inventory server GET 200",
      ...called("preferences"),
      ...called("users"),
    ]);
    expect(hops.filter(({ parentId }) => parentId === client).map(({ name }) => name)).toEqual(["GET /user/profile"]);
    expect(hops.filter(({ failed }) => failed)).toEqual([]);
    expect(receiver.faults).toEqual([]);
  });

  test("a trace that nobody chose is kept by the hops that see a failure, and by those that are asked after it", async () => {
    const untilTime = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+/, "");
    const fault = `faults: [{ match: { path: /* }, until: "${untilTime}", abort: { percent: 100, status: 503 } }]`;
    await applyTraces(system, receiver.url, "0%", (text) =>
      text.replace("preferences: { port: 8080,", `preferences: { port: 8080, ${fault},`),
    );
    const id = await until("the gateway has the new version", async () => {
      const one = randomBytes(16).toString("hex");
      const response = await system.get("/user/profile", token, { traceparent: `00-${one}-${client}-01` });
      return response.status === 200 && response.headers.has("x-selvage-partial") && one;
    });
    // How much of it is kept of the part that ran at the same time is a matter of which was first.
    const told = await until("its spans are here", () => {
      const hops = receiver.of(id).filter((span) => isHop(span) && span.attributes["selvage.peer"] !== "users");
      return hops.length >= 10 && hops;
    });
    expect(treeOf(told, line, "name")).toEqual([
      "gateway server GET /user/profile 200",
      "  gateway client GET orders 200",
      "    gateway server GET 200",
      "      gateway client GET orders 200",
      "        orders server GET 200",
      "          orders internal GET inventory 200",
      "            orders client GET inventory 200",
      "              inventory server GET 200",
      "  gateway client GET preferences 503",
      "    gateway server GET 503",
    ]);
  });

  const program = collectorProgram();
  if (program === undefined) console.warn("no OpenTelemetry collector here: set OTELCOL to try one");
  test.skipIf(program === undefined)("OpenTelemetry's collector takes the same requests", async () => {
    const collector = await startCollector(program ?? "");
    try {
      for (const { body, path } of receiver.received) {
        const headers = { "content-type": "application/x-protobuf" };
        const answer = await fetch(collector.url + path, { method: "POST", headers, body: new Uint8Array(body) });
        expect(answer.status).toBe(200);
        expect((await answer.arrayBuffer()).byteLength).toBeLessThan(4);
      }
      await until("it has said all", () => collector.said().includes("Name           : GET /user/profile"));
      for (const { spanId } of receiver.of(traceId)) expect(collector.said()).toContain(spanId);
    } finally {
      await collector.stop();
    }
  });
});

describe("maintenance of the control plane", () => {
  test("every agent renews ahead of its time, and the status says how long the fleet goes on", async () => {
    const { code, stdout, stderr } = await system.selvage("renew", "--within", "500ms", "--json");
    expect(code, stderr).toBe(0);
    const { renewed, lacking, outageBudgetMs } = JSON.parse(stdout);
    expect(renewed).toEqual(
      expect.arrayContaining([expect.stringMatching(/^orders\//), expect.stringMatching(/^gateway\//)]),
    );
    expect(lacking).toEqual([]);
    expect(outageBudgetMs).toBeGreaterThan(23.9 * 3_600_000);
    const status = await system.selvage("status");
    expect(status.stdout).toMatch(/^without the control plane the fleet goes on for 2[34] h: .*\(certificate\)$/m);
    expect((await system.get("/api/v2/orders/42", token)).status).toBe(200);
  });

  test("an agent that hangs is named", async () => {
    const { name } = system.processes().find(({ role }) => role === "ingress") ?? { name: "" };
    system.kill(name, "ingress", "SIGSTOP");
    try {
      const { code, stderr } = await system.selvage("renew", "--within", "0ms", "--timeout", "1s");
      expect([code, stderr]).toEqual([1, expect.stringMatching(/not renewed: gateway\//)]);
    } finally {
      system.kill(name, "ingress", "SIGCONT");
    }
  });
});

describe("what the command line tells of it", () => {
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await system.selvage(...args, "--json");
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout);
  };

  test("mesh status: every instance, current and ready", async () => {
    const { version, agents } = await json("mesh", "status");
    expect(version).toBeGreaterThan(0);
    expect(new Set(agents.map(({ service }: { service: string }) => service))).toEqual(
      new Set(["gateway", "users", "preferences", "orders", "inventory"]),
    );
    for (const agent of agents) expect(agent).toMatchObject({ version, state: "current", phase: "ready" });
    const { stdout } = await system.selvage("mesh", "status", "--service", "orders");
    expect(stdout).toMatch(/^SERVICE +INSTANCE +VERSION +STATE/);
    expect(stdout).not.toContain("inventory");
  });

  test("mesh config: the part of the plan that the agent says it has, without what is not its own", async () => {
    const { agents } = await json("mesh", "status", "--service", "orders");
    const { instance } = agents[0];
    const told = await json("mesh", "config", `orders/${instance}`);
    const [own] = system.processes().filter(({ name, role }) => role === "agent" && name === instance);
    if (own?.ports.admin === undefined) throw new Error(`${instance} has no admin listener`);
    const said = (await (await fetch(`http://127.0.0.1:${own.ports.admin}/config`)).json()) as {
      plan: { plan: object };
    };
    expect(told.plan).toEqual(said.plan.plan);
    expect(Object.keys(told.plan.outbound)).toEqual(["inventory"]);
    expect(told.endpoints.inventory).toHaveLength(1);
    expect((await system.selvage("mesh", "config", "nobody")).code).toBe(1);
  });

  test("certs: every certificate is fresh, and the root that it comes from", async () => {
    const { roots, agents } = await json("certs");
    expect(roots).toMatchObject([{ state: "signs" }]);
    expect(agents.length).toBeGreaterThan(4);
    for (const agent of agents) expect(agent.age).toBe("fresh");
    expect((await system.selvage("certs")).stdout).toMatch(
      /root +[0-9a-f]{16}[\s\S]*issuer +[0-9a-f]{16}[\s\S]*SERVICE +INSTANCE/,
    );
  });

  test("routes, edges, the document and its secrets are those of the live version", async () => {
    const { routes } = await json("routes");
    expect(routes.map(({ name }: { name: string }) => name)).toEqual(["profile", "orders", "load"]);
    const { edges } = await json("mesh", "edges", "--of", "inventory");
    expect(edges).toMatchObject([{ from: "orders", to: "inventory", verdict: "allowed" }]);
    const { stdout } = await system.selvage("config", "view");
    expect(stdout).toContain("selvage: 1");
    expect(await json("secret", "check")).toMatchObject({ missing: [] });
  });

  test("doctor finds nothing that fails", async () => {
    const { findings } = await json("doctor");
    const found = new Map(findings.map(({ what, verdict }: { what: string; verdict: string }) => [what, verdict]));
    expect(Object.fromEntries(found)).toMatchObject({
      ...{ node: "ok", ports: "ok", state: "ok", leftovers: "ok" },
      ...{ "control plane": "ok", clock: "ok", certificates: "ok" },
    });
  });

  test("mesh drain: one instance leaves under load, and no request is lost", async () => {
    const { agents } = await json("mesh", "status", "--service", "orders");
    const { instance } = agents[0];
    let isOver = false;
    const statuses: number[] = [];
    const load = (async () => {
      while (!isOver) statuses.push((await system.get("/load/orders/1", token)).status);
    })();
    const { code, stdout, stderr } = await system.selvage("mesh", "drain", `orders/${instance}`);
    isOver = true;
    await load;
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("draining") });
    expect(stdout).toContain(`orders/${instance} has left`);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect((await system.selvage("mesh", "drain", `orders/${instance}`)).code).toBe(1);
  });
});
