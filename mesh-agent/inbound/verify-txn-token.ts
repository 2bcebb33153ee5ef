/** Whose request it is: the end user by the Txn-Token. */
import { needsScopes } from "../../shared/auth/access.ts";
import { TXN_TOKEN } from "../../shared/http/header-names.ts";
import type { Call, Stage } from "../proxy/call.ts";
import type { InboundCall } from "./inbound-call.ts";
import type { TxnVerifier, VerifiedTxnToken } from "./txn-verifier.ts";

/** A call on behalf of an end user. */
type CallForUser = Call & { scopes: readonly string[] | undefined };

/**
 * Verifies where only an end user's scopes can let the request through.
 * @param verifier of this agent's trust domain
 */
export function verifyTxnToken(verifier: TxnVerifier): Stage<InboundCall> {
  const always = requireTxnToken(verifier);
  return (call, next) => {
    const { head } = call.exchange;
    const rules = call.plan.plan.inbound?.access;
    const needed = needsScopes(rules, call.from ?? "", head.method) && head.fields.has(TXN_TOKEN);
    if (needed) always(call, next);
    else next();
  };
}

/** Lets nothing through without a valid token. */
export function requireTxnToken(verifier: TxnVerifier): Stage<CallForUser> {
  return (call, next) => {
    const take = ({ sub, scopes }: VerifiedTxnToken): void => {
      call.facts.sub = sub;
      call.scopes = scopes;
      next();
    };
    const verified = verifier.verify(call.exchange.head.fields.getAll(TXN_TOKEN), Date.now());
    if (verified instanceof Promise) verified.then(take).catch((error: unknown) => call.fail(error));
    else take(verified);
  };
}
