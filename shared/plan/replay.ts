/** Past requests by two versions of a document: which of them change, and in what. */
import type { RequestRecord } from "../policy/request-record.ts";
import { canonicalJson } from "./canonical-json.ts";
import { explainBy, type PreparedPlan } from "./explain.ts";
import type { Explanation } from "./explain-step.ts";
import { requestOfRecord, saysWhatWas, timeOfRecord } from "./replay-request.ts";
import { type Aspect, isInShadow, type ReplayKind, type ReplayView, replayKinds, viewOf } from "./replay-view.ts";

/** One difference between the two explanations of a request. Values as JSON has them; null: there is none. */
export interface ReplayChange {
  readonly kind: ReplayKind;
  /** Name of the limit, of the service, of the stage; empty: there is one of its kind. */
  readonly about: string;
  /** Which part of it; `verdict` has the code of a refusal. Empty: all of it came, or went. */
  readonly name: string;
  readonly before: unknown;
  readonly after: unknown;
}

export interface ReplayedRequest {
  readonly traceId: string;
  /** RFC 3339. */
  readonly time: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** How it ended then. */
  readonly status: number;
  readonly sub?: string;
  readonly changes: readonly ReplayChange[];
}

/** Requests that change in the same way. */
export interface ReplayGroup {
  readonly kinds: readonly ReplayKind[];
  readonly requests: readonly ReplayedRequest[];
}

export interface Replay {
  /** How many were replayed. */
  readonly requests: number;
  readonly changed: number;
  /** Of all, how many the older version explains otherwise than they were decided then. */
  readonly unexplained: number;
  /** Those that end otherwise first, then by their number. */
  readonly groups: readonly ReplayGroup[];
}

/** @param records whose times are RFC 3339, in any order */
export function replay(before: PreparedPlan, after: PreparedPlan, records: Iterable<RequestRecord>): Replay {
  const groups = new Map<string, ReplayedRequest[]>();
  let requests = 0;
  let changed = 0;
  let unexplained = 0;
  for (const record of records) {
    const request = requestOfRecord(record, before);
    const nowMs = timeOfRecord(record);
    const was = explainBy(before, request, nowMs);
    requests++;
    if (!saysWhatWas(was, record)) unexplained++;
    const changes = changesOf(was, explainBy(after, request, nowMs));
    if (changes.length === 0) continue;
    changed++;
    const key = groupKey(changes);
    const members = groups.get(key) ?? [];
    groups.set(key, members);
    members.push({ ...shownOf(record), changes });
  }
  return { requests, changed, unexplained, groups: sortedGroups([...groups.values()]) };
}

function shownOf({ entry }: RequestRecord): Omit<ReplayedRequest, "changes"> {
  const { traceId, time, method, host, path, status, sub } = entry;
  return { traceId, time, method, host, path, status, ...(sub !== undefined && { sub }) };
}

function sortedGroups(groups: readonly ReplayedRequest[][]): ReplayGroup[] {
  const all = groups.map((requests) => {
    const found = new Set(requests[0]?.changes.map(({ kind }) => kind));
    return { kinds: replayKinds.filter((kind) => found.has(kind)), requests };
  });
  const endsOtherwise = ({ kinds }: ReplayGroup): number => (kinds.includes("outcome") ? 0 : 1);
  return all.sort((a, b) => endsOtherwise(a) - endsOtherwise(b) || b.requests.length - a.requests.length);
}

/** Values of the request itself: two requests change in the same way whatever these are. */
const OF_REQUEST: ReadonlySet<string> = new Set([
  ...["sub", "issuer", "scopes", "groups", "consumer", "plan", "key", "partition", "asked", "context"],
  ...["path", "query", "shows"],
]);

export const isOfRequest = ({ name }: ReplayChange): boolean => OF_REQUEST.has(name) || name.startsWith("field ");

function groupKey(changes: readonly ReplayChange[]): string {
  return canonicalJson(changes.map((one) => (isOfRequest(one) ? [one.kind, one.about, one.name] : { ...one })));
}

/** In the order of `replayKinds`. */
export function changesOf(before: Explanation, after: Explanation): ReplayChange[] {
  const [was, is] = [viewOf(before), viewOf(after)];
  const keys = new Set([...was.aspects.keys(), ...is.aspects.keys()]);
  const changes = [...keys].flatMap((key) => differences(key, was, is));
  return changes.sort((a, b) => replayKinds.indexOf(a.kind) - replayKinds.indexOf(b.kind));
}

function differences(key: string, was: ReplayView, is: ReplayView): ReplayChange[] {
  const [before, after] = [was.aspects.get(key), is.aspects.get(key)];
  if (before === undefined) return after === undefined ? [] : onOneSide(after, was, "after");
  if (after === undefined) return onOneSide(before, is, "before");
  const { kind, about } = before;
  if (before.verdict !== after.verdict)
    return [{ kind, about, name: "verdict", before: before.verdict, after: after.verdict }];
  if (before.verdict !== "pass" && !isInShadow(before)) return [];
  const isCommon = before.commonOnly === true;
  const names = new Set([...Object.keys(before.facts), ...Object.keys(after.facts)]);
  return [...names].flatMap((name) => {
    if (isCommon && !(Object.hasOwn(before.facts, name) && Object.hasOwn(after.facts, name))) return [];
    const [one, other] = [before.facts[name] ?? null, after.facts[name] ?? null];
    return isSame(one, other) ? [] : [{ kind, about, name, before: one, after: other }];
  });
}

const isSame = (one: unknown, other: unknown): boolean =>
  one === other ||
  (typeof one === "object" && typeof other === "object" && canonicalJson(one) === canonicalJson(other));

/** What a service may itself call is compared as far as both sides know the service. */
const CALLS = " calls";

/** @param other the side that does not have it: where it had ended before, nothing is known of that */
function onOneSide(aspect: Aspect, other: ReplayView, side: "before" | "after"): ReplayChange[] {
  const { kind, about, verdict, facts } = aspect;
  if (about.endsWith(CALLS) && verdict === "pass") return [];
  const isShadow = isInShadow(aspect);
  const refuses = verdict !== "pass" && verdict !== "skip";
  // What else would end a request is decided before its target is.
  const isReached = other.reaches(isShadow && kind === "outcome" ? "transform" : kind);
  if (!isReached && (isShadow || !refuses)) return [];
  const had = refuses ? verdict : facts;
  return [{ kind, about, name: "", before: null, after: null, [side]: had }];
}
