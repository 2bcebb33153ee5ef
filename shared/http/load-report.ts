/**
 * `selvage-load`: what an agent says of the load of its application, and the ingress agent of all instances of a service. A dictionary of
 * structured fields (RFC 9651 section 3.2), in the manner of ORCA's `endpoint-load-metrics`.
 */

export interface LoadReport {
  /** Requests at once, over those that it can take; a little above 1 where that has just become fewer. */
  readonly utilization: number;
  /** Requests that it can take at once. */
  readonly places: number;
  /** How much longer than unloaded answers take, milliseconds. */
  readonly queueMs: number;
  /** By priority (high, normal, low): the share of the time without a place for a request of it, 0 to 1. */
  readonly full: readonly [high: number, normal: number, low: number];
}

/** Three decimals, which is as many as structured fields have. */
export function formatLoad({ utilization, places, queueMs, full }: LoadReport): string {
  const shares = full.map((share) => share.toFixed(3)).join(" ");
  return `utilization=${utilization.toFixed(3)}, places=${Math.round(places)}, queue=${Math.round(queueMs)}, full=(${shares})`;
}

const SHARE = "([01]\\.\\d{1,3})";
const FORM = new RegExp(
  `^utilization=(\\d{1,6}\\.\\d{1,3}), places=(\\d{1,9}), queue=(\\d{1,9}), full=\\(${SHARE} ${SHARE} ${SHARE}\\)$`,
);

/** Reads what `formatLoad` writes. @returns undefined for anything else */
export function parseLoad(text: string | null | undefined): LoadReport | undefined {
  const parts = text === null || text === undefined ? null : FORM.exec(text);
  if (parts === null) return undefined;
  const [, utilization, places, queueMs, ...full] = parts.map(Number) as [number, number, number, number, ...number[]];
  const [high = 0, normal = 0, low = 0] = full.map((share) => Math.min(1, share));
  return { utilization, places, queueMs, full: [high, normal, low] };
}
