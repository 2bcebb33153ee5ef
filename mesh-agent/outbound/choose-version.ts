/** Which of two versions decides a call. */
import { epochOf, type Versions } from "../control/versions.ts";
import type { Stage } from "../proxy/call.ts";
import type { OutboundCall } from "./outbound-call.ts";

/** @param named the version that is known of it; undefined: none */
export function chooseVersion(
  versions: Versions,
  named: (call: OutboundCall) => string | undefined,
): Stage<OutboundCall> {
  return (call, next) => {
    const { two } = versions;
    if (two !== undefined) {
      const plan = versions.named(two, named(call));
      call.epoch = epochOf(plan);
      call.facts.plan = plan.version;
    }
    next();
  };
}
