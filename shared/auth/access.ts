/** Whether a workload, on behalf of an end user, may call a service: the service's `access` list. */
import type { AccessRule } from "../policy/settings.ts";

export interface AccessRequest {
  /** Service of the calling workload by its proven identity; absent: it has none of the trust domain. */
  readonly from: string | undefined;
  /** Scopes of the end user by a verified Txn-Token; absent: no token. */
  readonly scopes: readonly string[] | undefined;
  /** Upper case. */
  readonly method: string;
}

export type AccessVerdict =
  /** `rule`: index of the rule that let it through; -1: the service has no list. */
  | { readonly allowed: true; readonly rule: number }
  | {
      readonly allowed: false;
      readonly code: "peer_not_trusted" | "access_denied" | "txn_token_missing";
      /** For the operator's log, never for the caller. */
      readonly reason: string;
    };

/**
 * @param rules absent: every workload of the trust domain may call; an empty list lets nobody through
 */
export function decideAccess(rules: readonly AccessRule[] | undefined, request: AccessRequest): AccessVerdict {
  const { from, scopes, method } = request;
  if (from === undefined) return no("peer_not_trusted", "the caller has no identity of this trust domain");
  if (rules === undefined) return { allowed: true, rule: -1 };
  let named = false;
  let missing: string | undefined;
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index] as AccessRule;
    if (rule.from !== "*" && rule.from !== from) continue;
    named = true;
    if (!takesMethod(rule, method)) continue;
    const lacking = rule.scopes.filter((scope) => scopes === undefined || !scopes.includes(scope));
    if (lacking.length === 0) return { allowed: true, rule: index };
    missing ??= lacking.join(" ");
  }
  if (!named) return no("access_denied", `no rule names ${from}`);
  if (missing === undefined) return no("access_denied", `no rule lets ${from} use ${method}`);
  if (scopes === undefined) return no("txn_token_missing", `${from} sent no Txn-Token, ${method} needs ${missing}`);
  return no("access_denied", `the end user lacks ${missing} for ${method} from ${from}`);
}

/** Whether only an end user's scopes can let the request through, so that its Txn-Token must be verified. */
export function needsScopes(rules: readonly AccessRule[] | undefined, from: string, method: string): boolean {
  let needed = false;
  for (const rule of rules ?? []) {
    if ((rule.from !== "*" && rule.from !== from) || !takesMethod(rule, method)) continue;
    if (rule.scopes.length === 0) return false;
    needed = true;
  }
  return needed;
}

const takesMethod = (rule: AccessRule, method: string): boolean =>
  rule.methods.length === 0 || rule.methods.includes(method);

const no = (code: "peer_not_trusted" | "access_denied" | "txn_token_missing", reason: string): AccessVerdict => ({
  allowed: false,
  code,
  reason,
});
