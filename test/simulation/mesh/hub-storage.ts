/** A hub's SQLite, row by row as `workers/control/objects/hub-store.ts` writes it: what is not touched is not written. */
import { type Instance, putSession } from "../../../shared/policy/agent-sessions.ts";
import { type HubState, type HubVerdict, newHub, newHubView, type Owed } from "../../../shared/policy/hub-state.ts";
import type { CanaryNews, Publication, Trust } from "./messages.ts";
import type { Steps } from "./steps.ts";
import { loadView, type StoredView, saveView } from "./stored-view.ts";

interface StoredHubView extends StoredView {
  readonly wanted: number;
  readonly confirmed: number;
  readonly left: true | undefined;
}

export class HubStorage {
  publication: Publication | undefined;
  /** Of the last one that it was told of. */
  canary: CanaryNews = { version: 0, startedAtMs: 0, isOver: true };
  trust: Trust | undefined;
  syncedAtMs = 0;
  #batch = 0;
  readonly #instances = new Map<string, Instance>();
  readonly #owed = new Map<string, Owed>();
  readonly #views = new Map<string, StoredHubView>();

  /** Which services those of each service may call, by the live plan or the canary. */
  callable({ callableByEither }: Pick<Steps, "callableByEither">): Map<string, readonly string[]> {
    return callableByEither(this.publication?.plan.callable ?? new Map(), this.canary.plan?.callable ?? []);
  }

  /** @param steps undefined: nothing is stored yet */
  load(nowMs: number, steps?: Steps): HubState {
    const state = newHub();
    for (const [key, known] of this.#instances) putSession(state.sessions, key, { ...known });
    for (const [key, owed] of this.#owed) state.owed.set(key, owed);
    for (const [service, stored] of this.#views)
      state.views.set(service, newHubView(loadView(stored), stored.wanted, stored.confirmed, stored.left));
    for (const [service, names] of steps === undefined ? [] : this.callable(steps)) state.callable.set(service, names);
    state.revision = nowMs;
    state.batch = this.#batch;
    return state;
  }

  save(state: HubState, { touched, removed, owed, views }: HubVerdict): void {
    this.#batch = state.batch;
    for (const key of [...touched, ...removed]) this.putInstance(key, state.sessions.instances[key]);
    for (const key of owed) put(this.#owed, key, state.owed.get(key));
    for (const [service, instances] of views) {
      const kept = state.views.get(service);
      if (kept === undefined) this.#views.delete(service);
      else {
        const { wanted, confirmed, left } = kept;
        this.#views.set(service, {
          ...saveView(this.#views.get(service), kept.view, instances),
          wanted,
          confirmed,
          left,
        });
      }
    }
  }

  putInstance(key: string, known: Instance | undefined): void {
    put(this.#instances, key, known && { ...known });
  }
}

export function put<T>(rows: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) rows.delete(key);
  else rows.set(key, value);
}
