/**
 * How many look-ups of unknown keys an isolate makes. Whether a key is known shows only afterwards, so a look-up needs
 * that nothing is owed, and is paid for when it found nothing: good keys are never counted. What ran at once may be owed
 * for a moment and is paid off before the next one.
 */
import { limits } from "../limits.ts";

/** Look-ups in vain that have not drained yet. */
interface Meter {
  spent: number;
  atMs: number;
}

export interface LookUpBudget {
  readonly all: Meter;
  /** By client address; in the order in which they came. */
  readonly addresses: Map<string, Meter>;
  running: number;
}

export const newLookUpBudget = (): LookUpBudget => ({
  all: { spent: 0, atMs: 0 },
  addresses: new Map(),
  running: 0,
});

/** Begins a look-up, when there may be one now. @param address as limits count clients */
export function beginLookUp(budget: LookUpBudget, address: string, nowMs: number): boolean {
  const { unknownBurst, unknownBurstAndAddress, lookUpsMax } = limits.apiKeys;
  if (budget.running >= lookUpsMax || drained(budget.all, nowMs, ALL) >= unknownBurst) return false;
  const own = budget.addresses.get(address);
  if (own !== undefined && drained(own, nowMs, ADDRESS) >= unknownBurstAndAddress) return false;
  budget.running++;
  return true;
}

/** Ends a look-up. @param inVain whether it found nothing */
export function endLookUp(budget: LookUpBudget, address: string, inVain: boolean, nowMs: number): void {
  budget.running--;
  if (!inVain) return;
  spend(budget.all, nowMs, ALL);
  const own = budget.addresses.get(address) ?? newAddress(budget, address);
  spend(own, nowMs, ADDRESS);
}

const ALL = limits.apiKeys.unknownPerSecond / 1000;
const ADDRESS = limits.apiKeys.unknownPerSecondAndAddress / 1000;

function drained(meter: Meter, nowMs: number, perMs: number): number {
  return Math.max(0, meter.spent - Math.max(0, nowMs - meter.atMs) * perMs);
}

function spend(meter: Meter, nowMs: number, perMs: number): void {
  meter.spent = drained(meter, nowMs, perMs) + 1;
  meter.atMs = Math.max(nowMs, meter.atMs);
}

function newAddress({ addresses }: LookUpBudget, address: string): Meter {
  for (const oldest of addresses.keys()) {
    if (addresses.size < limits.apiKeys.addressesMax) break;
    addresses.delete(oldest);
  }
  const meter = { spent: 0, atMs: 0 };
  addresses.set(address, meter);
  return meter;
}
