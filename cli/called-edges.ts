/** Who may call whom, beside who did. */
import type { MeshEdge } from "../shared/plan/mesh-edges.ts";
import type { UsageRow } from "../shared/policy/usage-report.ts";
import type { UsageAnswer } from "../shared/wire/usage.ts";

export type Calls = Pick<UsageRow, "requests" | "perSecond" | "success" | "p95Ms" | "denied" | "noAnswer"> &
  NonNullable<UsageRow["edge"]>;

/** What is worth a look, for programs; each has a sentence for people. */
export type EdgeMark = "not-called" | "called-in-shadow" | "refused" | "not-secured" | "not-declared";

export interface CalledEdge extends Omit<MeshEdge, "path"> {
  readonly place: string;
  /** Of all rules that name the same two: calls are not counted by rule. Absent: it is not known. */
  readonly calls?: Calls;
  readonly marks: readonly EdgeMark[];
}

type Declared = Omit<MeshEdge, "path"> & { readonly place: string };

/**
 * @param usage by edges; undefined: nobody was asked
 * @returns the declared ones, then those that were called and that no rule names
 */
export function calledEdges(declared: readonly Declared[], usage: UsageAnswer | undefined): CalledEdge[] {
  if (usage === undefined) return declared.map((edge) => ({ ...edge, marks: [] }));
  const counted = usage.rows.flatMap(callsOf);
  // Of what is not told apart nobody knows whether it was this edge.
  const isWhole = usage.leftOut === 0 && !counted.some(({ destination }) => destination === "*");
  const named = new Set(declared.map(({ from, to }) => `${from} ${to}`));
  const isNamed = ({ source, destination }: Calls): boolean => named.has(`${source} ${destination}`);
  const joined = declared.map((edge): CalledEdge => {
    const of = counted.filter((one) => one.destination === edge.to && takes(edge.from, one, isNamed(one)));
    const calls = of.length === 0 ? undefined : of.reduce(sum);
    return { ...edge, ...(calls && { calls }), marks: marksOf(edge, calls, isWhole) };
  });
  const anybody = new Set(declared.flatMap(({ from, to }) => (from === "*" ? [to] : [])));
  const others = counted.filter((one) => !isNamed(one) && !anybody.has(one.destination));
  return [...joined, ...others.map(undeclared)];
}

/** A rule for anybody is about those that no other rule names. */
const takes = (from: string, { source }: Calls, isNamed: boolean): boolean =>
  from === source || (from === "*" && !isNamed && !source.startsWith("spiffe://"));

function callsOf({ requests, perSecond, success, p95Ms, denied = 0, noAnswer = 0, edge }: UsageRow): Calls[] {
  if (edge === undefined) return [];
  const found = { requests, perSecond, denied, noAnswer, ...edge };
  return [{ ...found, ...(success !== undefined && { success }), ...(p95Ms !== undefined && { p95Ms }) }];
}

/** Of several callers: how long it took is that of the slowest of them. */
function sum(one: Calls, other: Calls): Calls {
  const requests = one.requests + other.requests;
  const well = [one, other].reduce((all, { requests: count, success = 1 }) => all + count * success, 0);
  const slowest = Math.max(one.p95Ms ?? -1, other.p95Ms ?? -1);
  return {
    ...{ source: "*", destination: one.destination, requests, perSecond: one.perSecond + other.perSecond },
    ...(requests > 0 && { success: well / requests }),
    ...(slowest >= 0 && { p95Ms: slowest }),
    denied: (one.denied ?? 0) + (other.denied ?? 0),
    noAnswer: (one.noAnswer ?? 0) + (other.noAnswer ?? 0),
    wouldRefuse: one.wouldRefuse + other.wouldRefuse,
    unsecured: one.unsecured + other.unsecured,
    connections: one.connections + other.connections,
    isOpen: one.isOpen || other.isOpen,
  };
}

function marksOf({ verdict }: Declared, calls: Calls | undefined, isWhole: boolean): EdgeMark[] {
  const isCalled = calls !== undefined && (calls.requests > 0 || calls.isOpen);
  if (!isCalled) return isWhole && verdict !== "denied" ? ["not-called"] : [];
  return [
    ...(verdict === "shadow" || calls.wouldRefuse > 0 ? (["called-in-shadow"] as const) : []),
    ...troubles(calls),
  ];
}

const troubles = ({ denied = 0, unsecured }: Calls): EdgeMark[] => [
  ...(denied > 0 ? (["refused"] as const) : []),
  ...(unsecured > 0 ? (["not-secured"] as const) : []),
];

/** Somebody called, and no rule is about it: it was refused, or a list that is tried in shadow let it through. */
function undeclared(calls: Calls): CalledEdge {
  const { source: from, destination: to, requests, denied = 0, wouldRefuse } = calls;
  const verdict = wouldRefuse > 0 && denied < requests ? "shadow" : "denied";
  const marks: EdgeMark[] = ["not-declared", ...(wouldRefuse > 0 ? (["called-in-shadow"] as const) : [])];
  return { from, to, verdict, asks: [], routes: [], place: "", calls, marks: [...marks, ...troubles(calls)] };
}
