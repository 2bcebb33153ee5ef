/** A fault is planted for each rule: a step or a host that does one thing wrong. It has to be found within the seeds of the usual run. */
import { expect, test } from "vitest";
import type { FaultKind } from "./faults.ts";
import type { Habits } from "./nodes.ts";
import type { RuleName } from "./rules.ts";
import { runSeeds } from "./run-seeds.ts";
import { productionSteps as real, type Steps } from "./steps.ts";

interface Planted {
  readonly rule: RuleName;
  readonly fault: string;
  /** Where it needs some in particular. */
  readonly faults?: readonly FaultKind[];
  readonly steps?: Partial<Steps>;
  readonly habits?: Partial<Habits>;
}

const SEEDS = 1_000;

const PLANTED: readonly Planted[] = [
  {
    rule: "versions never go back",
    fault: "a hub takes any publication that comes",
    steps: { isOldPublication: () => false },
  },
  {
    rule: "what is said to be served is served",
    fault: "a lease counts for the live version, whatever the isolate holds",
    steps: { versionHere: (_, live) => live.version },
  },
  {
    rule: "no acknowledged version is lost",
    fault: "versions are acknowledged before they are stored",
    habits: { storesVersions: false },
  },
  {
    rule: "no endpoint stops before its callers know",
    fault: "a hub confirms for callers that have said nothing",
    steps: {
      confirmable: (state) =>
        [...state.views].flatMap(([service, { view, wanted, confirmed }]) =>
          wanted > confirmed ? [{ service, held: { epoch: view.epoch, revision: wanted } }] : [],
        ),
    },
  },
  {
    rule: "no endpoint stops before its callers know",
    fault: "an agent that drains waits for nobody",
    steps: { callersKnow: () => () => true },
  },
  {
    rule: "no withdrawn endpoint stays in use",
    fault: "agents pass over what left, unless they are asked to acknowledge it",
    steps: {
      stepDiscovery: (state, event) =>
        real.stepDiscovery(
          state,
          event.type === "changes"
            ? { ...event, views: event.views.map((view) => (view.ack === true ? view : { ...view, remove: [] })) }
            : event,
        ),
    },
  },
  {
    rule: "who is told to wait keeps its endpoint",
    fault: "a hub that was restarted keeps endpoints no longer than for one lost connection",
    faults: ["deploy"],
    steps: {
      stepHub: (state, event, nowMs, settings) =>
        real.stepHub(state, event, nowMs, { ...settings, leaseMs: settings.graceMs }),
    },
  },
  {
    rule: "no valid credential is dropped",
    fault: "a renewal that fails gives up the certificate",
    habits: {
      renewalFailed: (agent) => {
        agent.leaf = undefined;
      },
    },
  },
  {
    rule: "no identity outside the rules",
    fault: "join tokens are good again and again",
    steps: { refuseJoin: (token, ...rest) => real.refuseJoin(token && { ...token, usedAtMs: 0 }, ...rest) },
  },
  {
    rule: "no identity outside the rules",
    fault: "the secret of a join token is not asked for",
    steps: { refuseJoin: (token, _, nowMs) => real.refuseJoin(token, true, nowMs) },
  },
  {
    rule: "no root goes that is in use",
    fault: "a rotation waits for nobody",
    steps: {
      stepAuthority: (state, event, nowMs) =>
        real.stepAuthority(state, event.type === "tick" ? { ...event, live: 0, away: 0, leaves: 0 } : event, nowMs),
    },
  },
  {
    rule: "no key is used that somebody lacks",
    fault: "a new key waits for nobody",
    steps: {
      stepKeyRing: (ring, event, nowMs, settings) =>
        real.stepKeyRing(ring, event.type === "tick" ? { ...event, lagging: 0 } : event, nowMs, settings),
    },
  },
  {
    rule: "everything converges",
    fault: "a registry tries nothing a second time",
    faults: ["crash"],
    steps: { registryDueAt: () => Number.POSITIVE_INFINITY },
  },
  {
    rule: "everything converges",
    fault: "a registry believes the last report of any hub",
    steps: {
      stepRegistry: (state, ...rest) => {
        const verdict = real.stepRegistry(state, ...rest);
        for (const [instance, { others: _, ...member }] of state.members) state.members.set(instance, member);
        return verdict;
      },
    },
  },
  {
    rule: "everything converges",
    fault: "what a hub was told counts as taken, also what did not fit",
    faults: ["late", "twice", "cut"],
    steps: {
      stepRegistry: (state, event, nowMs, settings) =>
        real.stepRegistry(
          state,
          event.type === "delivered" ? { ...event, held: event.update.change } : event,
          nowMs,
          settings,
        ),
    },
  },
];

test.each(PLANTED)("$rule: $fault", ({ rule, faults, steps = {}, habits = {} }) => {
  const { broken } = runSeeds({ from: 0, to: SEEDS, steps, habits, ...(faults && { faults }) });
  expect(broken?.broken).toBe(rule);
});
