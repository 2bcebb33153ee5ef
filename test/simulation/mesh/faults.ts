/** Which faults a world has, and how often: each seed has some of the kinds, so that all are seen alone and together. */

export const FAULT_KINDS = [
  "crash",
  "evict",
  "deploy",
  "lost",
  "late",
  "twice",
  "cut",
  "break",
  "kill",
  "freeze",
  "skew",
  "jump",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Of those that hit single messages and steps. */
const SHARE: Partial<Record<FaultKind, number>> = { crash: 0.006, lost: 0.03, late: 0.03, twice: 0.06 };

export class Faults {
  readonly kinds: ReadonlySet<FaultKind>;
  readonly #random: () => number;
  /** From then on nothing fails any more. */
  isOver = false;

  constructor(random: () => number, kinds?: readonly FaultKind[]) {
    this.#random = random;
    this.kinds = new Set(kinds ?? FAULT_KINDS.filter(() => random() < 0.4));
  }

  /** Whether this step or message has that fault. */
  isHit(kind: FaultKind): boolean {
    return !this.isOver && this.kinds.has(kind) && this.#random() < (SHARE[kind] ?? 0);
  }
}
