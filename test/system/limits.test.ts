import { afterAll, beforeAll, expect, test } from "vitest";
import { lendableOf } from "../../shared/policy/limiter-state.ts";
import { type AdmissionLog, startAdmissionLog } from "../support/admission-log.ts";
import { type Isolates, startIsolates } from "../support/isolates.ts";
import { passedRequests } from "../support/status-load.ts";
import { until } from "../support/system.ts";

const LIMIT = 600;
const QUOTA = 200;
let document: (quota: number) => string;
let upstream: AdmissionLog;
let isolates: Isolates;

beforeAll(async () => {
  upstream = await startAdmissionLog();
  const route = (name: string, mode: string): string => `
    - name: ${name}
      match: { path: /${name} }
      rateLimit: { limit: ${LIMIT}/hour, by: ip, mode: ${mode} }
      to: "http://127.0.0.1:${upstream.port}"`;
  document = (quota) => `selvage: 1
name: limits
gateway:
  hosts: ["127.0.0.1"]
  limits: { quota: { limit: ${quota}/month, by: ip } }
  routes:${route("exact", "exact")}${route("leased", "leased")}
    - { name: one, match: { path: /one }, rateLimit: quota, to: "http://127.0.0.1:${upstream.port}" }
    - { name: two, match: { path: /two }, rateLimit: quota, to: "http://127.0.0.1:${upstream.port}" }
`;
  isolates = await startIsolates(3, document(QUOTA));
});
afterAll(async () => {
  await isolates?.stop();
  upstream?.close();
});

const passed = (path: string, requests: number): Promise<number> => passedRequests(isolates.ports, path, requests);

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

/** Every isolate decides by the document with this quota. */
async function follows(quota: number): Promise<void> {
  for (const port of isolates.ports)
    await until("the new quota", async () => {
      const { headers } = await fetch(`http://127.0.0.1:${port}/two`, { headers: { "cf-connecting-ip": "192.0.2.9" } });
      return headers.get("ratelimit-policy")?.startsWith(`"quota";q=${quota};`) === true;
    });
}

test("a month's quota goes on when a document changes it, over its routes and a restart", async () => {
  expect(await passed("/one", QUOTA / 2)).toBe(QUOTA / 2);
  await isolates.apply(document(2 * QUOTA));
  await follows(2 * QUOTA);
  const held = lendableOf({ limit: QUOTA, windowMs: 0 });
  const raised = await passed("/two", QUOTA);
  expect(raised).toBe(QUOTA);
  await isolates.killAndRestart();
  await isolates.apply(document(QUOTA));
  await follows(QUOTA);
  expect(await passed("/one", 50)).toBe(0);
  await isolates.apply(document(2 * QUOTA));
  await follows(2 * QUOTA);
  const last = await passed("/two", 2 * QUOTA);
  expect(QUOTA / 2 + raised + last).toBeLessThanOrEqual(2 * QUOTA);
  expect(QUOTA / 2 + raised + last).toBeGreaterThanOrEqual(2 * QUOTA - 6 * held);
});
