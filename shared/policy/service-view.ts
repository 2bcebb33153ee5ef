/**
 * The endpoints of one service by revision, as its registry, each hub and each agent hold them, and what changed between two
 * revisions. A change holds the last state of all that changed behind its `from`, so it brings any view from there on to its
 * `revision`: taken twice or late it does nothing, and one that is missing before it is noticed as a gap.
 *
 * Of an endpoint that left a mark stays, so that changes can be told; when there are too many marks the oldest go, and views
 * from before are given everything.
 */
import { sameEndpoint, type ViewEndpoint } from "./endpoint.ts";

/** Absent `endpoint`: it left at that revision. */
export interface ViewEntry<E extends ViewEndpoint = ViewEndpoint> {
  readonly at: number;
  readonly endpoint?: E;
}

export interface ServiceView<E extends ViewEndpoint = ViewEndpoint> {
  /** Which registry counts: one that was made anew has another. Empty: nothing was told yet. */
  epoch: string;
  /** Only grows within an epoch. */
  revision: number;
  /** Changes can be told from this revision on. */
  floor: number;
  /** By instance, which may have any name. */
  readonly entries: Map<string, ViewEntry<E>>;
}

/** What somebody holds. */
export interface HeldRevision {
  readonly epoch: string;
  readonly revision: number;
}

/** The way from one revision to another. Absent `from`: `put` is all there is. */
export interface ViewChange<E extends ViewEndpoint = ViewEndpoint> extends HeldRevision {
  readonly from?: number | undefined;
  readonly put: readonly E[];
  /** Names of instances. */
  readonly remove: readonly string[];
}

/** `gap`: something between is missing; the holder asks for it, naming what it holds. */
export type Taken = "applied" | "known" | "gap";

export const newServiceView = <E extends ViewEndpoint>(epoch = ""): ServiceView<E> => ({
  epoch,
  revision: 0,
  floor: 0,
  entries: new Map(),
});

/**
 * One instance is there with that endpoint, or not any more.
 * @param revision of the change; more than the view's, or the same for several at once
 * @returns false when it was so before
 */
export function setEndpoint<E extends ViewEndpoint>(
  view: ServiceView<E>,
  instance: string,
  endpoint: E | undefined,
  revision: number,
): boolean {
  const before = view.entries.get(instance)?.endpoint;
  if (before === endpoint || sameEndpoint(before, endpoint)) return false;
  view.entries.set(instance, endpoint === undefined ? { at: revision } : { at: revision, endpoint });
  view.revision = revision;
  return true;
}

/** Drops the oldest marks beyond a number. @returns instances of which nothing is left */
export function forgetMarks(view: ServiceView, marksMax: number): string[] {
  const marks = [...view.entries].filter(([, { endpoint }]) => endpoint === undefined);
  if (marks.length <= marksMax) return [];
  marks.sort(([, a], [, b]) => b.at - a.at);
  return marks.slice(marksMax).map(([instance, { at }]) => {
    view.floor = Math.max(view.floor, at);
    view.entries.delete(instance);
    return instance;
  });
}

/** @param held undefined: nothing. One that is further on is told nothing: whoever told it that will tell this view too */
export function changeSince<E extends ViewEndpoint>(
  view: ServiceView<E>,
  held: HeldRevision | undefined,
): ViewChange<E> {
  const { epoch, revision } = view;
  const from = held?.epoch === epoch && held.revision >= view.floor ? Math.min(held.revision, revision) : undefined;
  const put: E[] = [];
  const remove: string[] = [];
  // Most who come back have missed nothing.
  if (from === revision) return { epoch, revision, from, put, remove };
  for (const [instance, { at, endpoint }] of view.entries) {
    if (from !== undefined && at <= from) continue;
    if (endpoint !== undefined) put.push(endpoint);
    else if (from !== undefined) remove.push(instance);
  }
  return { epoch, revision, ...(from !== undefined && { from }), put, remove };
}

/** Takes a change into `view`. @param touched gets the names of the instances whose entries changed or are gone */
export function takeChange<E extends ViewEndpoint>(
  view: ServiceView<E>,
  change: ViewChange<E>,
  touched: string[] = [],
): Taken {
  const { epoch, revision, from, put, remove } = change;
  if (epoch !== view.epoch) {
    if (from !== undefined) return "gap";
    touched.push(...view.entries.keys(), ...put.map(({ instance }) => instance));
    view.entries.clear();
    for (const endpoint of put) view.entries.set(endpoint.instance, { at: revision, endpoint });
    view.epoch = epoch;
    view.revision = view.floor = revision;
    return "applied";
  }
  if (revision <= view.revision) return "known";
  if (from !== undefined && from > view.revision) return "gap";
  const named = new Set(put.map(({ instance }) => instance));
  const left = from === undefined ? [...view.entries.keys()].filter((instance) => !named.has(instance)) : remove;
  for (const endpoint of put)
    if (setEndpoint(view, endpoint.instance, endpoint, revision)) touched.push(endpoint.instance);
  for (const instance of left) if (setEndpoint(view, instance, undefined, revision)) touched.push(instance);
  view.revision = revision;
  return "applied";
}

/** In the order of instance names. */
export function endpointsOf<E extends ViewEndpoint>(view: ServiceView<E>): E[] {
  const found = [...view.entries.values()].flatMap(({ endpoint }) => endpoint ?? []);
  return found.sort((a, b) => (a.instance < b.instance ? -1 : 1));
}
