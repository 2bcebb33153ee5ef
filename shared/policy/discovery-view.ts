/**
 * What an agent knows of the endpoints of the services that it calls.
 *
 * A host drives it so: each message of the hub is a step; when the verdict says that something changed it puts `inUse` into
 * use, and then, not before, sends `seen` for what the verdict has to acknowledge: no new request can choose what left by
 * then. What it has to ask for anew goes into a `resync`. In `hello` it names `heldRevisions`. After `limits.agent.viewSettleMs`
 * without another such event it steps `settled`.
 */
import type { ViewEndpoint } from "./endpoint.ts";
import type { ChangePush, NamedRevision } from "./hub-state.ts";
import { endpointsOf, forgetMarks, newServiceView, type ServiceView, takeChange } from "./service-view.ts";

export type Endpoints<E extends ViewEndpoint> = Readonly<Record<string, readonly E[]>>;

export interface DiscoveryState<E extends ViewEndpoint = ViewEndpoint> {
  /** By service, as registries told it. */
  readonly views: Map<string, ServiceView<E>>;
  /**
   * Of services whose registry counts anew, or was not heard yet: what was in use before. It is kept until the view has
   * settled, or until it is said to leave. Dead ones among them are the breaker's to pass over.
   */
  readonly before: Map<string, readonly E[]>;
  /** Services of which a revision is to be acknowledged once the view has settled: what is kept may be what is to leave. */
  readonly unsaid: Set<string>;
}

export type DiscoveryEvent<E extends ViewEndpoint = ViewEndpoint> =
  | { readonly type: "changes"; readonly views: readonly (ChangePush & { readonly put: readonly E[] })[] }
  | { readonly type: "settled" }
  /** What is in use and was not told by registries: by the last run, or by a control plane that tells whole views. */
  | { readonly type: "inherited"; readonly services: Endpoints<E> }
  /** A plan: nothing else may be called. */
  | { readonly type: "callable"; readonly services: Iterable<string> };

export interface DiscoveryVerdict {
  changed: boolean;
  readonly seen: NamedRevision[];
  readonly resync: NamedRevision[];
}

export const newDiscovery = <E extends ViewEndpoint>(): DiscoveryState<E> => ({
  views: new Map(),
  before: new Map(),
  unsaid: new Set(),
});

/** Applies one event to `state` in place. */
export function stepDiscovery<E extends ViewEndpoint>(
  state: DiscoveryState<E>,
  event: DiscoveryEvent<E>,
): DiscoveryVerdict {
  const verdict: DiscoveryVerdict = { changed: false, seen: [], resync: [] };
  if (event.type === "changes") for (const change of event.views) takePush(state, change, verdict);
  else if (event.type === "settled") {
    verdict.changed = state.before.size > 0;
    state.before.clear();
    verdict.seen.push(...heldRevisions(state).filter(({ service }) => state.unsaid.has(service)));
    state.unsaid.clear();
  } else if (event.type === "inherited") {
    for (const [service, endpoints] of Object.entries(event.services)) state.before.set(service, endpoints);
  } else {
    const callable = new Set(event.services);
    for (const service of servicesOf(state))
      if (!callable.has(service)) {
        state.views.delete(service);
        state.before.delete(service);
        verdict.changed = true;
      }
  }
  return verdict;
}

function takePush<E extends ViewEndpoint>(
  state: DiscoveryState<E>,
  push: ChangePush & { readonly put: readonly E[] },
  verdict: DiscoveryVerdict,
): void {
  const { service } = push;
  const view = state.views.get(service) ?? newServiceView<E>();
  const wasEpoch = view.epoch;
  const wasInUse = endpointsInUse(state, service);
  const taken = takeChange(view, push);
  const held = { service, epoch: view.epoch, revision: view.revision };
  if (taken === "gap") {
    verdict.resync.push(held);
    return;
  }
  state.views.set(service, view);
  forgetMarks(view, 0);
  if (taken === "applied") {
    verdict.changed = true;
    if (wasEpoch !== "" && wasEpoch !== view.epoch) state.before.set(service, wasInUse);
    const left = new Set(push.remove);
    const before = state.before.get(service)?.filter(({ instance }) => !left.has(instance));
    if (before !== undefined) state.before.set(service, before);
  }
  if (push.ack !== true) return;
  if (state.before.has(service)) state.unsaid.add(service);
  else verdict.seen.push(held);
}

/** By service, those without endpoints too. */
export function inUse<E extends ViewEndpoint>(state: DiscoveryState<E>): Record<string, readonly E[]> {
  return Object.fromEntries([...servicesOf(state)].map((service) => [service, endpointsInUse(state, service)]));
}

/** What to name in `hello`. */
export function heldRevisions(state: DiscoveryState): NamedRevision[] {
  return [...state.views].map(([service, { epoch, revision }]) => ({ service, epoch, revision }));
}

const servicesOf = ({ views, before }: DiscoveryState): Set<string> => new Set([...views.keys(), ...before.keys()]);

function endpointsInUse<E extends ViewEndpoint>(state: DiscoveryState<E>, service: string): E[] {
  const view = state.views.get(service);
  const told = view === undefined ? [] : endpointsOf(view);
  const before = state.before.get(service);
  return before === undefined ? told : withKnown(told, before);
}

/** `told`, and the instances known before that it does not name. */
function withKnown<E extends ViewEndpoint>(told: readonly E[], before: readonly E[]): E[] {
  const named = new Set(told.map(({ instance }) => instance));
  return [...told, ...before.filter(({ instance }) => !named.has(instance))];
}

/**
 * The same for a control plane that tells whole views: what it tells, and of the services that it names also the instances
 * known before that it does not name.
 * @param before what was in use when the connection was made
 */
export function keepKnown<E extends ViewEndpoint>(
  told: Endpoints<E>,
  before: Endpoints<E>,
): Record<string, readonly E[]> {
  const kept: Record<string, readonly E[]> = {};
  for (const [service, endpoints] of Object.entries(told))
    kept[service] = withKnown(endpoints, Object.hasOwn(before, service) ? (before[service] ?? []) : []);
  return kept;
}
