/** What to do about a refusal that `explain` has found. */
import type { ErrorCode } from "../errors.ts";
import type { Explanation } from "./explain-step.ts";

const FIXES: Readonly<Partial<Record<ErrorCode, string>>> = {
  access_denied:
    "let the caller in by a rule in the service's `access` (`from`, and where it has them `methods` and `paths`)",
  ambiguous_path: "ask for the path in its plain form: without `.`, `..`, empty segments and encoded slashes",
  body_too_large: "send less, or set `maxBody` of the route",
  brownout: "wait until it is over, or shorten it in `lifecycle.brownouts`",
  credentials_invalid: "show a credential that one of the route's providers takes; assume somebody with --as SUB",
  credentials_missing: "send a credential that the route's `auth` asks for; assume somebody with --as SUB",
  idempotency_key_invalid: "send one string in quotes, such as a UUID",
  idempotency_key_missing: "send a key, or leave out `required` of the route's `idempotency`",
  loop_detected: "look for a route that leads back to the gateway",
  method_not_allowed: "use one of these methods, or add it to `match.methods`",
  no_route: "see above why each route does not take it, and change its `match` or the request",
  not_permitted: "show an identity that meets what the route's `auth` asks for (with --as: --claim NAME=VALUE)",
  operation_unknown: "describe the operation in the contract, or set `unknownOperations: pass`",
  route_ended: "ask its successor, or move `lifecycle.sunset`",
  route_quarantined: "take `quarantine` away when the reason is gone",
  scope_missing: "ask the issuer for this scope (with --as: --scope)",
  txn_token_missing: "the service asks for an end user: give the route an `auth`",
  unknown_host: "ask for one of these hosts, or add it to `gateway.hosts`",
};

/** @returns undefined where the reason says it already, or nothing was refused */
export function fixOf({ result }: Explanation): string | undefined {
  return result.outcome === "refuse" ? FIXES[result.code] : undefined;
}
