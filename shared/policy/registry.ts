/**
 * The registry of one service: which of its instances callers are given, by which hub each was reported, and who still has
 * to hear of it before one that leaves may stop accepting.
 *
 * The hubs keep the leases of their agents and report when an instance is up, drains or is gone; each batch has a number, so
 * that a late or repeated one is known. What the registry holds of hubs is stored, so nothing is owed to memory.
 *
 * A host drives it so: each call of a hub, each answer of a hub and the alarm are one `stepRegistry`. Of the verdict it stores
 * what was touched, hands `released` to their hubs (`released` of hub.ts), and sets the alarm for `registryDueAt`. To each hub
 * that `lacking` names it sends `updateFor` (`view` of hub.ts), not before its last one was answered or given up, and steps
 * `delivered` with that and what the hub holds after it. All of these may be lost, late or twice: a later tick finds what is still owed.
 */
import type { ViewEndpoint } from "./endpoint.ts";
import {
  changeSince,
  forgetMarks,
  type HeldRevision,
  newServiceView,
  type ServiceView,
  setEndpoint,
  type ViewChange,
} from "./service-view.ts";

/** What a hub says of one of its agents. `draining`: it waits to be released; `gone`: its lease has ended. */
export interface InstanceReport {
  readonly instance: string;
  readonly state: "up" | "draining" | "gone";
  /** Of one that drains: of its agent to the hub, so that its release is not taken for that of a later drain. */
  readonly connection?: string | undefined;
  /** Of one that is up. */
  readonly endpoint?: ViewEndpoint | undefined;
}

/** An instance that is up or draining. Times are milliseconds since the epoch. */
export interface Member {
  /** That spoke of it last. */
  readonly hub: string;
  /** Absent: it is up. */
  readonly drain?: Drain;
  /** Other hubs that said it is up and not that it is gone, the last one last. Absent: none. */
  readonly others?: readonly Claim[];
}

/**
 * An agent moves when the number of hubs changes, and reports of two hubs have no order: the one that has it is whichever does not
 * say in the end that it is gone.
 */
export interface Claim {
  readonly hub: string;
  readonly endpoint: ViewEndpoint | undefined;
}

export interface Drain {
  readonly connection: string;
  /** Callers that go by this revision do not choose it any more. */
  readonly revision: number;
  readonly boundAtMs: number;
  /** Its hub was told that it need not wait any more. */
  told: boolean;
}

/** A hub that reports instances, or whose agents call the service. */
export interface HubLink {
  /** Number of its last batch of reports. */
  batch: number;
  /** Last sign of life. */
  heardAtMs: number;
  /** Its agents call the service: it is sent each change. */
  subscribed: boolean;
  /** Revision that it has taken; -1: none. */
  delivered: number;
  /** Revision that it was asked to have acknowledged by its callers, and the one that they have. */
  asked: number;
  seen: number;
}

export interface RegistryState {
  readonly view: ServiceView;
  /** By instance. */
  readonly members: Map<string, Member>;
  /** By name of the hub. */
  readonly hubs: Map<string, HubLink>;
}

export interface RegistrySettings {
  /** One that drains waits no longer for its callers. */
  readonly drainBoundMs: number;
  /** A hub that was silent for so long is gone, and what it reported too. */
  readonly hubLeaseMs: number;
  /** Marks of endpoints that left. */
  readonly marksMax: number;
  readonly instancesMax: number;
}

export type RegistryEvent =
  /** `all`: whatever else this hub reported before is gone. */
  | {
      readonly type: "report";
      readonly hub: string;
      readonly batch: number;
      readonly reports: readonly InstanceReport[];
      readonly all?: boolean;
    }
  /** The hub has callers, and holds that; the verdict has the answer. */
  | { readonly type: "subscribe"; readonly hub: string; readonly held: HeldRevision | undefined }
  | { readonly type: "unsubscribe"; readonly hub: string }
  /** `held`: what the hub holds since, which is less where the change did not fit; absent: nobody calls the service there. */
  | {
      readonly type: "delivered";
      readonly hub: string;
      readonly update: RegistryUpdate;
      readonly held?: HeldRevision | undefined;
    }
  /** All callers of the hub go by that revision. */
  | { readonly type: "seen"; readonly hub: string; readonly held: HeldRevision }
  | { readonly type: "tick" };

/** An instance that drains and need not wait any more. */
export interface Released {
  readonly hub: string;
  readonly instance: string;
  readonly connection: string;
}

/** What a hub is sent. `wanted`: callers are to acknowledge that revision; 0: none is waited for. */
export interface RegistryUpdate {
  readonly change: ViewChange;
  readonly wanted: number;
}

export interface RegistryVerdict {
  /** Entries of the view, and members, of these instances to store. */
  readonly touched: Set<string>;
  /** Links to store. */
  readonly hubs: Set<string>;
  readonly released: Released[];
  /** The batch has an older number than another that was taken, and was left alone. */
  readonly late?: true;
  /** Of `subscribe`. */
  readonly answer?: RegistryUpdate;
}

