/** What was decided about a request, in the order in which it was and in the words of `explain`, of what its stages have left. */
import type { ErrorCode } from "../errors.ts";
import type { AccessLogEntry, CacheUse, ShadowPolicy } from "../http/access-log.ts";
import { records } from "../limits/records.ts";
import type { RecordedDecision, RecordedIdentity } from "./request-record.ts";

/** What is known beside the line of the access log. */
export interface DecisionFacts {
  readonly entry: AccessLogEntry;
  /** Of the route; absent: the request met none. */
  readonly route?: {
    readonly hasAuth: boolean;
    /** `auth` lets everybody pass, whatever is granted. */
    readonly isShadow?: true;
    readonly scopes: readonly string[];
    readonly limits: readonly string[];
    readonly contract?: string;
    readonly target: string;
  };
  readonly identity?: RecordedIdentity;
  /** `RateLimit` of the answer. */
  readonly rateLimit?: string;
  /** The answer is that of an earlier request with its idempotency key. */
  readonly isReplay: boolean;
}

type Stage = (facts: DecisionFacts) => string | undefined;

/** The order of the gateway. What a stage says of a request that passed it; undefined: nothing was decided. */
const PASSED: readonly (readonly [stage: string, tell: Stage])[] = [
  ["head", () => undefined],
  ["path", () => undefined],
  ["cors", () => undefined],
  ["login", () => undefined],
  ["route", ({ entry, route }) => (route === undefined ? undefined : `${entry.route} takes it`)],
  ["quarantine", () => undefined],
  ["body", () => undefined],
  ["via", () => undefined],
  ["upgrade", ({ entry }) => (entry.status === 101 ? "the connection changed its protocol" : undefined)],
  ["auth", tellAuth],
  ["life cycle", () => undefined],
  ["limits", tellLimits],
  ["graphql", () => undefined],
  ["decision", () => undefined],
  ["contract", ({ route }) => route?.contract && `fits ${route.contract}`],
  ["idempotency", ({ isReplay }) => (isReplay ? "the answer of an earlier request with this key" : undefined)],
  ["policy", () => undefined],
  ["traffic", ({ entry: { variant } }) => variant && `goes to the variant ${variant}`],
  ["faults", ({ entry: { fault } }) => fault && `injected: ${fault}`],
  ["cache", ({ entry: { cache } }) => cache && USES[cache]],
  ["shedding", () => undefined],
  ["target", tellTarget],
];

function tellAuth({ route, identity }: DecisionFacts): string | undefined {
  if (identity === undefined) return undefined;
  if (route?.hasAuth !== true) return "public";
  if (identity.method === "anonymous") return "nobody was proven, and need not be";
  const by = identity.provider ?? identity.method;
  const asked = route.isShadow === true || route.scopes.length === 0 ? "" : `, with ${route.scopes.join(" ")}`;
  return `${identity.sub} by ${by}${asked}`;
}

function tellLimits({ route, rateLimit, entry: { uncounted } }: DecisionFacts): string | undefined {
  if (route === undefined || route.limits.length === 0) return undefined;
  const left = rateLimit === undefined ? route.limits.join(", ") : leftOf(rateLimit);
  return uncounted === undefined ? left : `${left}; not counted by ${uncounted.join(", ")}`;
}

/** `"by-ip";r=12;t=34` is `by-ip has 12 left for 34 s`. */
function leftOf(field: string): string {
  const told = [...field.matchAll(/"([^"]+)"(?:;r=(\d+))?(?:;t=(\d+))?/g)].map(
    ([, name, left = "?", seconds]) => `${name} has ${left} left${seconds === undefined ? "" : ` for ${seconds} s`}`,
  );
  return told.length === 0 ? field : told.join(", ");
}

function tellTarget({ entry: { peer, endpoint, attempts = 1 }, route }: DecisionFacts): string | undefined {
  if (route === undefined) return undefined;
  const to = peer === undefined ? route.target : [peer, endpoint].filter((part) => part !== undefined).join(" ");
  return attempts > 1 ? `${to}, ${attempts} attempts` : to;
}

const USES: Readonly<Record<CacheUse, string>> = {
  hit: "answered from it",
  stale: "answered from it, stale, while it is asked for again",
  revalidated: "answered from it, the upstream has confirmed it",
  error: "answered from it, stale, since the upstream failed",
  collapsed: "answered from it, after a wait for an equal request",
  miss: "was not in it, and is now",
  pass: "was not in it, and is not kept",
};

