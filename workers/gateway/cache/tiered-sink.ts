import type { BodySink, Soon } from "./cache-store.ts";

/** One body for several stores, of which each may leave: it is taken as long as one takes it. */
export class TieredSink implements BodySink {
  #sinks: readonly BodySink[];
  #committing: Promise<unknown> = Promise.resolve();

  /** @param sinks the nearest first */
  constructor(sinks: readonly BodySink[]) {
    this.#sinks = sinks;
  }

  write(bytes: Uint8Array): Soon<boolean> {
    const taken = this.#sinks.map((sink) => sink.write(bytes));
    return taken.some((one) => one instanceof Promise)
      ? Promise.all(taken).then((all) => this.#keep(all))
      : this.#keep(taken as boolean[]);
  }

  /** Committed when one store has it. */
  commit(): Soon<boolean> {
    const committed = this.#sinks.map((sink) => sink.commit());
    this.#sinks = [];
    if (committed.every((one) => typeof one === "boolean")) return committed.includes(true);
    const all = Promise.all(committed);
    this.#committing = all;
    return committed.includes(true) || all.then((each) => each.includes(true));
  }

  settled(): Promise<unknown> {
    return this.#committing;
  }

  async abort(): Promise<void> {
    const sinks = this.#sinks;
    this.#sinks = [];
    await Promise.all(sinks.map((sink) => sink.abort()));
  }

  #keep(taken: readonly boolean[]): boolean {
    const left = this.#sinks.filter((_, at) => taken[at] !== true);
    this.#sinks = this.#sinks.filter((_, at) => taken[at] === true);
    for (const sink of left) void sink.abort();
    return this.#sinks.length > 0;
  }
}