/** @param epoch random, made once with the registry */
export const newRegistry = (epoch: string): RegistryState => ({
  view: newServiceView(epoch),
  members: new Map(),
  hubs: new Map(),
});

/** Applies one event to `state` in place. */
export function stepRegistry(
  state: RegistryState,
  event: RegistryEvent,
  nowMs: number,
  settings: RegistrySettings,
): RegistryVerdict {
  const verdict: RegistryVerdict = { touched: new Set(), hubs: new Set(), released: [] };
  if (event.type === "tick") forgetHubs(state, nowMs, settings, verdict);
  else {
    const link = linkOf(state, event.hub, nowMs);
    verdict.hubs.add(event.hub);
    if (event.type === "report" && event.batch <= link.batch) return { ...verdict, late: true };
    const isNew = !link.subscribed;
    stepLink(state, link, event, nowMs, settings, verdict);
    if (event.type === "subscribe") return { ...verdict, answer: answerTo(state, link, event, isNew) };
  }
  release(state, event.type === "tick", nowMs, verdict);
  return verdict;
}

/** What a hub that is subscribed lacks. */
export function updateFor(state: RegistryState, hub: string): RegistryUpdate {
  const { epoch } = state.view;
  const revision = state.hubs.get(hub)?.delivered ?? -1;
  const change = changeSince(state.view, revision < 0 ? undefined : { epoch, revision });
  return { change, wanted: wantedOf(state, hub) };
}

/** Hubs that have to be sent an update. */
export function lacking(state: RegistryState): string[] {
  const { revision } = state.view;
  const lacks = (hub: string, { subscribed, delivered, asked }: HubLink): boolean =>
    subscribed && (delivered < revision || asked < wantedOf(state, hub));
  return [...state.hubs].flatMap(([hub, link]) => (lacks(hub, link) ? [hub] : []));
}

function wantedOf(state: RegistryState, hub: string): number {
  const seen = state.hubs.get(hub)?.seen ?? 0;
  let wanted = 0;
  for (const { drain } of state.members.values())
    if (drain !== undefined && drain.revision > seen) wanted = Math.max(wanted, drain.revision);
  return wanted;
}

/**
 * When a `tick` is due.
 * @param retryMs after which what may have been lost is sent again
 * @returns milliseconds since the epoch; infinity: not until something else happens
 */
export function registryDueAt(
  state: RegistryState,
  nowMs: number,
  retryMs: number,
  settings: RegistrySettings,
): number {
  let atMs = lacking(state).length > 0 ? nowMs + retryMs : Number.POSITIVE_INFINITY;
  for (const { drain } of state.members.values())
    if (drain !== undefined)
      atMs = Math.min(atMs, nowMs + retryMs, drain.told ? Number.POSITIVE_INFINITY : drain.boundAtMs);
  for (const { heardAtMs } of state.hubs.values()) atMs = Math.min(atMs, heardAtMs + settings.hubLeaseMs);
  return atMs;
}

type LinkEvent = Exclude<RegistryEvent, { type: "tick" }>;

function stepLink(
  state: RegistryState,
  link: HubLink,
  event: LinkEvent,
  nowMs: number,
  settings: RegistrySettings,
  verdict: RegistryVerdict,
): void {
  const { view } = state;
  switch (event.type) {
    case "report":
      link.batch = event.batch;
      takeReports(state, event, nowMs, settings, verdict);
      break;
    case "subscribe":
      link.subscribed = true;
      break;
    case "unsubscribe":
      Object.assign(link, UNSUBSCRIBED);
      break;
    case "delivered": {
      const { change, wanted } = event.update;
      if (!link.subscribed || change.epoch !== view.epoch) break;
      const heldRevision = event.held === undefined ? change.revision : revisionIn(view, event.held);
      if (heldRevision < change.revision) link.delivered = heldRevision;
      else {
        link.delivered = Math.max(link.delivered, change.revision);
        link.asked = Math.max(link.asked, wanted);
      }
      break;
    }
    case "seen":
      if (event.held.epoch === view.epoch) link.seen = Math.max(link.seen, event.held.revision);
      break;
  }
}

/**
 * The first answer counts as delivered: a hub that does not get it asks again. After that the hub may hold something by then, and
 * not ask again: it is sent an update, too.
 */
function answerTo(
  { view, ...rest }: RegistryState,
  link: HubLink,
  { hub, held }: Extract<RegistryEvent, { type: "subscribe" }>,
  isNew: boolean,
): RegistryUpdate {
  // Somebody knows a later revision of this registry than itself: it was set back.
  if (held?.epoch === view.epoch && held.revision > view.revision) view.revision = view.floor = held.revision + 1;
  const wanted = wantedOf({ view, ...rest }, hub);
  const isFirst = isNew && held === undefined;
  link.delivered = isFirst ? view.revision : held === undefined ? -1 : revisionIn(view, held);
  link.asked = isFirst ? wanted : 0;
  return { change: changeSince(view, held), wanted };
}

