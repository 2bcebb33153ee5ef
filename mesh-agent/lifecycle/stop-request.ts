/** What a signal asks of a running agent. */
export class StopRequest {
  /** Set by the first signal. */
  signal: NodeJS.Signals | undefined;
  /** Set by the second. */
  hurried = false;
  /** Passes signals that are not ours on to the application. */
  passOn: (signal: NodeJS.Signals) => void = () => {};
  #wake: () => void = () => {};
  readonly asked = new Promise<void>((resolve) => {
    this.#wake = resolve;
  });

  stop(signal: NodeJS.Signals): void {
    if (this.signal !== undefined) this.hurried = true;
    this.signal ??= signal;
    this.#wake();
  }
}

/** @returns what `work` returns, or undefined when a stop is asked for before that */
export async function orStop<T>(work: Promise<T>, stop: StopRequest): Promise<T | undefined> {
  return Promise.race([work, stop.asked.then(() => undefined)]);
}
