import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import { shardsMaxOf } from "../policy/limit-load.ts";
import { type ChosenRow, chooseRow, withRow } from "../policy/limit-rows.ts";
import { leaseMsOf, lendableOf } from "../policy/limiter-state.ts";
import type { RateLimitSettings } from "../policy/settings.ts";
import { isUnchecked } from "./explain-key.ts";
import { type ExplainedKey, explainKey, type KeyRequest, keyFacts } from "./explain-limit-key.ts";
import { type ExplainStep, type Facts, step } from "./explain-step.ts";
import type { GatewayPlan, RoutePlan } from "./plan.ts";

export function explainLimits(
  { limitRows = {} }: GatewayPlan,
  route: RoutePlan,
  at: Path,
  request: KeyRequest,
): ExplainStep[] {
  const { identity } = request;
  const asked = keyFacts(request);
  return route.rateLimits.map((limit, index) => {
    const path = [...at, "rateLimit", ...(route.rateLimits.length > 1 ? [index] : [])];
    const rows = limitRows[limit.rows ?? ""];
    const chosen = rows && chooseRow(rows, identity);
    const holds = chosen === undefined ? limit : withRow(limit, chosen.row);
    const decides = rows === undefined ? "" : `, ${describeRow(chosen, identity)}`;
    if (holds === undefined) return step(`limit ${limit.name}`, "note", `lifted${decides}`, path);
    const key = explainKey(limit, asked, request.request.clientIp !== undefined);
    const facts = { ...limitFacts(holds), mode: limit.mode, scope: limit.scope, shadow: limit.shadow, ...key.facts };
    if (key.refused !== undefined && limit.shadow !== true)
      return step(`limit ${limit.name}`, "deny", key.refused.text, path, key.refused.code);
    const texts = [`${describeCount(holds)}${decides}`, describeMode(holds), ...describeFailure(limit)];
    const shared = limit.scope === "gateway" ? " over all routes with this limit" : "";
    const shadow = limit.shadow === true ? describeShadow(key) : "";
    const text = `${shadow}${texts.join(", ")}, counted by ${key.text}${shared}; not counted now`;
    const name = `limit ${limit.name}`;
    if (key.refused !== undefined) return { ...step(name, "would-deny", text, path, key.refused.code), facts };
    return { ...step(name, "note", text, path), facts };
  });
}

function describeShadow({ refused }: ExplainedKey): string {
  const beyond = refused === undefined ? "what is beyond it" : `this, since ${refused.text}`;
  return `in shadow: would refuse ${beyond}, and nobody is refused; `;
}

function describeRow(chosen: ChosenRow | undefined, identity: Identity): string {
  const { plan, consumer } = identity;
  if (isUnchecked(identity)) return "the limit's own: whose key it is was not looked up (see --as-key)";
  if (chosen !== undefined) return `by the row of the ${chosen.by} ${chosen.name}`;
  const without = [
    plan === undefined ? "no plan" : `no row for the plan ${plan}`,
    consumer === undefined ? "no consumer" : `none for the consumer ${consumer}`,
  ];
  return `the limit's own: ${without.join(", ")}`;
}

type Counted = Pick<RateLimitSettings, "limit" | "windowMs" | "burst" | "window" | "counts" | "cost">;

/** The numbers of a limit. */
export function limitFacts({ limit, windowMs, burst, window, counts, cost }: Counted): Facts {
  return { limit, ...(counts !== "concurrent" && { windowMs }), burst, window, counts, estimate: cost?.estimate };
}

/** How much a limit lets through. */
export function describeCount({ limit, windowMs, burst, window, counts, cost }: Counted): string {
  if (counts === "concurrent") return `${limit} at once`;
  const what = cost === undefined ? `${limit}` : `${limit} tokens (${cost.estimate} reserved for each request)`;
  if (burst !== undefined) return `${what} in ${formatDuration(windowMs)} sustained, ${burst} at once`;
  if (window === "month") return `${what} in a calendar month (UTC)`;
  if (window === "fixed")
    return `${what} in each ${formatDuration(windowMs)} of the clock, up to twice that around a border`;
  return `${what} in any window of ${formatDuration(windowMs)}`;
}

function describeFailure({ mode, onFailure, timeoutMs }: RateLimitSettings): string[] {
  if (mode === "local") return [];
  const known = timeoutMs === undefined ? "is unknown" : `is not known within ${formatDuration(timeoutMs)}`;
  return [`${onFailure} when the count ${known}`];
}

/** What the mode costs: how many too many it can let pass, and how much of the limit it can leave unused. */
function describeMode(settings: RateLimitSettings): string {
  const { mode, limit } = settings;
  if (mode === "local") return `local: each isolate, or agent, counts for itself, so up to ${limit} times their number`;
  const slices = isSliced(settings) ? `, at a steady rate up to 1 in ${limits.rateLimit.slidingSlices + 1} unused` : "";
  if (mode === "exact") return `exact: one call a request, never one too many${slices}${describeShards(settings)}`;
  const lendable = leaseMsOf(settings) === 0 ? 0 : lendableOf(settings);
  if (lendable === 0) return `leased: never one too many; too small to be lent, so one call a request${slices}`;
  return `leased: never one too many, up to ${lendable} unused in isolates${slices}`;
}

/** Whether a key is hotter than one object bears is not known here. */
function describeShards(settings: RateLimitSettings): string {
  if (shardsMaxOf(settings) === 1) return "";
  return `, up to ${lendableOf(settings)} unused while its key is so hot that shards answer`;
}

function isSliced({ limit, burst, window, counts }: RateLimitSettings): boolean {
  return burst === undefined && window === undefined && counts !== "concurrent" && limit > limits.rateLimit.exactLogMax;
}
