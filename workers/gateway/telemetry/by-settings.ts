import type { Signal } from "../../../shared/telemetry/otlp-request.ts";
import type { OtlpSettings, TelemetrySettings } from "../../../shared/telemetry/settings.ts";

/** More are hardly in use at once; what the oldest has to tell is still sent. */
const MADE_MAX = 4;

/** Settings of somebody who has a receiver. */
export type Receivable = TelemetrySettings & { readonly otlp: OtlpSettings };

/** What tells one signal, of this isolate, by what plans say: a new version changes mostly other things. */
export class BySettings<Of> {
  readonly #signal: Signal;
  readonly #make: (settings: Receivable) => Of | undefined;
  readonly #made = new Map<string, Of>();
  /** The same, found at once by settings that were asked about before. */
  readonly #known = new WeakMap<TelemetrySettings, Of>();

  constructor(signal: Signal, make: (settings: Receivable) => Of | undefined) {
    this.#signal = signal;
    this.#make = make;
  }

  /** @returns undefined when there is nobody to tell */
  of(settings: TelemetrySettings): Of | undefined {
    return this.#known.get(settings) ?? this.#find(settings);
  }

  #find(settings: TelemetrySettings): Of | undefined {
    const { otlp, resource } = settings;
    if (otlp === undefined) return undefined;
    const key = JSON.stringify([settings[this.#signal], otlp, resource]);
    const found = this.#made.get(key) ?? this.#make({ ...settings, otlp });
    if (found === undefined) return undefined;
    this.#made.set(key, found);
    this.#known.set(settings, found);
    for (const oldest of this.#made.keys()) if (this.#made.size > MADE_MAX) this.#made.delete(oldest);
    return found;
  }
}
