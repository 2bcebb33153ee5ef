/**
 * How many look-ups of what is not known, such as keys and tokens, an isolate makes. Whether a key is known shows only afterwards, so a look-up needs
 * that nothing is owed, and is paid for when it found nothing: good keys are never counted. What ran at once may be owed
 * for a moment and is paid off before the next one.
 */
import { limits } from "../limits.ts";

/** Look-ups in vain that have not drained yet. */
interface Meter {
  spent: number;
  atMs: number;
}

/** Names are those of `limits.apiKeys`. */
export interface LookUpBounds {
  readonly lookUpsMax: number;
  readonly unknownPerSecond: number;
  readonly unknownBurst: number;
  readonly unknownPerSecondAndAddress: number;
  readonly unknownBurstAndAddress: number;
  readonly addressesMax: number;
}

export interface LookUpBudget {
  readonly bounds: LookUpBounds;
  readonly all: Meter;
  /** By client address; in the order in which they came. */
  readonly addresses: Map<string, Meter>;
  running: number;
}

export const newLookUpBudget = (bounds: LookUpBounds = limits.apiKeys): LookUpBudget => ({
  bounds,
  all: { spent: 0, atMs: 0 },
  addresses: new Map(),
  running: 0,
});

/** Begins a look-up, when there may be one now. @param address as limits count clients */
export function beginLookUp(budget: LookUpBudget, address: string, nowMs: number): boolean {
  const { unknownBurst, unknownPerSecond, unknownBurstAndAddress, unknownPerSecondAndAddress, lookUpsMax } =
    budget.bounds;
  if (budget.running >= lookUpsMax || drained(budget.all, nowMs, unknownPerSecond) >= unknownBurst) return false;
  const own = budget.addresses.get(address);
  if (own !== undefined && drained(own, nowMs, unknownPerSecondAndAddress) >= unknownBurstAndAddress) return false;
  budget.running++;
  return true;
}

/** Ends a look-up. @param inVain whether it found nothing */
export function endLookUp(budget: LookUpBudget, address: string, inVain: boolean, nowMs: number): void {
  budget.running--;
  if (!inVain) return;
  spend(budget.all, nowMs, budget.bounds.unknownPerSecond);
  const own = budget.addresses.get(address) ?? newAddress(budget, address);
  spend(own, nowMs, budget.bounds.unknownPerSecondAndAddress);
}

function drained(meter: Meter, nowMs: number, perSecond: number): number {
  return Math.max(0, meter.spent - (Math.max(0, nowMs - meter.atMs) * perSecond) / 1000);
}

function spend(meter: Meter, nowMs: number, perSecond: number): void {
  meter.spent = drained(meter, nowMs, perSecond) + 1;
  meter.atMs = Math.max(nowMs, meter.atMs);
}

function newAddress({ addresses, bounds }: LookUpBudget, address: string): Meter {
  for (const oldest of addresses.keys()) {
    if (addresses.size < bounds.addressesMax) break;
    addresses.delete(oldest);
  }
  const meter = { spent: 0, atMs: 0 };
  addresses.set(address, meter);
  return meter;
}
