/** Whose connections are taken: so many in all, so many of one address. */
import { addressGroup } from "../../shared/http/address-list.ts";
import { limits } from "../../shared/limits.ts";
import { isLoopback } from "../proxy/loopback.ts";

export interface AdmissionBounds {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
}

export type TurnedAway = "connections" | "connections_per_address";

export class Admission {
  #bounds: AdmissionBounds;
  readonly #onTurnedAway: (why: TurnedAway, count: number, address: string) => void;
  readonly #byGroup = new Map<string, number>();
  #open = 0;
  #untold = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  /** @param onTurnedAway told at most once in `turnedAwayEveryMs`, with the count since and one of the addresses */
  constructor(
    bounds: Partial<AdmissionBounds>,
    onTurnedAway: (why: TurnedAway, count: number, address: string) => void,
  ) {
    const { connectionsMax, connectionsPerAddressMax } = limits.front;
    this.#bounds = { connectionsMax, connectionsPerAddressMax, ...bounds };
    this.#onTurnedAway = onTurnedAway;
  }

  /** Other bounds from now on; what is open stays. */
  bound(bounds: Partial<AdmissionBounds>): void {
    this.#bounds = { ...this.#bounds, ...bounds };
  }

  get open(): number {
    return this.#open;
  }

  /**
   * @param address canonical
   * @param nowMs monotonic
   * @returns to be called when the connection is gone; undefined: it is not taken
   */
  admit(address: string, nowMs: number): (() => void) | undefined {
    if (this.#open >= this.#bounds.connectionsMax) return this.#turnAway("connections", address, nowMs);
    // What connects from here is a proxy with many clients behind it, or one's own.
    const group = isLoopback(address) ? undefined : (addressGroup(address) ?? address);
    if (group !== undefined) {
      const count = this.#byGroup.get(group) ?? 0;
      if (count >= this.#bounds.connectionsPerAddressMax)
        return this.#turnAway("connections_per_address", address, nowMs);
      this.#byGroup.set(group, count + 1);
    }
    this.#open++;
    return () => this.#release(group);
  }

  /**
   * The same of a proxy's connection as long as nobody knows whose it is.
   * @param address of the proxy
   */
  admitProxy(address: string, nowMs: number): (() => void) | undefined {
    if (this.#open >= this.#bounds.connectionsMax) return this.#turnAway("connections", address, nowMs);
    this.#open++;
    return () => this.#release(undefined);
  }

  #release(group: string | undefined): void {
    this.#open--;
    if (group === undefined) return;
    const count = this.#byGroup.get(group) ?? 1;
    if (count <= 1) this.#byGroup.delete(group);
    else this.#byGroup.set(group, count - 1);
  }

  #turnAway(why: TurnedAway, address: string, nowMs: number): undefined {
    this.#untold++;
    if (nowMs - this.#toldAtMs < limits.front.turnedAwayEveryMs) return undefined;
    this.#toldAtMs = nowMs;
    this.#onTurnedAway(why, this.#untold, address);
    this.#untold = 0;
    return undefined;
  }
}
