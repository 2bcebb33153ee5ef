import { describe, expect, test } from "vitest";
import { stepHub } from "../../../shared/policy/hub.ts";
import {
  canaryLaggardsOf,
  confirmable,
  isAsking,
  owedServices,
  reportsOf,
  unneeded,
  unsubscribed,
} from "../../../shared/policy/hub-duties.ts";
import {
  type HubEvent,
  type HubSettings,
  type HubState,
  newHub,
  newHubView,
} from "../../../shared/policy/hub-state.ts";
import type { ViewChange } from "../../../shared/policy/service-view.ts";
import { RETURNS } from "../../support/return-settings.ts";

const settings: HubSettings = {
  ...{ leaseMs: 20_000, graceMs: 1_000, ...RETURNS, forgetAfterMs: 3_600_000, instancesMax: 10, marksMax: 10 },
};
const step = (state: HubState, event: HubEvent, nowMs = 0) => stepHub(state, event, nowMs, settings);
const endpoint = (instance: string) => ({ instance, host: "h", port: 80, labels: {} });
const hello = (
  service: string,
  instance: string,
  views?: readonly { service: string; epoch: string; revision: number }[],
) => ({
  type: "hello" as const,
  ...{ service, instance, connection: `of ${instance}`, endpoint: endpoint(instance) },
  ...{ planVersion: 1, certificateNotAfterMs: 9, takesChanges: views !== undefined, views },
});
const said = (type: "ready" | "draining" | "closed", service: string, instance: string) =>
  ({ type, key: `${service}/${instance}`, connection: `of ${instance}` }) as const;
const change = (revision: number, more: Partial<ViewChange> = {}): ViewChange => ({
  ...{ epoch: "e", revision, put: [], remove: [] },
  ...more,
});
const view = (one: ViewChange, wanted = 0, service = "stock") =>
  ({ type: "view", service, change: one, wanted }) as const;
const callable = new Map([
  ["orders", ["stock"]],
  ["users", ["mail"]],
  ["stock", []],
]);

/** Orders and users are here, and know one endpoint of stock, and none of mail. */
function serving(): HubState {
  const state = newHub();
  step(state, { type: "published", callable });
  step(state, hello("orders", "o1", []));
  step(state, hello("users", "u1", []));
  step(state, view(change(3, { put: [endpoint("s1")] })));
  step(state, view(change(1), 0, "mail"));
  return state;
}

test("one agent is told to leave, while it is connected and does not yet", () => {
  const state = serving();
  const drain = { type: "drain", key: "orders/o1" } as const;
  expect(step(state, drain).sends).toEqual([{ to: ["of o1"], message: { type: "drain" } }]);
  step(state, said("draining", "orders", "o1"));
  expect(step(state, drain).sends).toEqual([]);
  step(state, said("closed", "users", "u1"));
  expect(step(state, { ...drain, key: "users/u1" }).sends).toEqual([]);
  expect(step(state, { ...drain, key: "nobody/n1" }).sends).toEqual([]);
});

test("whoever does not hold a canary lacks it, and whoever does as long as endpoints are unknown that it needs", () => {
  const state = serving();
  const lacking = (version: number) =>
    canaryLaggardsOf(state, version, (service) => service !== "users").map(({ instance }) => instance);
  expect(lacking(7)).toEqual(["o1"]);
  const key = "orders/o1";
  step(state, { type: "canary", key, version: 7, refused: "too new" });
  expect(state.sessions.instances[key]?.canary).toEqual({ version: 7, refused: "too new" });
  expect(lacking(7)).toEqual(["o1"]);
  step(state, { type: "canary", key, version: 7 });
  expect([lacking(7), lacking(8)]).toEqual([[], ["o1"]]);
  step(state, { type: "published", callable: new Map([...callable, ["orders", ["stock", "till"]]]) });
  expect(lacking(7)).toEqual(["o1"]);
  step(state, view(change(1), 0, "till"));
  expect(lacking(7)).toEqual([]);
  step(state, hello("orders", "o1", []));
  expect(lacking(7)).toEqual(["o1"]);
  step(state, said("closed", "orders", "o1"));
  expect(lacking(7)).toEqual([]);
});

