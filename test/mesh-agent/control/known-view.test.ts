import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { KnownView } from "../../../mesh-agent/control/known-view.ts";
import { stateIn } from "../../../mesh-agent/control/state-file.ts";
import { limits } from "../../../shared/limits.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import type { HubMessage } from "../../../shared/wire/hub.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { outboundDefaults } from "../support/control-plane.ts";

let folder: string;
let trouble: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "selvage-view-"));
  trouble = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const view = (service = "orders", trustDomain = "test.internal"): KnownView =>
  new KnownView(stateIn(folder), { service, trustDomain }, (message) => trouble.push(message));
const plan = { format: 1 as const, trustDomain: "test.internal", service: "orders", outbound: {} };
const planMessage = (version: number, change: object = {}): HubMessage => {
  const whole = { ...plan, ...change };
  const hash = createHash("sha256").update(canonicalJson(whole)).digest("hex");
  return { type: "plan", version, hash, plan: whole };
};
const endpoint = { instance: "a", host: "127.0.0.1", port: 1, labels: {} };

test("is complete with plan, trust and endpoints, and again after a restart", async () => {
  const { rootPem } = await makeAuthority("test.internal");
  const first = view();
  first.connected();
  expect(first.take({ type: "trust", roots: [rootPem], txnKeys: [] })).toBe("trust");
  expect(first.take(planMessage(3, { laterMember: { of: "another version" } }))).toBe("plan");
  expect(first.complete).toBe(false);
  expect(first.take({ type: "endpoints", revision: 7, services: { users: [endpoint] } })).toBe("endpoints");
  expect(first.complete).toBe(true);
  await expect
    .poll(() => existsSync(join(folder, "plan.json")) && existsSync(join(folder, "endpoints.json")))
    .toBe(true);
  await expect.poll(() => readFileSync(join(folder, "endpoints.json"), "utf8")).toContain("users");
  // At once, since it is acknowledged.
  expect(readFileSync(join(folder, "trust.json"), "utf8")).toContain("BEGIN CERTIFICATE");
  const second = view();
  second.load();
  expect(second.complete).toBe(true);
  expect(second.plan?.version).toBe(3);
  expect(second.endpoints.services).toEqual({ users: [endpoint] });
  const other = view("users");
  other.load();
  expect(other.plan).toBeUndefined();
});

test("an older view of the same connection is left, the first of a new one counts", () => {
  const known = view();
  known.connected();
  known.take({ type: "endpoints", revision: 7, services: {} });
  expect(known.take({ type: "endpoints", revision: 6, services: { users: [] } })).toBeUndefined();
  known.connected();
  expect(known.take({ type: "endpoints", revision: 1, services: { users: [] } })).toBe("endpoints");
});

test("after a reconnect nothing is taken away until the view has settled", () => {
  const known = view();
  known.connected();
  known.take({ type: "endpoints", revision: 7, services: { users: [endpoint] } });
  expect(known.settle()).toBe(false);
  known.connected();
  known.take({ type: "endpoints", revision: 8, services: { users: [] } });
  expect(known.endpoints.services).toEqual({ users: [endpoint] });
  const late = { ...endpoint, instance: "b", port: 2 };
  known.take({ type: "endpoints", revision: 9, services: { users: [late] } });
  expect(known.endpoints.services).toEqual({ users: [late, endpoint] });
  expect(known.settle()).toBe(true);
  expect(known.endpoints.services).toEqual({ users: [late] });
  known.take({ type: "endpoints", revision: 10, services: { users: [] } });
  expect(known.endpoints.services).toEqual({ users: [] });
});

test("what the last run left is taken away at once", () => {
  writeFileSync(join(folder, "endpoints.json"), JSON.stringify({ revision: 3, services: { users: [endpoint] } }));
  const known = view();
  known.load();
  known.connected();
  known.take({ type: "endpoints", revision: 4, services: { users: [] } });
  expect(known.endpoints.services).toEqual({ users: [] });
});

test("what cannot be used leaves the last good one", () => {
  const known = view();
  known.take(planMessage(1));
  const good = planMessage(2);
  expect(() => known.take({ ...good, hash: "0" } as HubMessage)).toThrow("hash");
  expect(() => known.take(planMessage(2, { service: "users" }))).toThrow("is for users");
  expect(() => known.take(planMessage(2, { outbound: { users: {} } }))).toThrow("outbound.users");
  expect(() => known.take(planMessage(2, { format: 99 }))).toThrow("cannot be read");
  expect(() => known.take({ type: "trust", roots: [], txnKeys: [] })).toThrow("without roots");
  expect(() => known.take({ type: "trust", roots: ["nonsense"], txnKeys: [] })).toThrow();
  expect(known.plan?.version).toBe(1);
  expect(known.trust).toBeUndefined();
});

