/** Whose request it is: the end user by the Txn-Token. */
import { needsUser } from "../../shared/auth/access.ts";
import { TXN_TOKEN } from "../../shared/http/header-names.ts";
import type { Call, Stage } from "../proxy/call.ts";
import type { InboundCall } from "./inbound-call.ts";
import type { TxnVerifier, VerifiedTxnToken } from "./txn-verifier.ts";

/** A call on behalf of an end user. */
type CallForUser = Call & {
  scopes: readonly string[] | undefined;
  claims: Readonly<Record<string, unknown>> | undefined;
};

/**
 * Verifies the token that is there, since applications believe it. A bad one fails the request only where the end user's
 * rights alone could let it through; elsewhere the request goes on without it.
 * @param verifier of this agent's trust domain
 */
export function verifyTxnToken(verifier: TxnVerifier): Stage<InboundCall> {
  return (call, next) => {
    const { head } = call.exchange;
    if (!head.fields.has(TXN_TOKEN)) {
      next();
      return;
    }
    takeUser(verifier, call, next, (error) => {
      const { accessRules } = call;
      if (accessRules !== undefined && needsUser(accessRules, { method: head.method, path: head.target })) {
        call.fail(error);
        return;
      }
      head.fields.remove(TXN_TOKEN);
      call.facts.note = `removed on the way to the application: ${(error as Error).message}`;
      next();
    });
  };
}

/** Lets nothing through without a valid token. */
export function requireTxnToken(verifier: TxnVerifier): Stage<CallForUser> {
  return (call, next) => takeUser(verifier, call, next, (error) => call.fail(error));
}

/** Verifies the token of a call, which may have none. @param onBad the token is not good */
export function takeUser(
  verifier: TxnVerifier,
  call: CallForUser,
  next: () => void,
  onBad: (error: unknown) => void,
): void {
  const take = ({ sub, scopes, claims }: VerifiedTxnToken): void => {
    call.facts.sub = sub;
    call.scopes = scopes;
    call.claims = claims;
    next();
  };
  let verified: VerifiedTxnToken | Promise<VerifiedTxnToken>;
  try {
    verified = verifier.verify(call.exchange.head.fields.getAll(TXN_TOKEN), Date.now());
  } catch (error) {
    onBad(error);
    return;
  }
  if (verified instanceof Promise) verified.then(take, onBad);
  else take(verified);
}
