/** What of an explanation can change what becomes of its request, as data: two of these are held against each other. */
import { describeTarget } from "./describe-target.ts";
import type { ExplainStep, Explanation, Facts, Result, SentRequest } from "./explain-step.ts";

/**
 * route: which one takes it; auth: who it is, and whether they may; limit: which limits hold, their numbers and whom they count by;
 * contract: what it is held to; transform: what upstreams are asked, and what the client is told; cache: key, sharing and lifetimes;
 * access: which service and subset is reached, and whether that lets it in; outcome: how it ends.
 */
export const replayKinds = ["route", "auth", "limit", "contract", "transform", "cache", "access", "outcome"] as const;
export type ReplayKind = (typeof replayKinds)[number];

/** One thing that is decided, under one name on both sides. */
export interface Aspect {
  readonly kind: ReplayKind;
  /** Empty: there is one of its kind. */
  readonly about: string;
  /** `pass`, `skip`, the code of the refusal, or `would-deny` with that code: in shadow, so that it goes on. */
  readonly verdict: string;
  readonly facts: Facts;
  /** A name that only one side has is no difference: it is not known to the other, or nothing of it matters there. */
  readonly commonOnly?: true;
}

export interface ReplayView {
  readonly aspects: ReadonlyMap<string, Aspect>;
  /** False: it ended before that was decided. */
  readonly reaches: (kind: ReplayKind) => boolean;
}

export function viewOf(explanation: Explanation): ReplayView {
  const { route, steps, result } = explanation;
  const aspects = new Map<string, Aspect>();
  const add = (aspect: Aspect): void => {
    const key = `${aspect.kind} ${aspect.about}`;
    aspects.set(key, merged(aspects.get(key), aspect));
  };
  const refused = result.outcome === "refuse" ? result.code : "none";
  add({ kind: "route", about: "", verdict: "pass", facts: { name: route?.name ?? refused } });
  const sent = sentOf(explanation);
  const isComposed = steps.some(({ stage }) => stage === "aggregate");
  for (const step of steps) {
    const kind = kindOf(step);
    if (kind === undefined || kind === "route") continue;
    if (!refuses(step) && SHOWN_AS_SENT.has(step.stage) && !isComposed) continue;
    add(aspectOf(step, kind));
  }
  if (sent !== undefined) add({ kind: "transform", about: "request", verdict: "pass", facts: sent });
  add({ kind: "outcome", about: "", verdict: "pass", facts: { ends: endsOf(result) } });
  return { aspects, reaches: reachOf(explanation) };
}

const KINDS: Readonly<Record<string, ReplayKind>> = {
  ...{ route: "route", auth: "auth", scopes: "auth", claims: "auth", groups: "auth", when: "auth", decision: "auth" },
  ...{ shedding: "limit", contract: "contract", graphql: "contract", cache: "cache" },
  ...{ "request headers": "transform", "request edits": "transform", "identity headers": "transform" },
  ...{ "response headers": "transform", "response edits": "transform", "life cycle": "transform", cors: "transform" },
  ...{ context: "transform", redirect: "transform", respond: "transform", handler: "transform", policy: "transform" },
  ...{ mirror: "transform", transcode: "transform", aggregate: "transform", call: "transform", targets: "transform" },
  ...{ calls: "transform", rewrite: "transform", brownout: "outcome", faults: "outcome" },
};
const OF_MESH: ReadonlySet<string> = new Set(["access", "traffic", "mirror", "calls", "mesh"]);
/** Of these the request that upstreams get says all, where there is one. */
const SHOWN_AS_SENT: ReadonlySet<string> = new Set(["request headers", "request edits", "identity headers"]);
/** What these say is different for each request. */
const OF_REQUEST_STAGES: ReadonlySet<string> = new Set([
  "redirect",
  "respond",
  "call",
  "aggregate",
  "transcode",
  "cors",
]);

/** Whether it is refused, or would be if that were enforced: of one kind both times. */
const refuses = ({ verdict }: ExplainStep): boolean => verdict === "deny" || verdict === "would-deny";

/** Undefined: it changes how a request is carried out, and not what becomes of it. */
function kindOf(step: ExplainStep): ReplayKind | undefined {
  const { stage, path } = step;
  if (stage.startsWith("limit ")) return "limit";
  if (stage === "mesh" || (path?.[0] === "mesh" && OF_MESH.has(stage))) return "access";
  if (stage === "identity") return refuses(step) ? "route" : undefined;
  if (stage === "life cycle" && refuses(step)) return "outcome";
  if (Object.hasOwn(KINDS, stage)) return KINDS[stage];
  return refuses(step) ? "outcome" : undefined;
}

function aspectOf(step: ExplainStep, kind: ReplayKind): Aspect {
  return {
    ...{ kind, about: aboutOf(step, kind), verdict: verdictOf(step), facts: factsOf(step, kind) },
    ...((kind === "auth" || kind === "contract" || step.stage === "calls") && { commonOnly: true }),
  };
}

function verdictOf({ verdict, code = "internal" }: ExplainStep): string {
  if (verdict === "deny") return code;
  if (verdict === "would-deny") return `${IN_SHADOW}${code}`;
  return verdict === "skip" ? "skip" : "pass";
}