test.each([
  ["service", "users", "test.internal"],
  ["trust domain", "orders", "other.internal"],
])("nothing that was left by another %s is used, its roots least of all", async (_, service, trustDomain) => {
  const { rootPem } = await makeAuthority("test.internal");
  const first = view();
  first.take({ type: "trust", roots: [rootPem], txnKeys: [] });
  first.take(planMessage(1));
  await expect.poll(() => existsSync(join(folder, "plan.json")) && existsSync(join(folder, "trust.json"))).toBe(true);
  const second = view(service, trustDomain);
  second.load();
  expect([second.plan, second.trust, second.complete]).toEqual([undefined, undefined, false]);
  expect(() => second.take(planMessage(2))).toThrow(/is (for orders|of test\.internal)/);
  expect(existsSync(join(folder, "trust.json"))).toBe(false);
});

test("a broken file counts as none and is told", () => {
  writeFileSync(join(folder, "plan.json"), "{");
  const known = view();
  known.load();
  expect(known.complete).toBe(false);
  expect(trouble).toHaveLength(1);
});

test("of the ingress is complete with the keys of the gateway's proofs alone", async () => {
  const { rootPem } = await makeAuthority("test.internal");
  const ofIngress = view("gateway");
  ofIngress.connected();
  ofIngress.take(planMessage(3, { service: "gateway" }));
  ofIngress.take({ type: "endpoints", revision: 7, services: {} });
  for (const hopKeys of [undefined, []]) {
    ofIngress.take({ type: "trust", roots: [rootPem], txnKeys: [], ...(hopKeys && { hopKeys }) });
    expect(ofIngress.complete).toBe(false);
  }
  const hopKeys = [{ kid: "h1", key: "A".repeat(43) }];
  ofIngress.take({ type: "trust", id: "t1", roots: [rootPem], txnKeys: [], hopKeys });
  expect(ofIngress.complete).toBe(true);
  expect(readFileSync(join(folder, "trust.json"), "utf8")).toContain("h1");
  for (const file of ["plan.json", "endpoints.json"])
    await expect.poll(() => existsSync(join(folder, file))).toBe(true);
  const again = view("gateway");
  again.load();
  expect(again.trust?.hopKeys).toEqual(hopKeys);
});

test("what is revoked is kept for the next run, and not for another identity; a broken file counts as none", async () => {
  const known = view();
  known.connected();
  known.take(planMessage(1));
  const expiresAtMs = Date.now() + 60_000;
  expect(known.take({ type: "revocations", revision: 4, entries: [{ jti: "t", expiresAtMs }] })).toBeUndefined();
  expect([...known.revocations.jtis.keys()]).toEqual(["t"]);
  await expect.poll(() => existsSync(join(folder, "revocations.json"))).toBe(true);
  await expect.poll(() => existsSync(join(folder, "plan.json"))).toBe(true);
  const again = view();
  again.load();
  expect([again.revocations.revision, [...again.revocations.jtis.keys()]]).toEqual([4, ["t"]]);
  writeFileSync(join(folder, "revocations.json"), "{");
  const broken = view();
  broken.load();
  expect([broken.revocations.revision, trouble.length]).toEqual([0, 1]);
  view("users").load();
  expect(existsSync(join(folder, "revocations.json"))).toBe(false);
});

const canaryMessage = (version: number, change: object = {}): HubMessage => {
  const message = planMessage(version, change);
  if (message.type !== "plan") throw new Error("no plan");
  return { ...message, type: "canary" };
};

test("a canary is held beside the plan, on disk, too, and for a while after its end", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const dropped = vi.fn();
    const known = new KnownView(stateIn(folder), plan, (message) => trouble.push(message), dropped);
    known.take(planMessage(3));
    expect(known.take(canaryMessage(4, { later: 1 }))).toBe("plan");
    expect([known.plan?.version, known.second.plan?.version]).toEqual([3, 4]);
    await vi.waitFor(() => expect(readFileSync(join(folder, "canary.json"), "utf8")).toContain('"version":4'));
    await vi.waitFor(() => expect(existsSync(join(folder, "plan.json"))).toBe(true));
    const again = view();
    again.load();
    expect([again.plan?.version, again.second.plan?.version]).toEqual([3, 4]);
    known.take({ type: "canary", version: 0 });
    vi.advanceTimersByTime(limits.canary.keptMs - 1);
    expect([known.second.plan?.version, dropped.mock.calls.length]).toEqual([4, 0]);
    vi.advanceTimersByTime(1);
    expect([known.second.plan, dropped.mock.calls.length]).toEqual([undefined, 1]);
    expect(existsSync(join(folder, "canary.json"))).toBe(false);
  } finally {
    vi.useRealTimers();
  }
});

