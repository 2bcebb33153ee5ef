import { labelsOf, type MetricFamily, type Sample } from "../../shared/http/metrics-text.ts";

/** One counter, by labels whose values are bounded. */
export class LabelledCounter {
  readonly #name: string;
  readonly #help: string;
  readonly #samples = new Map<string, { readonly labels: Sample["labels"]; value: number }>();

  /** @param name with its `_total` */
  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  add(labels: Sample["labels"]): void {
    const key = labelsOf(labels);
    const sample = this.#samples.get(key);
    if (sample === undefined) this.#samples.set(key, { labels, value: 1 });
    else sample.value++;
  }

  valueOf(labels: Sample["labels"]): number {
    return this.#samples.get(labelsOf(labels))?.value ?? 0;
  }

  get family(): MetricFamily {
    return { name: this.#name, type: "counter", help: this.#help, samples: [...this.#samples.values()] };
  }
}
