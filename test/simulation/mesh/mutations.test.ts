/** A fault is planted for each rule: a step or a host that does one thing wrong. It has to be found within the seeds of the usual run. */
import { expect, test } from "vitest";
import type { FaultKind } from "./faults.ts";
import type { Habits } from "./nodes.ts";
import { runSeeds } from "./run-seeds.ts";
import { productionSteps as real, type Steps } from "./steps.ts";
import type { RuleName } from "./violation.ts";

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
    rule: "a canary begins when everybody has it",
    fault: "agents are not asked whether they have it",
    steps: { canaryLaggardsOf: () => [] },
  },
  {
    rule: "a canary begins when everybody has it",
    fault: "gateways that lack it count as having it",
    steps: { gatewaysWithout: () => ({ without: [], refusing: undefined }) },
  },
  {
    rule: "a request is decided by one version",
    fault: "agents decide by the live version whatever a request names",
    steps: { versionNamed: (_, { stable }) => stable },
  },
  {
    rule: "a request is decided by one version",
    fault: "an agent drops the version before as soon as a canary is live",
    steps: { keepsFormer: () => false },
  },
  {
    rule: "no canary is live unless it was promoted",
    fault: "gateways that do not give it all requests are not waited for",
    steps: { withoutAllRequests: () => 0 },
  },
  {
    rule: "no canary is live unless it was promoted",
    fault: "a step's end promotes it, although there are more",
    steps: {
      stepCanary: (state, event, nowMs, settings) =>
        real.stepCanary(state, event, nowMs, { ...settings, steps: settings.steps.slice(0, 1) }),
    },
  },
  {
    rule: "what was rolled back never comes back",
    fault: "a version is released however its canary ended",
    habits: { isReleased: () => true },
  },
  {
    rule: "everything converges",
    fault: "a hub takes news of a canary that come late",
    faults: ["late", "twice"],
    steps: { isOldCanary: ({ version, isOver }, held) => version === held.version && isOver === held.isOver },
  },
  {
    rule: "no other share is drawn than was set",
    fault: "an answer to a lease counts although a later one was taken",
    faults: ["late"],
    habits: { isOvertaken: () => false },
  },
  {
    rule: "no other share is drawn than was set",
    fault: "the header is not asked for, all get it at any share",
    steps: { choosesCanary: () => true },
  },
  {
    rule: "no other share is drawn than was set",
    fault: "twice the share is drawn",
    steps: { choosesCanary: (choice, request) => real.choosesCanary({ ...choice, share: 2 * choice.share }, request) },
  },
  {
    rule: "a canary is judged by its requests",
    fault: "failed requests are not looked at",
    steps: {
      stepCanary: (state, event, nowMs, settings) =>
        real.stepCanary(state, event.type === "counted" ? { ...event, errors: 0 } : event, nowMs, settings),
    },
  },
  {
    rule: "a canary is judged by its requests",
    fault: "a report that comes twice counts twice",
    faults: ["twice", "lost"],
    steps: {
      addReport: (window, isolate, report, nowMs) => ({
        ...real.addReport(window, isolate, report, nowMs),
        counted: true,
      }),
    },
  },
  {
    rule: "everything converges",
    fault: "agents hold a canary that is over",
    steps: {
      secondAfter: (told, held) => {
        const act = real.secondAfter(told, held);
        return act === "release" ? "stay" : act;
      },
    },
  },
  {
    rule: "no token is spent twice",
    fault: "join tokens are good again and again",
    steps: { refuseJoin: (token, ...rest) => real.refuseJoin(token && { ...token, usedAtMs: 0 }, ...rest) },
  },
  {
    rule: "no token is spent twice",
    fault: "a token of the platform is good with any key",
    steps: { refuseReuse: () => undefined },
  },
  {
    rule: "no identity outside the rules",
    fault: "whoever was let in stays so while another version becomes live",
    faults: [],
    steps: { isOutdated: () => false },
  },
  {
    rule: "no identity outside the rules",
    fault: "nobody looks at the rules of the document",
    steps: {
      judgeJoin: (_, __, claims) => ({ matched: { rule: 0, service: String(claims.ns) }, asked: [] }),
    },
  },
  {
    rule: "who is revoked stays out",
    fault: "a revoked workload gets certificates",
    steps: { refuseWorkload: () => undefined },
  },
  {
    rule: "who is revoked stays out",
    fault: "a key that was removed is kept again by the next renewal",
    steps: { mayKeepKey: (known, shown) => known?.isRemoved === true || real.mayKeepKey(known, shown) },
  },
  {
    rule: "who is enrolled comes back",
    fault: "a key ends with the certificate",
    steps: { refuseKey: (key, _, nowMs) => real.refuseKey(key, 24 * 3_600_000, nowMs) },
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