test("an agent is told what it may call as soon as it is known, and the hub asks for no more than that", () => {
  const state = newHub();
  step(state, { type: "published", callable });
  expect(unsubscribed(state)).toEqual([]);
  expect(step(state, hello("orders", "o1", [])).sends).toEqual([
    { to: ["of o1"], message: { type: "changes", views: [] } },
  ]);
  expect(unsubscribed(state)).toEqual(["stock"]);
  const { sends } = step(state, view(change(3, { put: [endpoint("s1")] })));
  expect(sends).toEqual([
    {
      to: ["of o1"],
      message: { type: "changes", views: [{ service: "stock", ...change(3, { put: [endpoint("s1")] }) }] },
    },
  ]);
  expect(unsubscribed(state)).toEqual([]);
});

test("a change goes to those who may call the service, and to nobody who has it", () => {
  const state = serving();
  const next = change(4, { from: 3, remove: ["s1"] });
  const { sends, views } = step(state, view(next));
  expect(sends).toEqual([{ to: ["of o1"], message: { type: "changes", views: [{ service: "stock", ...next }] } }]);
  expect(views.get("stock")).toEqual(["s1"]);
  expect(step(state, view(next)).sends).toEqual([]);
  expect(step(state, view(change(9, { from: 8 }))).gaps).toEqual(["stock"]);
});

test("an agent that takes whole views gets them when all is known, and with each change", () => {
  const state = newHub();
  step(state, { type: "published", callable: new Map([["orders", ["stock", "mail"]]]) });
  expect(step(state, hello("orders", "o1")).sends).toEqual([]);
  expect(step(state, view(change(3, { put: [endpoint("s1")] }))).sends).toEqual([]);
  const { sends } = step(state, view(change(1), 0, "mail"));
  expect(sends).toMatchObject([{ message: { type: "endpoints", services: { stock: [endpoint("s1")], mail: [] } } }]);
});

test("what a new plan lets an agent call it is told, and what it knew is not told again", () => {
  const state = serving();
  const wider = new Map([...callable, ["orders", ["stock", "mail"]]]);
  const { sends } = step(state, { type: "published", callable: wider });
  expect(sends).toEqual([{ to: ["of o1"], message: { type: "changes", views: [{ service: "mail", ...change(1) }] } }]);
  step(state, { type: "published", callable: new Map([["orders", []]]) });
  expect(unneeded(state)).toEqual(["stock", "mail"]);
  step(state, { type: "leaving", service: "mail" });
  step(state, { type: "unsubscribed", service: "mail" });
  expect([...state.views.keys()]).toEqual(["stock"]);
});

test("a service that is called again while its registry is told otherwise is asked for anew", () => {
  const state = serving();
  step(state, { type: "published", callable: new Map([...callable, ["users", []]]) });
  step(state, { type: "leaving", service: "mail" });
  step(state, { type: "published", callable });
  expect(unsubscribed(state)).toEqual(["mail"]);
  step(state, { type: "unsubscribed", service: "mail" });
  expect(unsubscribed(state)).toEqual(["mail"]);
});

describe("reports", () => {
  test("say how an instance is now, until its registry has taken that", () => {
    const state = serving();
    step(state, hello("stock", "s1", []));
    expect(owedServices(state)).toEqual([]);
    step(state, said("ready", "stock", "s1"));
    expect(owedServices(state)).toEqual(["stock"]);
    const first = reportsOf(state, "stock", false, 100);
    expect(first.reports).toEqual([{ instance: "s1", state: "up", endpoint: endpoint("s1") }]);
    step(state, said("draining", "stock", "s1"));
    step(state, { type: "reported", reported: first.owed });
    const second = reportsOf(state, "stock", false, 100);
    expect(second.batch).toBeGreaterThan(first.batch);
    expect(second.reports).toEqual([{ instance: "s1", state: "draining", connection: "of s1" }]);
    step(state, said("closed", "stock", "s1"));
    expect(reportsOf(state, "stock", false, 100).reports).toEqual([{ instance: "s1", state: "gone" }]);
    step(state, { type: "late", batch: 5_000 });
    const last = reportsOf(state, "stock", false, 100);
    expect(last.batch).toBe(5_001);
    step(state, { type: "reported", reported: last.owed });
    expect(owedServices(state)).toEqual([]);
  });

  test("of everything name those that are there alone", () => {
    const state = serving();
    for (const name of ["s1", "s2"]) step(state, hello("stock", name, []));
    step(state, said("ready", "stock", "s2"));
    expect(reportsOf(state, "stock", true, 0).reports).toMatchObject([{ instance: "s2", state: "up" }]);
  });

  test("are not made for an agent that comes back in time", () => {
    const state = serving();
    step(state, hello("stock", "s1", []));
    step(state, said("ready", "stock", "s1"));
    step(state, { type: "reported", reported: reportsOf(state, "stock", false, 0).owed });
    step(state, said("closed", "stock", "s1"), 10);
    step(state, hello("stock", "s1", []), 500);
    step(state, said("ready", "stock", "s1"), 501);
    expect(owedServices(state)).toEqual([]);
  });
});