const IN_SHADOW = "would-deny ";

/** Whether something in shadow would refuse. */
export const isInShadow = ({ verdict }: Pick<Aspect, "verdict">): boolean => verdict.startsWith(IN_SHADOW);

function factsOf(step: ExplainStep, kind: ReplayKind): Facts {
  const { stage, verdict, text, facts } = step;
  if (verdict === "deny") return {};
  if (facts !== undefined || refuses(step)) return facts ?? {};
  // A demand that is met makes no difference to whom it lets through, nor does what is written down of it.
  if (kind === "auth" || stage === "access") return {};
  return OF_REQUEST_STAGES.has(stage) ? { shows: text } : { says: text };
}

function aboutOf({ stage, part, path }: ExplainStep, kind: ReplayKind): string {
  const where = part === undefined ? "" : `${part}: `;
  const service = path?.[0] === "mesh" ? `${String(path[2])} ` : "";
  if (kind === "auth") return `${where}${stage === "decision" ? stage : ""}`;
  if (kind === "cache") return where;
  if (kind === "access" && (stage === "access" || stage === "traffic")) return `${where}${service.trimEnd()}`;
  const limit = kind === "limit" ? stage.replace(/^limit /, "") : stage;
  return `${where}${service}${limit}`;
}

/** A refusal stays one, what is in shadow gives way to it, and data counts for more than a text beside it. */
function merged(known: Aspect | undefined, added: Aspect): Aspect {
  if (known === undefined) return added;
  const isOpen = known.verdict === "pass" || (isInShadow(known) && added.verdict !== "pass" && !isInShadow(added));
  const verdict = isOpen ? added.verdict : known.verdict;
  const isText = (one: Facts): boolean => "says" in one || "shows" in one;
  if (isText(known.facts) && isText(added.facts)) {
    const texts = Object.entries(added.facts).map(([name, text]) => [
      name,
      `${String(known.facts[name])}; ${String(text)}`,
    ]);
    return { ...known, verdict, facts: Object.fromEntries(texts) };
  }
  return { ...known, verdict, facts: isText(added.facts) ? known.facts : { ...known.facts, ...added.facts } };
}

const resultsOf = ({ result }: Pick<Explanation, "result">) =>
  result.outcome === "drawn" ? result.among : [{ percent: 100, result }];

/** What the target is asked; of several that differ in nothing else, which share each gets. */
function sentOf(explanation: Explanation): Facts | undefined {
  const ways = resultsOf(explanation).flatMap(({ percent, result }) =>
    result.outcome === "forward" && result.sent !== undefined ? [{ percent, sent: result.sent }] : [],
  );
  const [first] = ways;
  if (first === undefined) return undefined;
  const { method, path, query, fields } = first.sent;
  const named = Object.entries(fields).map(([name, value]) => [`field ${name}`, value]);
  return { to: targetsOf(ways), method, path, query, ...Object.fromEntries(named) };
}

function targetsOf(ways: readonly { readonly percent: number; readonly sent: SentRequest }[]): string {
  const whole = ways.reduce((sum, { percent }) => sum + percent, 0);
  return sharesText(ways.map(({ percent, sent }) => [describeTarget(sent.to), (100 * percent) / whole]));
}

const endsOf = (result: Explanation["result"]): string =>
  sharesText(resultsOf({ result }).map((one) => [endOf(one.result), one.percent]));

function endOf(result: Result): string {
  if (result.outcome === "forward") return "forwarded";
  if (result.outcome === "refuse") return `refused with ${result.status} ${result.code}`;
  return result.status === undefined ? "answered here" : `answered here with ${result.status}`;
}

/** Equal ones together; `forwarded`, or `10 % answered here with 503, 90 % forwarded`. */
function sharesText(shares: readonly (readonly [what: string, percent: number])[]): string {
  const sums = new Map<string, number>();
  for (const [what, percent] of shares) sums.set(what, (sums.get(what) ?? 0) + percent);
  const [only] = sums.keys();
  if (sums.size === 1 && only !== undefined) return only;
  return [...sums]
    .map(([what, percent]) => `${Number(percent.toFixed(2))} % ${what}`)
    .sort()
    .join(", ");
}

/** In which order things are decided. */
const RANKS: Readonly<Record<ReplayKind, number>> = {
  ...{ route: 0, auth: 1, limit: 2, contract: 3, transform: 4, cache: 5, access: 6, outcome: 7 },
};

function reachOf({ route, steps, result }: Explanation): ReplayView["reaches"] {
  if (result.outcome === "forward" || result.outcome === "drawn") return () => true;
  if (result.outcome === "answer") return (kind) => route !== undefined && RANKS[kind] <= RANKS.transform;
  const denied = steps.find((one) => one.verdict === "deny" && one.optional !== true);
  const at = (denied && kindOf(denied)) ?? "outcome";
  // What upstreams would be asked is not said of a request that is refused.
  return (kind) => kind !== "transform" && at !== "outcome" && RANKS[kind] < RANKS[at];
}
