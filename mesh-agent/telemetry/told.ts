/** What tells one signal: made when the plan asks for it, anew where its settings change, and none while nothing is to be told. */
import type { Signal } from "../../shared/telemetry/otlp-request.ts";
import type { TelemetrySettings } from "../../shared/telemetry/settings.ts";

interface Teller {
  /** Sends what waits, within a bound. */
  close(): Promise<void>;
}

export class Told<Of extends Teller> {
  readonly #signal: Signal;
  readonly #make: (settings: TelemetrySettings) => Promise<Of | undefined>;
  #settings: TelemetrySettings | undefined;
  #key = "";
  #teller: Of | undefined;
  #isClosed = false;

  /** @param make loads what tells it @returns undefined: it has nowhere to */
  constructor(signal: Signal, make: (settings: TelemetrySettings) => Promise<Of | undefined>) {
    this.#signal = signal;
    this.#make = make;
  }

  /** Undefined: nothing is told. */
  get teller(): Of | undefined {
    return this.#teller;
  }

  /** @param settings of the plan; where they change, what was told by the former ones is sent to where they say */
  async use(settings: TelemetrySettings | undefined): Promise<void> {
    const own = settings?.[this.#signal];
    const key = own === undefined ? "" : JSON.stringify([settings?.otlp, settings?.resource, own]);
    if (key === this.#key) return;
    this.#key = key;
    this.#settings = settings;
    const made = settings === undefined || own === undefined ? undefined : await this.#make(settings);
    // A later plan may have come while it was loaded.
    if (this.#settings !== settings || this.#isClosed) return void (await made?.close());
    const former = this.#teller;
    this.#teller = made;
    await former?.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#teller?.close();
  }
}
