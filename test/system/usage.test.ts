/** Who uses what and how it goes, seen from outside: the commands, and a Prometheus that scrapes the control plane and agents. */
import { randomBytes } from "node:crypto";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CalledEdge } from "../../cli/called-edges.ts";
import type { ReplayReport } from "../../cli/replay/run-replay.ts";
import { metricsContentType } from "../../shared/http/metrics-text.ts";
import { agentRuntimeSchema } from "../../shared/wire/runtime-files.ts";
import type { UsageAnswer } from "../../shared/wire/usage.ts";
import { OtlpReceiver } from "../support/otlp-receiver.ts";
import { hasPrometheus, hasPromtool, promtoolComplaints, startPrometheus } from "../support/promtool.ts";
import { type System, startSystem, until } from "../support/system.ts";
import { applyTraces } from "../support/traced-shop.ts";

const shop = readFileSync("examples/shop/selvage.yaml", "utf8");
/** One route more for each of three requests, which does one thing otherwise. */
const WITH_THREE = shop.replace(
  "\nmesh:",
  `
    - { name: scoped, match: { path: /load/orders/3 }, auth: { any: [login], scopes: ["orders:all"] }, to: orders }
    - { name: limited, match: { path: /load/orders/5 }, auth: login, rateLimit: { limit: 5/minute, by: identity }, to: orders }
    - { name: kept, match: { path: /load/orders/7 }, auth: login, cache: { ttl: 9s, shared: false }, to: orders }

mesh:`,
);

let system: System;
let receiver: OtlpReceiver;
let scrapeToken: string;