test("endpoints of what either plan calls stay as long as both are held", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const known = view();
    const change = (service: string) => ({ service, epoch: "e", revision: 1, put: [endpoint], remove: [], ack: true });
    known.take(planMessage(3, { outbound: { users: outboundDefaults } }));
    known.take(canaryMessage(4, { outbound: { stock: outboundDefaults } }));
    expect(known.take({ type: "changes", views: [change("users"), change("stock")] } as HubMessage)).toBe("endpoints");
    expect(known.answers.seen.map(({ service }) => service)).toEqual(["users", "stock"]);
    known.take(planMessage(5, { outbound: { users: outboundDefaults } }));
    known.take({ type: "canary", version: 0 });
    expect(Object.keys(known.endpoints.services)).toEqual(["users", "stock"]);
    vi.advanceTimersByTime(limits.canary.keptMs);
    expect(Object.keys(known.endpoints.services)).toEqual(["users"]);
    expect(known.held.map(({ service }) => service)).toEqual(["users"]);
  } finally {
    vi.useRealTimers();
  }
});

test("one that is promoted changes places with the plan before it", () => {
  const known = view();
  known.take(planMessage(3));
  known.take(canaryMessage(4));
  known.take(planMessage(4));
  expect([known.plan?.version, known.second.plan?.version]).toEqual([4, 3]);
  known.take(canaryMessage(4));
  expect(known.second.plan?.version).toBe(3);
  known.take(canaryMessage(5));
  expect([known.plan?.version, known.second.plan?.version]).toEqual([4, 5]);
  known.second.drop();
});

test("a canary that is another service's or altered is refused, and the one before stays", () => {
  const known = view();
  known.take(planMessage(3));
  known.take(canaryMessage(4));
  expect(() => known.take(canaryMessage(5, { service: "users" }))).toThrow("the plan is for users");
  expect(() => known.take({ ...canaryMessage(5), hash: "0" } as HubMessage)).toThrow("hash");
  expect(known.second.plan?.version).toBe(4);
  known.second.drop();
});

test("that there is nobody to call is kept, too: an agent that calls nobody starts again without the control plane", async () => {
  const { rootPem } = await makeAuthority("test.internal");
  const first = view();
  first.connected();
  first.take({ type: "trust", roots: [rootPem], txnKeys: [] });
  first.take(planMessage(1));
  expect(first.take({ type: "changes", views: [] })).toBe("endpoints");
  const files = ["plan.json", "trust.json", "endpoints.json"];
  await expect.poll(() => files.every((name) => existsSync(join(folder, name)))).toBe(true);
  const second = view();
  second.load();
  expect(second.complete).toBe(true);
});

const heldOnDisk = () => {
  const kept = view();
  kept.load();
  return kept.held;
};

test("changes are taken, what is held is named again after a restart, and what left is acknowledged", async () => {
  const first = view();
  first.connected();
  first.take(planMessage(1));
  const whole = { service: "users", epoch: "e", revision: 4, put: [endpoint], remove: [] };
  expect(first.take({ type: "changes", views: [whole] })).toBe("endpoints");
  expect(first.held).toEqual([{ service: "users", epoch: "e", revision: 4 }]);
  await expect.poll(heldOnDisk).toEqual(first.held);
  const second = view();
  second.load();
  second.connected();
  expect([second.held, second.endpoints.services]).toEqual([first.held, { users: [endpoint] }]);
  const left = { service: "users", epoch: "e", revision: 5, from: 4, put: [], remove: ["a"], ack: true as const };
  expect(second.take({ type: "changes", views: [left] })).toBe("endpoints");
  expect([second.endpoints.services, second.answers.seen]).toEqual([{ users: [] }, second.held]);
  expect(second.take({ type: "changes", views: [{ ...left, from: 7, revision: 8 }] })).toBeUndefined();
  expect(second.answers.resync).toEqual(second.held);
  await expect.poll(heldOnDisk).toEqual([{ service: "users", epoch: "e", revision: 5 }]);
});

test("a control plane of a later version takes over what an earlier one told, and nothing of it is acknowledged at once", async () => {
  const known = view();
  known.connected();
  known.take({ type: "endpoints", revision: 7, services: { users: [endpoint] } });
  known.connected();
  const gathering = { service: "users", epoch: "e", revision: 1, put: [], remove: [], ack: true as const };
  known.take({ type: "changes", views: [gathering] });
  expect([known.endpoints.services, known.answers.seen]).toEqual([{ users: [endpoint] }, []]);
  expect([known.isSettling, known.settle()]).toEqual([true, true]);
  expect([known.endpoints.services, known.answers.seen]).toEqual([{ users: [] }, known.held]);
  await expect.poll(heldOnDisk).toEqual(known.held);
});
