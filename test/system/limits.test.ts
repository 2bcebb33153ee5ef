import { afterAll, beforeAll, expect, test } from "vitest";
import { lendableOf } from "../../shared/policy/limiter-state.ts";
import { type AdmissionLog, startAdmissionLog } from "../support/admission-log.ts";
import { type Isolates, startIsolates } from "../support/isolates.ts";
import { runStatusLoad } from "../support/status-load.ts";

const LIMIT = 600;
let upstream: AdmissionLog;
let isolates: Isolates;

beforeAll(async () => {
  upstream = await startAdmissionLog();
  const route = (name: string, mode: string): string => `
    - name: ${name}
      match: { path: /${name} }
      rateLimit: { limit: ${LIMIT}/hour, by: ip, mode: ${mode} }
      to: "http://127.0.0.1:${upstream.port}"`;
  isolates = await startIsolates(
    3,
    `selvage: 1
name: limits
gateway:
  hosts: ["127.0.0.1"]
  routes:${route("exact", "exact")}${route("leased", "leased")}
`,
  );
});
afterAll(async () => {
  await isolates?.stop();
  upstream?.close();
});

async function passed(path: string, requests: number): Promise<number> {
  const next = (at: number) => (at < requests ? { path, clientIp: "192.0.2.1" } : undefined);
  const statuses = await runStatusLoad({ ports: isolates.ports, next, connections: 4 });
  expect([...statuses.keys()].filter((status) => status !== 200 && status !== 429)).toEqual([]);
  return statuses.get(200) ?? 0;
}

test.each(["exact", "leased"])(
  "quotas outlive a runtime that is killed in mid-window, none is given twice: %s",
  async (mode) => {
    const before = await passed(`/${mode}`, LIMIT / 2);
    expect(before).toBe(LIMIT / 2);
    await isolates.killAndRestart();
    const after = await passed(`/${mode}`, LIMIT);
    const lost = mode === "leased" ? lendableOf({ limit: LIMIT, windowMs: 3_600_000 }) : 0;
    expect(before + after).toBeLessThanOrEqual(LIMIT);
    expect(before + after).toBeGreaterThanOrEqual(LIMIT - 2 * lost);
    await isolates.killAndRestart();
    expect(await passed(`/${mode}`, 100)).toBe(0);
  },
);