const control = (path: string, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${system.port("CONTROL")}${path}`, {
    headers: { authorization: `Bearer ${scrapeToken}`, ...headers },
  });
const rowOf = async (by: string, name: string) => {
  const { rows } = (await (await control(`/v1/usage?by=${by}`)).json()) as UsageAnswer;
  return rows.find((row) => row.name === name);
};

/** Of everything that has a listener for operators. */
const adminPorts = (): number[] =>
  globSync("**/runtime.json", { cwd: system.state }).flatMap((file) => {
    const { ports } = agentRuntimeSchema.parse(JSON.parse(readFileSync(join(system.state, file), "utf8")));
    return ports.admin ?? [];
  });

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  system = await startSystem();
  scrapeToken = (await system.selvage("token", "--role", "viewer", "--sub", "prometheus")).stdout.trim();
  const token = await system.token("alice");
  for (let at = 0; at < 5; at++) await system.get("/api/v2/orders/42", token);
  for (let at = 0; at < 3; at++) await system.get("/api/v2/orders/42");
  for (let at = 0; at < 9; at++) await system.get(`/load/orders/${at}`, token);
  await system.get("/there-is-no-such-route");
});
afterAll(async () => {
  await system?.stop();
  await receiver?.close();
});

test("every request is counted once, by route, and told within a while", async () => {
  await until("all are counted", async () => {
    await system.get("/there-is-no-such-route");
    return ((await rowOf("routes", "orders"))?.requests ?? 0) >= 8;
  });
  expect(await rowOf("routes", "orders")).toMatchObject({
    requests: 8,
    success: 1,
    statuses: { "2xx": 5, "4xx": 3 },
    denied: 3,
    p50Ms: expect.any(Number),
  });
  expect(await rowOf("services", "orders")).toMatchObject({
    requests: expect.any(Number),
    success: 1,
    noAnswer: 0,
    down: [],
  });
});

test("calls within the mesh are counted by edge, and told beside who may call", async () => {
  await until("the called agents have told of it", async () =>
    Boolean((await rowOf("edges", "gateway -> orders")) && (await rowOf("edges", "orders -> inventory"))),
  );
  expect(await rowOf("edges", "gateway -> orders")).toMatchObject({
    requests: expect.any(Number),
    ...{ success: 1, denied: 0, p95Ms: expect.any(Number) },
    edge: { source: "gateway", destination: "orders", unsecured: 0 },
  });
  const { edges } = JSON.parse((await system.selvage("mesh", "edges", "--json")).stdout);
  const marks = edges.map(({ from, to, marks }: CalledEdge) => [`${from} -> ${to}`, marks]);
  expect(marks).toContainEqual(["orders -> inventory", []]);
  expect(await (await control("/v1/metrics")).text()).toMatch(
    /^selvage_mesh_requests_total\{source="orders",destination="inventory",status="2xx"\} [1-9]/m,
  );
});

test("logs: the lines of one request at all of its hops, and of nobody else", async () => {
  const answer = await system.get("/load/orders/42", await system.token("alice"));
  await answer.body?.cancel();
  const line = await until("the gateway has written it", async () => {
    const found = (await system.selvage("logs", "gateway", "--json")).stdout.trimEnd().split("\n");
    return found
      .map((one) => JSON.parse(one))
      .findLast(({ path, status }) => path === "/load/orders/42" && status === 200);
  });
  const hops = async () => {
    const { stdout } = await system.selvage("logs", "--trace", line.traceId, "--ndjson");
    return stdout
      .trimEnd()
      .split("\n")
      .map((one) => JSON.parse(one));
  };
  await until("all hops have", async () => (await hops()).length === 5);
  expect((await hops()).map(({ hop, level }) => `${hop} ${level}`).sort()).toEqual([
    "gateway info",
    "inbound info",
    "inbound info",
    "ingress info",
    "outbound info",
  ]);
});

test("the commands show it", async () => {
  const { stdout } = await system.selvage("stat", "routes", "--window", "10m");
  expect(stdout.split("\n")[0]).toMatch(/^ROUTE +REQUESTS +RATE +SUCCESS +P50 +P95 +P99 +ERRORS +429 +401\/403$/);
  expect(stdout).toMatch(/^orders +8 +\S+ +100 % +\S+ ms +\S+ ms +\S+ ms +0 +0 +3$/m);
  expect(stdout).toMatch(/^\(no route\) /m);
  expect((await system.selvage("top")).stdout).toMatch(/^(ROUTE |no requests yet)/);
});

describe("metrics", () => {
  test("are text in the form that is asked for", async () => {
    const plain = await control("/v1/metrics");
    expect(plain.headers.get("content-type")).toBe(metricsContentType.prometheus);
    const text = await plain.text();
    expect(text).toContain(
      'selvage_gateway_requests_total{route="orders",consumer="anonymous",plan="",status="4xx"} 3',
    );
    expect(text).toMatch(/^selvage_gateway_request_duration_seconds_count\{route="orders"\} 8$/m);
    expect(text).toMatch(/^selvage_agents\{service="orders",state="current"\} 3$/m);
    const open = await control("/v1/metrics", { accept: "application/openmetrics-text; version=1.0.0" });
    expect(open.headers.get("content-type")).toBe(metricsContentType.openmetrics);
    expect(await open.text()).toMatch(/^# TYPE selvage_gateway_requests counter\n(?:.|\n)*\n# EOF\n$/m);
    expect((await fetch(`http://127.0.0.1:${system.port("CONTROL")}/v1/metrics`)).status).toBe(401);
  });

  test.skipIf(!hasPromtool)("are such as promtool finds nothing wrong with, on every endpoint", async () => {
    expect(promtoolComplaints(await (await control("/v1/metrics")).text())).toBe("");
    const ports = adminPorts();
    expect(ports.length).toBeGreaterThan(3);
    for (const port of ports)
      expect(promtoolComplaints(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())).toBe("");
  });

  test("are sent where the document says, of gateways by the control plane, and so are logs of every hop", async () => {
    await applyTraces(system, receiver.url, "100%", (text) => text, ", metrics: { every: 1s }, logs: { sample: 100% }");
    const traceId = randomBytes(16).toString("hex");
    await until("all hops have told the request", async () => {
      await system.get("/user/profile", await system.token("alice"), {
        traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      });
      const hops = receiver.logs
        .filter((log) => log.traceId === traceId)
        .map(({ attributes }) => attributes["selvage.hop"]);
      return ["gateway", "ingress", "inbound", "outbound"].every((hop) => hops.includes(hop));
    });
    const counted = () =>
      receiver.points.findLast(
        ({ name, attributes, resource }) =>
          name === "http.server.request.duration" &&
          attributes["selvage.route"] === "orders" &&
          resource["service.name"] === "gateway",
      );
    await until("the gateway's are told", () => counted()?.value === 8);
    const of = (service: string) => receiver.points.filter(({ resource }) => resource["service.name"] === service);
    expect(of("orders").map(({ name }) => name)).toContain("http.server.request.duration");
    expect(of("control-plane").map(({ name }) => name)).toContain("selvage_ca_certificate_expiry_timestamp_seconds");
    expect(receiver.faults).toEqual([]);
  });

  test.skipIf(!hasPrometheus)("are scraped by a Prometheus, with exemplars", async () => {
    const prometheus = await startPrometheus([
      { name: "fleet", target: `127.0.0.1:${system.port("CONTROL")}`, path: "/v1/metrics", token: scrapeToken },
      ...adminPorts().map((port) => ({ name: `agent-${port}`, target: `127.0.0.1:${port}` })),
    ]);
    try {
      await until("all targets are up", async () => {
        const up = await prometheus.query("up == 1").catch(() => []);
        return up.length === adminPorts().length + 1;
      });
      expect(await prometheus.faults()).toEqual([]);
      const [counted] = await prometheus.query('sum by (route) (selvage_gateway_requests_total{route="orders"})');
      expect(counted).toEqual({ metric: { route: "orders" }, value: 8 });
      const exemplars = await prometheus.exemplars('selvage_request_duration_seconds_bucket{direction="inbound"}');
      const kept = new Set(receiver.spans.map((span) => span.traceId));
      expect(exemplars.filter((id) => kept.has(id))).not.toEqual([]);
      const [agents] = await prometheus.query('sum(selvage_requests_total{direction="inbound"})');
      expect(agents?.value).toBeGreaterThan(0);
    } finally {
      await prometheus.stop();
    }
  });
});

