/** Enrolment keys, tokens and challenges that were used: what `workers/control/objects/joining-store.ts` keeps in SQLite. */
import type { EnrolmentKey, ShownKey } from "../../../shared/policy/joining.ts";
import type { Steps } from "./steps.ts";

export interface KeptKey extends EnrolmentKey {
  readonly isRemoved: boolean;
}

export class JoiningDesk {
  readonly #steps: Steps;
  /** Stored, all of it. */
  readonly keys = new Map<string, KeptKey>();
  readonly #used = new Map<string, { readonly key: string; readonly endsAtMs: number }>();

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  key(id: string): KeptKey | undefined {
    const known = this.keys.get(id);
    return known?.isRemoved === true ? undefined : known;
  }

  keepKey({ id, service, instance, isProven }: ShownKey, nowMs: number): void {
    const known = this.keys.get(id);
    if (!this.#steps.mayKeepKey(known, { service, instance, isProven })) return;
    for (const [other, key] of this.keys)
      if (other !== id && key.service === service && key.instance === instance && !key.isRemoved)
        this.keys.delete(other);
    const createdAtMs = known?.createdAtMs ?? nowMs;
    this.keys.set(id, { id, service, instance, createdAtMs, usedAtMs: nowMs, isRemoved: false });
  }

  removeKey(id: string): void {
    const known = this.key(id);
    if (known !== undefined) this.keys.set(id, { ...known, isRemoved: true });
  }

  usedBy(id: string): string | undefined {
    return this.#used.get(id)?.key;
  }

  use(id: string, key: string, endsAtMs: number, nowMs: number): void {
    const untilMs = this.#steps.forgottenUntil(nowMs);
    for (const [other, { endsAtMs: endedMs }] of this.#used) if (endedMs <= untilMs) this.#used.delete(other);
    this.#used.set(id, { key, endsAtMs });
  }
}
