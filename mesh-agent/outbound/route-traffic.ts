/** Which subset of the service gets the call. */
import { chooseSubset } from "../../shared/policy/traffic.ts";
import type { Stage } from "../proxy/call.ts";
import type { OutboundCall } from "./outbound-call.ts";

/** @param random at least 0, below 1 */
export function routeTraffic(random: () => number): Stage<OutboundCall> {
  return (call, next) => {
    const { fields } = call.exchange.head;
    const rules = call.cluster?.settings.traffic ?? [];
    if (rules.length > 0) call.subset = chooseSubset(rules, call.asked, (name) => fields.get(name), random())?.subset;
    next();
  };
}
