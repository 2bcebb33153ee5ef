import { hashKeyOf } from "../../shared/policy/hash-key.ts";
import type { Stage } from "../proxy/call.ts";
import type { OutboundCall } from "./outbound-call.ts";

/** What keeps requests together, where the service is balanced by hash. */
export const findHashKey: Stage<OutboundCall> = (call, next) => {
  const hash = call.cluster?.settings.balance.hash;
  if (hash !== undefined) {
    const { fields } = call.exchange.head;
    call.hashKey = hashKeyOf(hash, (name) => fields.get(name), call.claims);
  }
  next();
};
