import { limits } from "../../../shared/limits.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";

/**
 * One memory for all settings that are equal: other settings never meet what was let in under these, and a new plan that
 * changes nothing of them forgets nothing.
 */
export class BySettings<Settings extends object, Memory> {
  readonly #known = new WeakMap<Settings, Memory>();
  readonly #equal = new BoundedMap<Memory>(limits.gateway.memoriesMax);
  readonly #make: () => Memory;

  constructor(make: () => Memory) {
    this.#make = make;
  }

  of(settings: Settings): Memory {
    const known = this.#known.get(settings);
    if (known !== undefined) return known;
    const text = canonicalJson(settings);
    const memory = this.#equal.get(text) ?? this.#make();
    this.#equal.set(text, memory);
    this.#known.set(settings, memory);
    return memory;
  }
}