describe("records", () => {
  const shown = async (...args: string[]) => {
    const { code, stdout, stderr } = await system.selvage("explain", ...args);
    return { code, text: stdout, stderr };
  };
  const traced = (traceId: string) => ({ traceparent: `00-${traceId}-${"1".repeat(16)}-01` });
  const keptAs = (traceId: string, text: RegExp) =>
    until(`${traceId} is kept`, async () => {
      const told = await shown("--trace", traceId);
      return told.code === 0 && text.test(told.text) ? told.text : undefined;
    });
  const refused = "a".repeat(32);
  const failed = "b".repeat(32);

  test("explain what was refused at the gateway and what in the mesh, with secrets in none of it", async () => {
    const secrets = { authorization: "Bearer hush-a", cookie: "s=hush-b", "x-api-key": "hush-c", dpop: "hush-d" };
    const answer = await system.get("/api/v2/orders/7?token=hush-e&page=2", undefined, {
      ...secrets,
      ...traced(refused),
    });
    const problem = (await answer.json()) as { traceId: string };
    expect([answer.status, problem.traceId]).toEqual([401, refused]);
    const gateway = await keptAs(problem.traceId, / result {4}401 credentials_invalid /);
    expect(gateway).toMatch(/^ request {3}GET 127\.0\.0\.1:\d+\/api\/v2\/orders\/7\?token=…&page=2 {3}\(version \d+, /);
    expect(gateway).toMatch(/^ route +pass +\S+\.yaml:\d+ +orders takes it\n auth +deny +\S+\.yaml:\d+ /m);
    const token = await system.token("alice", "orders:read");
    const headers = { authorization: `Bearer ${token}`, ...traced(failed) };
    const put = await fetch(`${system.url}/api/v2/orders/42`, { method: "PUT", headers, body: "{}" });
    expect(put.status).toBe(403);
    expect(await keptAs(failed, /└ inbound/)).toMatch(/└ inbound +PUT +\/api\/v2\/orders\/42 +403 .*✗ access_denied/);
    const texts = globSync("**/*.sqlite*", { cwd: system.state }).map((file) =>
      readFileSync(join(system.state, file)).toString("latin1"),
    );
    expect(texts.some((text) => text.includes(refused))).toBe(true);
    for (const text of texts) expect(text).not.toMatch(/hush-/);
  });

  test("outlive a restart of the control plane", async () => {
    await system.restart("control");
    await keptAs(refused, / result {4}401 credentials_invalid /);
    await keptAs(failed, /└ inbound/);
    const unknown = await shown("--trace", "c".repeat(32));
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining("explain --live")]);
  });

  test("are explained at once to who asks for it, with all hops", async () => {
    const token = await system.token("alice", "orders:read");
    const url = `${system.url}/api/v2/orders/42`;
    const live = await shown("--live", "GET", url, "-H", `authorization: Bearer ${token}`);
    expect(live.text).toMatch(/^ auth +pass +\S+\.yaml:\d+ +alice by login, with orders:read$/m);
    const [, traceId = ""] = /--trace ([0-9a-f]{32})/.exec(live.stderr) ?? [];
    const kept = await keptAs(traceId, /└ ingress(?:.|\n)*└ inbound/);
    expect(kept).toContain("kept: it was asked for");
  });

  test("are replayed by a document that is to come, and exactly those that it changes are told", async () => {
    const path = (name: string): string => join(system.state, name);
    const [next, live, saved] = [path("next.yaml"), path("live.yaml"), path("kept.ndjson")];
    writeFileSync(next, WITH_THREE);
    writeFileSync(live, shop);
    const replay = await until("all three are kept", async () => {
      const found = await system.selvage("diff", next, "--replay", "--save", saved, "--json", "--exit-code");
      const { replay: report } = JSON.parse(found.stdout) as { replay: ReplayReport };
      return report.changed >= 3 ? report : undefined;
    });
    expect(replay).toMatchObject({ changed: 3, unexplained: 0 });
    expect(replay.requests).toBeGreaterThan(20);
    const told = replay.groups.flatMap(({ kinds, requests }) =>
      requests.map((one) => `${one.path} of ${one.sub}: ${kinds.join(" ")}`),
    );
    expect(told.sort()).toEqual([
      "/load/orders/3 of alice: route auth outcome",
      "/load/orders/5 of alice: route limit",
      "/load/orders/7 of alice: route cache",
    ]);
    const same = await system.selvage("diff", live, "--replay", "--exit-code");
    expect(same).toMatchObject({ code: 0, stdout: expect.stringMatching(/replayed: none changes\n$/) });
    expect(readFileSync(saved, "utf8")).not.toMatch(/eyJ[\w-]+\.|hush-/);
    const alone = await system.selvage("diff", next, "--base", live, "--records", saved, "--exit-code");
    expect(alone).toMatchObject({ code: 1, stdout: expect.stringContaining("replayed: 3 change\n") });
  });
});

