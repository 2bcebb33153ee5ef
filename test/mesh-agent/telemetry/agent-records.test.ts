/** Hops that an agent keeps for later questions, and how it tells them. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { AgentRecords } from "../../../mesh-agent/telemetry/agent-records.ts";
import type { AccessLogEntry } from "../../../shared/http/access-log.ts";
import { records as limits } from "../../../shared/limits/records.ts";
import { type RecordsReport, recordsReportSchema } from "../../../shared/wire/records.ts";
import { until } from "../../support/system.ts";

let reports: RecordsReport[] = [];
const server = createServer((request, response) => {
  let text = "";
  request.on("data", (chunk: Buffer) => {
    text += chunk.toString("utf8");
  });
  request.on("end", () => {
    reports.push(recordsReportSchema.parse(JSON.parse(text)));
    response.end('{"drawn":0}');
  });
});
let agent: AgentRecords | undefined;
afterEach(() => {
  agent?.stop();
  server.close();
});

const entry = (traceId: string): AccessLogEntry => ({
  ...{ time: "2026-07-01T12:00:00.000Z", kind: "access", hop: "inbound", service: "orders", instance: "i", traceId },
  ...{ spanId: "s", method: "GET", host: "h", path: "/reset/eyJhbGciOiJub25lIn0.eyJzdWIi", status: 503, durationMs: 1 },
  ...{ plan: 1, error: "app_unreachable" },
});

test("one report at a time, of the traces that others keep too, and of all that was asked for", async () => {
  reports = [];
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  agent = new AgentRecords(() => ({ controlUrl: `http://127.0.0.1:${port}`, token: "t" }));
  const trace = (at: number): string => at.toString(16).padStart(32, "0");
  for (let at = 3 * limits.hopsOfReport; at > 0; at--) agent.see(trace(at), false, () => entry(trace(at)));
  agent.see("f".repeat(32), true, () => entry("f".repeat(32)));
  await until("it is told", () => reports.length > 0);
  const [{ hops, dropped } = { hops: [], dropped: 0 }] = reports;
  const kept = hops.map(({ traceId }) => traceId).sort();
  const lowest = Array.from({ length: limits.hopsOfReport - 1 }, (_, at) => trace(at + 1));
  expect(kept).toEqual([...lowest, "f".repeat(32)]);
  expect(dropped).toBe(2 * limits.hopsOfReport + 1);
  expect(hops[0]?.path).toBe("/reset/…");
  agent.use({ resource: {}, records: "off" });
  agent.see(trace(1), true, () => {
    throw new Error("nothing is made of what nobody keeps");
  });
});
