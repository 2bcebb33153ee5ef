/** What a route's life cycle means for a request: what its answer says, and whether it is still carried out. */
import { formatHttpDate } from "../http/http-date.ts";
import { rewritePath } from "../route/rewrite-path.ts";

/** Instants are milliseconds since the epoch. */
export interface LifeCycle {
  readonly deprecatedAtMs?: number;
  readonly sunsetAtMs?: number;
  /** Requests pass also after the end. Absent: they are refused. */
  readonly servesAfterSunset?: true;
  /** URLs, or paths in the form of `rewrite`. */
  readonly successor?: string;
  readonly docs?: string;
  readonly policy?: string;
  readonly brownouts?: readonly Brownout[];
  /** Neither its end nor brownouts refuse anybody. */
  readonly mode?: "shadow";
}

export interface Brownout {
  readonly fromMs: number;
  /** Exclusive. */
  readonly untilMs: number;
  readonly percent: number;
}

export type LifeCycleVerdict =
  | { readonly kind: "pass" }
  | { readonly kind: "over" }
  /** @property endsAtMs when the brownout is over */
  | { readonly kind: "brownout"; readonly endsAtMs: number };

const PASS: LifeCycleVerdict = { kind: "pass" };
const OVER: LifeCycleVerdict = { kind: "over" };

/** Whether a request is carried out. @param random at least 0, below 1; decides in brownouts of a share */
export function judgeLifeCycle(lifeCycle: LifeCycle, nowMs: number, random: number): LifeCycleVerdict {
  const { sunsetAtMs, servesAfterSunset, brownouts = [] } = lifeCycle;
  if (sunsetAtMs !== undefined && nowMs >= sunsetAtMs && servesAfterSunset !== true) return OVER;
  for (const { fromMs, untilMs, percent } of brownouts)
    if (nowMs >= fromMs && nowMs < untilMs && random * 100 < percent) return { kind: "brownout", endsAtMs: untilMs };
  return PASS;
}

/** What whoever is not carried out is answered. */
export const errorOfLifeCycle = ({ kind }: Exclude<LifeCycleVerdict, { kind: "pass" }>): "route_ended" | "brownout" =>
  kind === "over" ? "route_ended" : "brownout";

/** Whether it is deprecated by now. */
export const isDeprecated = ({ deprecatedAtMs }: LifeCycle, nowMs: number): boolean =>
  deprecatedAtMs !== undefined && nowMs >= deprecatedAtMs;

/**
 * What every answer of the route says: `Deprecation` (RFC 9745), `Sunset` (RFC 8594), and `Link` (RFC 8288) with
 * `successor-version` (RFC 5829), `deprecation` and `sunset`.
 * @param params of the path, for the holes of `successor`
 */
export function lifeCycleFields(
  { deprecatedAtMs, sunsetAtMs, successor, docs, policy }: LifeCycle,
  params: Readonly<Record<string, string>>,
): [name: string, value: string][] {
  const fields: [string, string][] = [];
  if (deprecatedAtMs !== undefined) fields.push(["deprecation", `@${Math.floor(deprecatedAtMs / 1000)}`]);
  if (sunsetAtMs !== undefined) fields.push(["sunset", formatHttpDate(sunsetAtMs)]);
  if (successor !== undefined) fields.push(["link", linkOf(filled(successor, params), "successor-version")]);
  if (docs !== undefined) fields.push(["link", linkOf(docs, "deprecation")]);
  if (policy !== undefined) fields.push(["link", linkOf(policy, "sunset")]);
  return fields;
}

const filled = (successor: string, params: Readonly<Record<string, string>>): string =>
  successor.startsWith("/") ? rewritePath(successor, params) : successor;

/** A tail of a path goes in as the client wrote it: what would end the link early is encoded. */
const linkOf = (target: string, relation: string): string =>
  `<${target.replace(/[<>"\s]/g, (one) => encodeURIComponent(one))}>; rel="${relation}"`;
