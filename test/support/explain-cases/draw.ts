/** Chance that is the same again for the same seed. */
import { seededRandom } from "../../simulation/event-queue.ts";

export class Draw {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** From 0 up to one less than `end`. */
  below(end: number): number {
    return Math.floor(this.#random() * end);
  }

  chance(percent: number): boolean {
    return this.#random() * 100 < percent;
  }

  one<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error("nothing to draw from");
    return list[this.below(list.length)] as T;
  }

  /** At least one of them, in their order. */
  some<T>(list: readonly T[]): T[] {
    const sure = this.one(list);
    return list.filter((one) => one === sure || this.chance(40));
  }

  /** The member, or nothing of it. */
  maybe<T>(percent: number, name: string, make: () => T): Record<string, T> {
    return this.chance(percent) ? { [name]: make() } : {};
  }
}
