import type { Figure } from "../bench.ts";
import { spreadOf } from "../compare.ts";

const OWN = "agents";

/** Gathers what each round gives, and makes figures of it: ratios of the agents to the others first. */
export class Samples {
  readonly #own = new Map<string, { what: string; values: number[] }>();
  /** By name of the figure, then of whom it is. */
  readonly #compared = new Map<string, { what: string; of: Map<string, number[]> }>();

  add(name: string, what: string, value: number): void {
    const entry = this.#own.get(name) ?? { what, values: [] };
    entry.values.push(value);
    this.#own.set(name, entry);
  }

  /** A value of one of those that are compared, in the round that runs. */
  compare(name: string, what: string, whose: string, value: number): void {
    const entry = this.#compared.get(name) ?? { what, of: new Map<string, number[]>() };
    entry.of.set(whose, [...(entry.of.get(whose) ?? []), value]);
    this.#compared.set(name, entry);
  }

  figures(): Figure[] {
    const ratios: Figure[] = [];
    const absolutes: Figure[] = [];
    for (const [name, { what, of }] of this.#compared) {
      const own = of.get(OWN) ?? [];
      for (const [whose, values] of of) {
        absolutes.push({ name: `${name}_${whose}`, what: `${what}: ${whose}`, spread: spreadOf(values) });
        if (whose === OWN || own.length === 0) continue;
        const spread = spreadOf(own.map((value, round) => value / (values[round] ?? Number.NaN)));
        ratios.push({ name: `${name}_to_${whose}_ratio`, what: `${what}, over ${whose}`, spread });
      }
    }
    for (const [name, { what, values }] of this.#own) absolutes.push({ name, what, spread: spreadOf(values) });
    return [...ratios, ...absolutes];
  }
}
