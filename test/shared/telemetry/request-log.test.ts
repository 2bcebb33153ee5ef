import { expect, test } from "vitest";
import { LogBuffer } from "../../../shared/telemetry/log-buffer.ts";
import { otlpRequest, otlpResource } from "../../../shared/telemetry/otlp-request.ts";
import { isLogged, type LoggedEntry, severityOf, writeRequestLog } from "../../../shared/telemetry/request-log.ts";
import { type ReadLog, readLogs } from "../../support/read-otlp.ts";

const entry: LoggedEntry = {
  ...{ time: "2026-11-21T00:00:00.000Z", kind: "access", hop: "gateway", service: "gateway", instance: "i" },
  ...{ traceId: "a".repeat(32), spanId: "b".repeat(16), method: "GET", host: "shop.example", path: "/orders/1" },
  ...{ status: 200, durationMs: 1.5, plan: 7 },
};

test.each([
  [{ status: 200 }, "info"],
  [{ status: 404 }, "warn"],
  [{ status: 429, error: "limit_exceeded" }, "warn"],
  [{ status: 502 }, "error"],
  [{ status: 200, grpcStatus: 14 }, "error"],
  [{ status: 200, grpcStatus: 5 }, "warn"],
  // A caller that left, a connection that ended in order, and one that did not.
  [{ status: 0 }, "info"],
  [{ status: 101, protocol: "websocket" }, "info"],
  [{ status: 0, protocol: "tcp", error: "upstream_unreachable" }, "error"],
] as const)("the severity of %j", (told, severity) => {
  expect(severityOf({ ...entry, ...told } as LoggedEntry)).toBe(severity);
});

test.each([
  [false, "f".repeat(32), 0.5, true, true],
  [false, "0".repeat(32), 0.5, true, false],
  [true, "0".repeat(32), 0, true, true],
  [true, "0".repeat(32), 0, false, false],
  [false, "f".repeat(32), 0, true, false],
  [false, "0".repeat(32), 1, true, true],
])("failed %s, drawn by %s of %d, failures %s", (failed, drawnBy, ratio, failures, told) => {
  expect(isLogged(failed, drawnBy, { ratio, failures })).toBe(told);
});

function written(more: Partial<LoggedEntry>, clients?: true): ReadLog | undefined {
  const out = new LogBuffer();
  const settings = { ratio: 1, failures: true, ...(clients && { clients }) };
  writeRequestLog(out, { ...entry, ...more }, { atMs: 1_000.5, nowMs: 1_002 }, settings);
  expect(out.count).toBe(1);
  return readLogs(otlpRequest(otlpResource({ "service.name": "gateway" }), out.take()))[0];
}

test("a record says what the line in the log says", () => {
  const told: Partial<LoggedEntry> = {
    ...{
      route: "orders",
      peer: "orders",
      endpoint: "orders-1",
      attempts: 2,
      cache: "miss",
      variant: "v2",
      fault: "delay",
    },
    ...{ status: 503, error: "overloaded", reason: "no place", uncounted: ["a", "b"], grpcStatus: 14 },
    wouldRefuse: [
      { policy: "limit", error: "limit_exceeded", limit: "by-ip" },
      { policy: "shedding", error: "overloaded" },
    ],
    ...{ sub: "alice", clientIp: "192.0.2.1" },
  };
  expect(written(told)).toEqual({
    ...{ time: 1_000_500_000n, severity: "ERROR", event: "selvage.request", body: "GET /orders/1 503" },
    ...{ traceId: entry.traceId, spanId: entry.spanId, resource: { "service.name": "gateway" } },
    attributes: {
      ...{ "selvage.hop": "gateway", "http.request.method": "GET", "url.path": "/orders/1" },
      ...{ "http.response.status_code": 503, "server.address": "shop.example", "selvage.duration_ms": 1.5 },
      ...{ "selvage.plan.version": 7, "selvage.route": "orders", "selvage.peer": "orders" },
      ...{ "selvage.endpoint": "orders-1", "selvage.attempts": 2, "rpc.response.status_code": "UNAVAILABLE" },
      ...{ "selvage.cache": "miss", "selvage.variant": "v2", "selvage.fault": "delay", "selvage.uncounted": "a b" },
      ...{ "selvage.would_refuse": "limit:by-ip limit_exceeded, shedding overloaded", "error.type": "overloaded" },
      "selvage.reason": "no place",
    },
  });
  expect(written(told, true)?.attributes).toMatchObject({ "client.address": "192.0.2.1", "enduser.id": "alice" });
});

test("a tunnel says what went through it, and has no status", () => {
  expect(written({ status: 0, method: "CONNECT", protocol: "tcp", bytesIn: 3, bytesOut: 400 })).toMatchObject({
    severity: "INFO",
    body: "CONNECT /orders/1 -",
    attributes: { "network.protocol.name": "tcp", "selvage.tunnel.bytes_in": 3, "selvage.tunnel.bytes_out": 400 },
  });
});
