import { TXN_TOKEN } from "../../shared/http/header-names.ts";
import type { TxnVerifier } from "../inbound/txn-verifier.ts";
import { takeUser } from "../inbound/verify-txn-token.ts";
import type { Stage } from "../proxy/call.ts";
import type { OutboundCall } from "./outbound-call.ts";

/**
 * Who the end user of an application's call is, where the called service goes by that. A token that is not good says nothing
 * here and goes on as it is: whoever is called decides about it.
 */
export function knowUser(verifier: TxnVerifier): Stage<OutboundCall> {
  return (call, next) => {
    if (call.cluster?.needsUser !== true || !call.exchange.head.fields.has(TXN_TOKEN)) next();
    else takeUser(verifier, call, next, next);
  };
}
