import { SelvageError } from "../../shared/errors.ts";
import { chooseUpgrade, UPGRADES_DEFAULT } from "../../shared/policy/upgrade.ts";
import type { Call, Stage } from "./call.ts";

/**
 * Chooses among the protocols that the client would change to; an offer that the service does not take is passed over, but that
 * of a WebSocket is refused.
 * @param allowed what the called service takes, in lower case; undefined: it does not say
 */
export function allowUpgrade<C extends Call>(allowed: (call: C) => readonly string[] | undefined): Stage<C> {
  return (call, next) => {
    const { upgrade } = call.exchange.head;
    if (upgrade !== undefined) {
      const choice = chooseUpgrade(upgrade, allowed(call) ?? UPGRADES_DEFAULT);
      if (choice === "refused")
        throw new SelvageError("not_implemented", `the service takes no upgrade to ${upgrade.slice(0, 100)}`);
      call.upgrade = choice?.protocol;
    }
    next();
  };
}
