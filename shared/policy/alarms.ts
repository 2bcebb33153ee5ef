/** What of the counters an operator must be told without asking for it. */
import { limits } from "../limits.ts";
import { OTHERS, type SeriesCounts } from "./counters.ts";

export interface Alarm {
  /** Stable name of what is wrong. */
  readonly code: "limit_uncounted";
  readonly route: string;
  readonly limit: string;
  readonly requests: number;
  readonly answered: "open" | "closed";
  /** One sentence. */
  readonly text: string;
}

/** @param sums of the last `limits.counters.windowMs` */
export function alarmsOf(sums: readonly SeriesCounts[]): Alarm[] {
  return sums.flatMap(({ kind, labels, counts }) =>
    kind === "limit"
      ? (["open", "closed"] as const).flatMap((answered) => uncounted(labels, answered, counts[answered] ?? 0))
      : [],
  );
}

/** @param route `OTHERS`: routes share it; with `limit` the same: those that are not counted apart */
function nameOf(route: string, limit: string): string {
  if (limit === OTHERS) return "other limits";
  return `limit \`${limit}\` of ${route === OTHERS ? "the gateway" : `route \`${route}\``}`;
}

function uncounted(
  [route = "", limit = ""]: readonly string[],
  answered: "open" | "closed",
  requests: number,
): Alarm[] {
  if (requests === 0) return [];
  const minutes = limits.counters.windowMs / 60_000;
  const many = requests === 1 ? "1 request" : `${requests} requests`;
  const text = `${nameOf(route, limit)} could not be counted for ${many} in the last ${minutes} min (answered ${answered})`;
  return [{ code: "limit_uncounted", route, limit, requests, answered, text }];
}
