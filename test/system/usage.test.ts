/** Who uses what and how it goes, seen from outside: the commands, and a Prometheus that scrapes the control plane and agents. */
import { randomBytes } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { metricsContentType } from "../../shared/http/metrics-text.ts";
import { agentRuntimeSchema } from "../../shared/wire/runtime-files.ts";
import type { UsageAnswer } from "../../shared/wire/usage.ts";
import { OtlpReceiver } from "../support/otlp-receiver.ts";
import { hasPrometheus, hasPromtool, promtoolComplaints, startPrometheus } from "../support/promtool.ts";
import { type System, startSystem, until } from "../support/system.ts";
import { applyTraces } from "../support/traced-shop.ts";

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
