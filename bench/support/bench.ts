import type { Spread } from "./compare.ts";

/** What a file of bench/ exports as `default`. */
export interface Bench {
  /** What it answers, one sentence. */
  readonly question: string;
  /** @returns figures by name, ratios first */
  readonly run: (options: BenchOptions) => Promise<readonly Figure[]>;
}

export interface BenchOptions {
  /** A first impression in seconds instead of figures to quote. */
  readonly quick: boolean;
  /** Instead of its own number of rounds. */
  readonly rounds?: number;
  /** Names of what is to be measured, of a benchmark that has parts. */
  readonly only?: readonly string[];
  /** Tells a person what happens; one line. */
  readonly say: (line: string) => void;
}

export interface Figure {
  /** Unit last: `forward_cpu_ratio`, `bare_cpu_us`. */
  readonly name: string;
  /** For people. */
  readonly what: string;
  readonly spread: Spread;
}
