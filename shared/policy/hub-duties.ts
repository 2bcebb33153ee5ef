/** What a hub owes to the registries, and who lacks a canary, by what it holds: see `hub.ts`. */
import { dueAt, type Instance, instanceKey } from "./agent-sessions.ts";
import { type HubSettings, type HubState, type HubView, laterThan, type Owed } from "./hub-state.ts";
import type { InstanceReport } from "./registry.ts";
import type { HeldRevision } from "./service-view.ts";

/** Services that its agents may call and of which it holds nothing yet. */
export function unsubscribed(state: HubState): string[] {
  return [...state.views].flatMap(([service, { view }]) => (view.epoch === "" ? [service] : []));
}

/** What is held of a service; undefined: no agent of this hub calls it. */
export function heldOf({ views }: HubState, service: string): HeldRevision | undefined {
  const view = views.get(service)?.view;
  return view && { epoch: view.epoch, revision: view.revision };
}

/** Services of its agents, and those that these may call. */
export function servicesOf({ sessions, views }: HubState): Set<string> {
  return new Set([...Object.values(sessions.instances).map(({ service }) => service), ...views.keys()]);
}

/** Services that no agent of this hub may call any more. */
export function unneeded(state: HubState): string[] {
  const needed = new Set(
    Object.values(state.sessions.instances).flatMap((one) => state.callable.get(one.service) ?? []),
  );
  return [...state.views.keys()].filter((service) => !needed.has(service));
}

/** Services whose registries have to be told something. */
export function owedServices(state: HubState): string[] {
  return [...new Set([...state.owed.values()].map(({ service }) => service))];
}

/**
 * What to tell the registry of a service; each call makes a new batch.
 * @param all whatever it was told before that is not in it is over
 */
export function reportsOf(
  state: HubState,
  service: string,
  all: boolean,
  nowMs: number,
): { readonly batch: number; readonly reports: InstanceReport[]; readonly owed: Owed[] } {
  const owed = [...state.owed.values()].filter((one) => one.service === service);
  const known = Object.values(state.sessions.instances).filter((one) => one.service === service);
  const reports = all
    ? known.map((one) => reportOf(one.instance, one)).filter((report) => report.state !== "gone")
    : owed.map(({ instance }) => reportOf(instance, state.sessions.instances[instanceKey(service, instance)]));
  state.batch = laterThan(state.batch, nowMs);
  return { batch: state.batch, reports, owed };
}

/** Services with a wanted revision that all callers go by, or those that count: see `holdsUp`. */
export function confirmable(
  state: HubState,
  nowMs: number,
): { readonly service: string; readonly held: HeldRevision }[] {
  return [...state.views].flatMap(([service, kept]) => {
    const { view, wanted, confirmed } = kept;
    if (wanted <= confirmed || view.revision < wanted || isWaiting(state, service, kept, nowMs)) return [];
    return [{ service, held: { epoch: view.epoch, revision: wanted } }];
  });
}

/** Revisions are wanted that not all callers have acknowledged, or whose registry does not know it. */
export function isAsking(state: HubState): boolean {
  return [...state.views.values()].some(({ wanted, confirmed }) => wanted > confirmed);
}

/** Somebody who counts has not acknowledged; whoever that was the last time is looked at first. */
function isWaiting(state: HubState, service: string, kept: HubView, nowMs: number): boolean {
  const { instances } = state.sessions;
  const lacks = (key: string): boolean => {
    const known = instances[key];
    if (known === undefined || (kept.seen.get(key) ?? 0) >= kept.wanted) return false;
    return holdsUp(known, nowMs) && state.callable.get(known.service)?.includes(service) === true;
  };
  if (kept.waitsFor !== undefined && lacks(kept.waitsFor)) return true;
  kept.waitsFor = Object.keys(instances).find(lacks);
  return kept.waitsFor !== undefined;
}

/**
 * Agents that are connected and cannot serve by a canary yet: they have not said that they hold it, or it is not known yet which
 * endpoints the services have that it lets them call.
 * @param knows whether it has a face for a service
 */
export function canaryLaggardsOf(state: HubState, version: number, knows: (service: string) => boolean): Instance[] {
  const unknown = new Set(unsubscribed(state));
  return Object.values(state.sessions.instances).filter(({ connected, service, canary }) => {
    if (!connected || !knows(service)) return false;
    if (canary?.version !== version || canary.refused !== undefined) return true;
    return state.callable.get(service)?.some((name) => unknown.has(name)) === true;
  });
}

/** Milliseconds since the epoch at which the hub is to step a `tick`. */
export function hubDueAt(state: HubState, settings: HubSettings): number {
  return Object.values(state.sessions.instances).reduce(
    (atMs, known) => Math.min(atMs, dueAt(known, settings)),
    Number.POSITIVE_INFINITY,
  );
}

/** A caller that went without a goodbye may be alive, and counts for its lease; one that takes whole views cannot say. */
function holdsUp(known: Instance, nowMs: number): boolean {
  return known.takesChanges === true && (known.connected || nowMs < known.leaseEndsAtMs);
}

function reportOf(instance: string, known: Instance | undefined): InstanceReport {
  if (known?.visible === true) return { instance, state: "up", endpoint: known.endpoint };
  const drains = known?.phase === "draining" && known.endpoint !== undefined;
  return drains ? { instance, state: "draining", connection: known.connection } : { instance, state: "gone" };
}
