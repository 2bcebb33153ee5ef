/**
 * Whether a workload, on behalf of an end user, may call a service: the service's `access` list.
 *
 * A rule in shadow is one that is only tried: whom it names is let through whatever it says, and what it would have refused is
 * told. A list of such rules alone refuses nobody.
 */
import { claimText } from "../policy/hash-key.ts";
import type { AccessRule } from "../policy/settings.ts";
import { coversPath } from "../policy/traffic.ts";
import { normalisePath } from "../route/normalise-path.ts";

/** What of a request the rules look at, beside its caller. */
export interface AccessQuestion {
  /** Scopes of the end user by a verified Txn-Token; absent: no token. */
  readonly scopes: readonly string[] | undefined;
  /** All that the token says. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  /** Upper case. */
  readonly method: string;
  /** As sent; what follows `?` does not count. */
  readonly path: string;
}

export interface AccessRequest extends AccessQuestion {
  /** Service of the calling workload by its proven identity; absent: it has none of the trust domain. */
  readonly from: string | undefined;
}

export type AccessRefusal = {
  readonly code: "peer_not_trusted" | "access_denied" | "txn_token_missing";
  /** For the operator's log, never for the caller. */
  readonly reason: string;
};

export type AccessVerdict = (
  | {
      readonly allowed: true;
      /** Index of the rule that let it through; -1: the service has no list, or it passes in shadow. */
      readonly rule: number;
      /** Passes in shadow alone: what would have been answered. */
      readonly shadow?: AccessRefusal;
    }
  | ({ readonly allowed: false } & AccessRefusal)
) & {
  /** Rules with `audit` that decided: the one that let it through, or all that named the caller and did not. Absent: none. */
  readonly audited?: readonly number[];
};

/** What of a list is about one caller: it stays the same as long as a connection and a plan do. */
export interface CallerRules {
  readonly from: string;
  /** Absent: the service has no list. */
  readonly rules: readonly { readonly index: number; readonly rule: AccessRule }[] | undefined;
  /** What is refused passes all the same, and is told. */
  readonly inShadow: boolean;
}

/**
 * @param rules absent: every workload of the trust domain may call; an empty list lets nobody through
 * @param from a service, or the SPIFFE ID of a workload of another trust domain: only rules that name it are about it
 */
export function rulesFor(rules: readonly AccessRule[] | undefined, from: string): CallerRules {
  const isForeign = from.startsWith("spiffe://");
  if (rules === undefined) return { from, rules: isForeign ? [] : undefined, inShadow: false };
  const named = rules
    .map((rule, index) => ({ index, rule }))
    .filter(({ rule }) => (rule.from === "*" && !isForeign) || rule.from === from);
  const isShadow = ({ mode }: AccessRule): boolean => mode === "shadow";
  const isTried = !isForeign && rules.length > 0 && rules.every(isShadow);
  const inShadow = named.some(({ rule }) => isShadow(rule)) || isTried;
  return { from, rules: named, inShadow };
}

/** Decides a request of a caller whose rules are known. */
export function decideFor({ from, rules, inShadow }: CallerRules, question: AccessQuestion): AccessVerdict {
  if (rules === undefined) return { allowed: true, rule: -1 };
  const { scopes, method } = question;
  let missing: string | undefined;
  for (const { index, rule } of rules) {
    if (!takesRequest(rule, question)) continue;
    const lacking = lackingOf(rule, question);
    if (lacking === undefined)
      return rule.audit === true ? { allowed: true, rule: index, audited: [index] } : { allowed: true, rule: index };
    missing ??= lacking;
  }
  const path = rules.some(({ rule }) => rule.paths !== undefined) ? ` on ${withoutQuery(question.path)}` : "";
  const refusal: AccessRefusal =
    rules.length === 0
      ? { code: "access_denied", reason: `no rule names ${from}` }
      : missing === undefined
        ? { code: "access_denied", reason: `no rule lets ${from} use ${method}${path}` }
        : scopes === undefined
          ? { code: "txn_token_missing", reason: `${from} sent no Txn-Token, ${method}${path} needs ${missing}` }
          : { code: "access_denied", reason: `the end user lacks ${missing} for ${method}${path} from ${from}` };
  const audited = rules.filter(({ rule }) => rule.audit === true).map(({ index }) => index);
  const more = audited.length === 0 ? {} : { audited };
  if (inShadow) return { allowed: true, rule: -1, shadow: refusal, ...more };
  return { allowed: false, ...refusal, ...more };
}

/** @param rules as of `rulesFor` */
export function decideAccess(rules: readonly AccessRule[] | undefined, request: AccessRequest): AccessVerdict {
  const { from } = request;
  if (from !== undefined) return decideFor(rulesFor(rules, from), request);
  return { allowed: false, code: "peer_not_trusted", reason: "the caller has no identity of this trust domain" };
}

/** Whether only the end user can let the request through, so that its Txn-Token must be verified. */
export function needsUser(rules: CallerRules, request: Pick<AccessQuestion, "method" | "path">): boolean {
  const verdict = decideFor(rules, { ...request, scopes: undefined, claims: undefined });
  return !verdict.allowed && verdict.code === "txn_token_missing";
}

function takesRequest({ methods, paths }: AccessRule, { method, path }: AccessQuestion): boolean {
  if (methods.length > 0 && !methods.includes(method)) return false;
  if (paths === undefined) return true;
  // A path that the application might read in another way than these letters say is none of a rule's.
  const read = normalisePath(withoutQuery(path));
  return read.path !== undefined && paths.some((pattern) => coversPath(pattern, read.path));
}

/** What the end user would need; undefined: nothing. */
function lackingOf(rule: AccessRule, { scopes, claims }: AccessQuestion): string | undefined {
  const lacking = rule.scopes.filter((scope) => scopes === undefined || !scopes.includes(scope));
  for (const name in rule.claims) if (claimText(claims, name) !== rule.claims[name]) lacking.push(`claim ${name}`);
  return lacking.length === 0 ? undefined : lacking.join(" ");
}

function withoutQuery(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}
