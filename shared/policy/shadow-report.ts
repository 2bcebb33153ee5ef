/** What would happen if policies in shadow were enforced: what they have judged, and what they would have refused. */
import { OTHERS } from "./counters.ts";
import type { UsageGroups } from "./usage-report.ts";

export interface ShadowRow {
  readonly of: "route" | "service";
  /** Of the route or service; `*`: of those beyond the bound of what is told apart. */
  readonly name: string;
  /** `auth`, `limit:tighter`; `*` as above. */
  readonly policy: string;
  /** Requests; of load shedding at the gateway, calls. */
  readonly judged: number;
  readonly wouldRefuse: number;
  /** Of the judged, 0 to 1. */
  readonly share: number;
  /** By the code that it would have been. */
  readonly errors: Readonly<Record<string, number>>;
}

/** @param groups by `seriesKey` of `shadow` and `serviceShadow` @returns rows, most that would be refused first */
export function shadowRows(groups: UsageGroups): ShadowRow[] {
  const rows = new Map<
    string,
    { readonly labels: readonly string[]; judged: number; errors: Record<string, number> }
  >();
  for (const [key, { requests = 0 }] of groups) {
    const [kind = "", name = "", policy = "", error = ""] = key.split("\n");
    const id = [kind, name, policy].join("\n");
    const row = rows.get(id) ?? { labels: [kind, name, policy], judged: 0, errors: {} };
    rows.set(id, row);
    row.judged += requests;
    // Of what was not told apart nobody knows whether it would have passed.
    if (error !== "" && error !== OTHERS) row.errors[error] = (row.errors[error] ?? 0) + requests;
  }
  return [...rows.values()].map(rowOf).sort(byWeight);
}

function rowOf({
  labels,
  judged,
  errors,
}: {
  labels: readonly string[];
  judged: number;
  errors: Record<string, number>;
}): ShadowRow {
  const [kind, name = "", policy = ""] = labels;
  const wouldRefuse = Object.values(errors).reduce((sum, count) => sum + count, 0);
  const of = kind === "serviceShadow" ? "service" : "route";
  return { of, name, policy, judged, wouldRefuse, share: judged === 0 ? 0 : wouldRefuse / judged, errors };
}

function byWeight(a: ShadowRow, b: ShadowRow): number {
  if (a.wouldRefuse !== b.wouldRefuse) return b.wouldRefuse - a.wouldRefuse;
  if (a.judged !== b.judged) return b.judged - a.judged;
  return `${a.name} ${a.policy}` < `${b.name} ${b.policy}` ? -1 : 1;
}
