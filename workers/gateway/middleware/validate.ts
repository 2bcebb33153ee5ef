import type { CounterState } from "../../../shared/policy/counters.ts";
import type { HeldBytes } from "../../../shared/policy/held-bytes.ts";
import type { Stage } from "../upstream/stages.ts";
import type { Validator } from "../upstream/validator.ts";

/**
 * Holds requests, and answers, to the contract of their route. It stands behind whatever says who may ask how much, so that
 * strangers cannot make the gateway read and parse; and around all that edits, keeps or answers: the contract is the one with the
 * client, of what it sends and gets, and what is refused uses up no idempotency key and is not served from a cache.
 * The engine is loaded by the first route that has it.
 * @param held what the isolate holds of bodies
 */
export function validate(held: HeldBytes, counters: CounterState): Stage {
  let validator: Validator | undefined;
  const load = async (): Promise<Validator> => {
    const { Validator } = await import("../upstream/validator.ts");
    validator ??= new Validator(held, counters);
    return validator;
  };
  return {
    span: "validate",
    enter: (c) => {
      const { validation } = c.get("route");
      if (validation === undefined) return undefined;
      return validator === undefined
        ? load().then((loaded) => loaded.enter(c, validation))
        : validator.enter(c, validation);
    },
    leave: (c) => c.get("validated")?.leave(c),
  };
}