describe("what is to be acknowledged", () => {
  const seen = (instance: string, revision: number, epoch = "e"): HubEvent => ({
    type: "seen",
    ...{ key: `orders/${instance}`, connection: `of ${instance}` },
    views: [{ service: "stock", epoch, revision }],
  });
  const asked = view(change(4, { from: 3, remove: ["s1"] }), 4);

  test("is, when every caller has, and the registry was told", () => {
    const state = serving();
    step(state, hello("orders", "o2", []));
    expect(step(state, asked).sends).toMatchObject([{ to: ["of o1", "of o2"], message: { views: [{ ack: true }] } }]);
    step(state, seen("o1", 4));
    step(state, seen("o2", 3));
    step(state, seen("o2", 4, "other"));
    expect(confirmable(state, 0)).toEqual([]);
    step(state, seen("o2", 4));
    expect(confirmable(state, 0)).toEqual([{ service: "stock", held: { epoch: "e", revision: 4 } }]);
    step(state, { type: "confirmed", service: "stock", revision: 4 });
    expect([confirmable(state, 0), isAsking(state)]).toEqual([[], false]);
    // The registry did not hear it.
    expect(step(state, asked).sends).toMatchObject([{ to: ["of o1", "of o2"] }]);
  });

  test("waits for a caller that is lost until its lease has ended, and for none that takes whole views", () => {
    const state = serving();
    step(state, hello("orders", "o2"));
    step(state, asked);
    step(state, { type: "lost", key: "orders/o1" }, 100);
    expect(confirmable(state, 20_099)).toEqual([]);
    expect(confirmable(state, 20_100)).toHaveLength(1);
  });

  test("is said by a hello that names it, and asked of one that does not", () => {
    const state = serving();
    step(state, asked);
    const again = step(state, hello("orders", "o1", [{ service: "stock", epoch: "e", revision: 3 }]));
    expect(again.sends).toMatchObject([{ message: { views: [{ from: 3, remove: ["s1"], ack: true }] } }]);
    expect(confirmable(state, 0)).toEqual([]);
    step(state, hello("orders", "o1", [{ service: "stock", epoch: "e", revision: 4 }]));
    expect(confirmable(state, 0)).toHaveLength(1);
  });

  test("is asked again after a sleep", () => {
    const state = serving();
    step(state, asked);
    step(state, seen("o1", 4));
    for (const [service, kept] of state.views)
      state.views.set(service, newHubView(kept.view, kept.wanted, kept.confirmed));
    expect(confirmable(state, 0)).toEqual([]);
    const { sends } = step(state, { type: "woken" });
    expect(sends).toMatchObject([{ to: ["of o1"], message: { views: [{ from: 4, revision: 4, ack: true }] } }]);
  });
});

test("a release is for the drain that it names", () => {
  const state = serving();
  const release = (connection: string): HubEvent => ({
    type: "released",
    service: "stock",
    instance: "s1",
    connection,
  });
  step(state, hello("stock", "s1", []));
  step(state, said("ready", "stock", "s1"));
  expect(step(state, release("of s1")).sends).toEqual([]);
  step(state, said("draining", "stock", "s1"));
  expect(step(state, release("of another")).sends).toEqual([]);
  expect(step(state, release("of s1")).sends).toEqual([{ to: ["of s1"], message: { type: "drained" } }]);
});