/** What a hub lacks is told from there; -1: it is told everything. */
const revisionIn = ({ epoch }: ServiceView, held: HeldRevision): number => (held.epoch === epoch ? held.revision : -1);

function takeReports(
  state: RegistryState,
  event: Extract<RegistryEvent, { type: "report" }>,
  nowMs: number,
  settings: RegistrySettings,
  verdict: RegistryVerdict,
): void {
  // Of one batch there is one revision.
  const revision = state.view.revision + 1;
  for (const report of event.reports) takeReport(state, event.hub, report, revision, nowMs, settings, verdict);
  if (event.all === true) {
    const named = new Set(event.reports.map(({ instance }) => instance));
    for (const instance of state.members.keys())
      if (!named.has(instance)) leave(state, instance, event.hub, revision, verdict);
  }
  for (const instance of forgetMarks(state.view, settings.marksMax)) verdict.touched.add(instance);
}

function takeReport(
  state: RegistryState,
  hub: string,
  { instance, state: phase, endpoint, connection = "" }: InstanceReport,
  revision: number,
  nowMs: number,
  settings: RegistrySettings,
  verdict: RegistryVerdict,
): void {
  const { view, members } = state;
  const known = members.get(instance);
  if (phase === "gone") {
    leave(state, instance, hub, revision, verdict);
    return;
  }
  if (known === undefined && members.size >= settings.instancesMax) return;
  verdict.touched.add(instance);
  const claims = known === undefined ? [] : claimsOf(state, instance, known).filter((claim) => claim.hub !== hub);
  const others = claims.length > 0 && { others: claims };
  if (phase === "up") {
    members.set(instance, { hub, ...others });
    setEndpoint(view, instance, endpoint, revision);
    return;
  }
  setEndpoint(view, instance, undefined, revision);
  const { revision: gone, boundAtMs } = known?.drain ?? {
    revision: view.revision,
    boundAtMs: nowMs + settings.drainBoundMs,
  };
  members.set(instance, { hub, drain: { connection, revision: gone, boundAtMs, told: false }, ...others });
}

/** Whoever says that it is up, the last one last. */
function claimsOf({ view }: RegistryState, instance: string, { hub, drain, others = [] }: Member): readonly Claim[] {
  return drain !== undefined ? others : [...others, { hub, endpoint: view.entries.get(instance)?.endpoint }];
}

/** A hub has an instance no more: it is gone, unless another one has it. */
function leave(
  { members, view }: RegistryState,
  instance: string,
  hub: string,
  revision: number,
  verdict: RegistryVerdict,
): void {
  const known = members.get(instance);
  if (known === undefined) return;
  const others = known.others?.filter((claim) => claim.hub !== hub) ?? [];
  const last = others.at(-1);
  if (known.hub !== hub) {
    if (others.length === (known.others?.length ?? 0)) return;
    const { others: _, ...rest } = known;
    members.set(instance, { ...rest, ...(last !== undefined && { others }) });
  } else if (last === undefined) {
    members.delete(instance);
    setEndpoint(view, instance, undefined, revision);
  } else {
    const earlier = others.slice(0, -1);
    members.set(instance, { hub: last.hub, ...(earlier.length > 0 && { others: earlier }) });
    setEndpoint(view, instance, last.endpoint, revision);
  }
  verdict.touched.add(instance);
}

/** @param again also those that were told before, who may not have heard it */
function release({ hubs, members }: RegistryState, again: boolean, nowMs: number, verdict: RegistryVerdict): void {
  let seen = Number.POSITIVE_INFINITY;
  for (const link of hubs.values()) if (link.subscribed) seen = Math.min(seen, link.seen);
  for (const [instance, { hub, drain }] of members) {
    if (drain === undefined || (drain.told && !again)) continue;
    if (seen < drain.revision && nowMs < drain.boundAtMs) continue;
    drain.told = true;
    verdict.touched.add(instance);
    verdict.released.push({ hub, instance, connection: drain.connection });
  }
}

function forgetHubs(state: RegistryState, nowMs: number, settings: RegistrySettings, verdict: RegistryVerdict): void {
  for (const [hub, { heardAtMs }] of state.hubs) {
    if (nowMs < heardAtMs + settings.hubLeaseMs) continue;
    state.hubs.delete(hub);
    verdict.hubs.add(hub);
    const revision = state.view.revision + 1;
    for (const instance of state.members.keys()) leave(state, instance, hub, revision, verdict);
  }
}

const UNSUBSCRIBED = { subscribed: false, delivered: -1, asked: 0, seen: 0 } as const;

function linkOf(state: RegistryState, hub: string, nowMs: number): HubLink {
  let link = state.hubs.get(hub);
  if (link === undefined) {
    link = { batch: 0, heardAtMs: nowMs, ...UNSUBSCRIBED };
    state.hubs.set(hub, link);
  }
  link.heardAtMs = Math.max(link.heardAtMs, nowMs);
  return link;
}
