import type { ToldTap } from "../../../shared/policy/tap-source.ts";

/** The taps that gateways are told of with their leases. In memory alone: they are told again every few seconds. */
export class ToldTaps {
  #taps: readonly ToldTap[] = [];
  #atMs = 0;

  put(taps: readonly ToldTap[], nowMs: number): void {
    this.#taps = taps;
    this.#atMs = nowMs;
  }

  /** For a lease's answer; no member where nobody taps. */
  at(nowMs: number): { readonly taps?: readonly ToldTap[] } {
    if (this.#taps.length === 0) return {};
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#taps = this.#taps.filter(({ leaseMs }) => leaseMs > passedMs);
    return { taps: this.#taps.map((tap) => ({ ...tap, leaseMs: tap.leaseMs - passedMs })) };
  }
}
