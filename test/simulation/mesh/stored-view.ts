/** A view of a service in storage: its head whenever it is written, of its entries those that were touched. */
import type { ServiceView, ViewEntry } from "../../../shared/policy/service-view.ts";

export interface StoredView {
  readonly epoch: string;
  readonly revision: number;
  readonly floor: number;
  readonly entries: Map<string, ViewEntry>;
}

export function loadView({ epoch, revision, floor, entries }: StoredView): ServiceView {
  return { epoch, revision, floor, entries: new Map(entries) };
}

export function saveView(before: StoredView | undefined, view: ServiceView, touched: Iterable<string>): StoredView {
  const entries = before?.entries ?? new Map<string, ViewEntry>();
  for (const instance of touched) {
    const entry = view.entries.get(instance);
    if (entry === undefined) entries.delete(instance);
    else entries.set(instance, entry);
  }
  const { epoch, revision, floor } = view;
  return { epoch, revision, floor, entries };
}
