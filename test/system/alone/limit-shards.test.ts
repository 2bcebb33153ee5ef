import { afterAll, beforeAll, expect, test } from "vitest";
import { lendableOf } from "../../../shared/policy/limiter-state.ts";
import { type AdmissionLog, startAdmissionLog } from "../../support/admission-log.ts";
import { COUNTED_WORKER, type Isolates, startIsolates } from "../../support/isolates.ts";
import { passedRequests } from "../../support/status-load.ts";

const LIMIT = 600;
const LENDABLE = lendableOf({ limit: LIMIT, windowMs: 3_600_000 });
let upstream: AdmissionLog;
let isolates: Isolates;

beforeAll(async () => {
  upstream = await startAdmissionLog();
  const route = (mode: string): string => `
    - name: ${mode}
      match: { path: /${mode} }
      rateLimit: { limit: ${LIMIT}/hour, by: ip, mode: ${mode}, onFailure: closed }
      to: "http://127.0.0.1:${upstream.port}"`;
  const document = `selvage: 1
name: limits
gateway:
  hosts: ["127.0.0.1"]
  routes:${route("exact")}${route("leased")}
`;
  // So few that shards answer for what the tests use up.
  isolates = await startIsolates(3, document, COUNTED_WORKER, { LIMITER_CALLS_PER_SECOND: "10" });
});
afterAll(async () => {
  await isolates?.stop();
  upstream?.close();
});

const passed = (path: string, requests: number): Promise<number> => passedRequests(isolates.ports, path, requests);

test.each(["exact", "leased"])(
  "quotas outlive a runtime that is killed with its shards, none is given twice: %s",
  async (mode) => {
    const before = await passed(`/${mode}`, LIMIT / 2);
    expect(before).toBe(LIMIT / 2);
    if (mode === "exact") expect((await isolates.shardCalls()).shards).toBeGreaterThan(0);
    await isolates.killAndRestart();
    const left = LIMIT - before - (await passed(`/${mode}`, LIMIT));
    expect(left).toBeGreaterThanOrEqual(0);
    expect(left).toBeLessThanOrEqual(2 * LENDABLE);
    await isolates.killAndRestart();
    expect(await passed(`/${mode}`, 100)).toBeLessThanOrEqual(left);
  },
);