/** Answered out of the cache without the upstream. */
const STORED: ReadonlySet<CacheUse> = new Set(["hit", "stale", "collapsed"]);

/** The stage that an error belongs to; others are the target's. */
const STAGES: { readonly [Code in ErrorCode]?: string } = {
  ...{ bad_request: "head", ambiguous_framing: "head", uri_too_long: "head", header_too_large: "head" },
  ...{ expectation_failed: "head", not_implemented: "head", version_not_supported: "head", ambiguous_path: "path" },
  ...{ unknown_host: "route", no_route: "route", method_not_allowed: "route", plan_missing: "route" },
  ...{ route_quarantined: "quarantine", body_too_large: "body", request_timeout: "body", loop_detected: "via" },
  ...{ upgrade_required: "upgrade", websocket_version: "upgrade", origin_not_allowed: "cors", login_failed: "login" },
  ...{ credentials_missing: "auth", credentials_invalid: "auth", scope_missing: "auth", cross_site: "auth" },
  ...{ issuer_unavailable: "auth", keys_unavailable: "auth", proofs_unavailable: "auth", sessions_unavailable: "auth" },
  ...{ not_permitted: "auth", decision_unavailable: "decision", route_ended: "life cycle", brownout: "life cycle" },
  ...{
    limit_exceeded: "limits",
    limiter_unavailable: "limits",
    graphql_invalid: "graphql",
    graphql_refused: "graphql",
  },
  ...{ operation_unknown: "contract", request_invalid: "contract", contract_unavailable: "contract" },
  ...{ media_type_unsupported: "contract", content_too_complex: "contract", answer_invalid: "contract" },
  ...{ idempotency_key_missing: "idempotency", idempotency_key_invalid: "idempotency" },
  ...{ idempotency_key_reused: "idempotency", request_outstanding: "idempotency", answer_not_kept: "idempotency" },
  ...{ outcome_unknown: "idempotency", idempotency_full: "idempotency", idempotency_unavailable: "idempotency" },
  ...{ code_failed: "policy", code_timeout: "policy", overloaded: "shedding", not_stored: "cache" },
};

/** The stage of a policy that can be in shadow. */
const SHADOW_STAGES: Readonly<Record<ShadowPolicy, string>> = {
  ...{ access: "target", answer: "contract", auth: "auth", contract: "contract", decision: "decision" },
  ...{ graphql: "graphql", idempotency: "idempotency", lifecycle: "life cycle", limit: "limits", shedding: "shedding" },
};

/** Stages whose refusal comes after the upstream was asked. */
const AFTER: ReadonlySet<ErrorCode> = new Set(["answer_invalid"]);

export function recordedDecisions(facts: DecisionFacts): RecordedDecision[] {
  const { entry } = facts;
  const told: RecordedDecision[] = [];
  const denied = entry.error === undefined ? undefined : (STAGES[entry.error] ?? "target");
  const isAfter = entry.error !== undefined && AFTER.has(entry.error);
  for (const [stage, tell] of PASSED) {
    if (stage === denied && !isAfter) break;
    if (stage === "target" && (isStored(entry) || facts.isReplay)) continue;
    const text = tell(facts);
    if (text !== undefined && text !== "") told.push(decision(stage, "pass", text));
  }
  for (const { policy, error, limit, reason } of entry.wouldRefuse ?? []) {
    const by = limit === undefined ? error : `${error} by ${limit}`;
    told.push(decision(SHADOW_STAGES[policy], "would-deny", reason === undefined ? by : `${by}: ${reason}`));
  }
  if (entry.error !== undefined && denied !== undefined) told.push(decision(denied, "deny", whyOf(facts, denied)));
  return told.slice(0, records.decisionsMax);
}

const isStored = ({ cache }: AccessLogEntry): boolean => cache !== undefined && STORED.has(cache);

function whyOf(facts: DecisionFacts, stage: string): string {
  const { error, reason } = facts.entry;
  const why = reason === undefined ? `${error}` : `${error}: ${reason}`;
  if (stage === "limits" && facts.rateLimit !== undefined) return `${why}; ${leftOf(facts.rateLimit)}`;
  return stage === "target" && facts.route !== undefined ? `${tellTarget(facts)}: ${why}` : why;
}

const decision = (stage: string, verdict: RecordedDecision["verdict"], text: string): RecordedDecision => ({
  stage,
  verdict,
  text: text.slice(0, records.decisionCharsMax),
});