test("what is in shadow passes, and one command says what would not, of the gateway and of the mesh", async () => {
  const asked = 'scopes: ["orders:read"]';
  const file = join(system.state, "shadow.yaml");
  // The route's own, and the rule of the service behind it.
  writeFileSync(file, shop.replaceAll(asked, `${asked}, mode: shadow`));
  const diff = await system.selvage("diff", file);
  expect(diff.stdout).toMatch(/auth\.mode.*\n?.*refuses nobody/);
  expect((await system.selvage("apply", file, "--wait")).code).toBe(0);
  for (let at = 0; at < 3; at++) expect((await system.get("/api/v2/orders/42")).status).toBe(200);
  expect((await system.get("/api/v2/orders/42", await system.token("alice"))).status).toBe(200);
  let table = "";
  await until("gateway and agents have told", async () => {
    await system.get("/there-is-no-such-route");
    table = (await system.selvage("stat", "shadow")).stdout;
    return /^route +orders +auth /m.test(table) && /^service +orders +access /m.test(table);
  });
  expect(table).toMatch(/^route +orders +auth +4 +3 +75\.00 % +credentials_missing 3$/m);
  // Agents tell the first at once, and what comes then a while later.
  expect(table).toMatch(/^service +orders +access +[1-4] +[1-3] +\S+ % +\w+ [1-3]$/m);
  const explained = await system.selvage("explain", "GET", "/api/v2/orders/42");
  expect([explained.code, explained.stdout]).toEqual([0, expect.stringContaining("shadow: would be refused by auth")]);
});
