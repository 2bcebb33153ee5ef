import type { Path } from "../config/problem.ts";
import { isDeprecated, judgeLifeCycle, lifeCycleFields } from "../policy/life-cycle.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { RoutePlan } from "./plan.ts";

/** Whether the route still carries requests out, and what its answers say. @param nowMs milliseconds since the epoch */
export function explainLifeCycle(
  { lifeCycle }: RoutePlan,
  at: Path,
  params: Readonly<Record<string, string>>,
  nowMs: number,
): ExplainStep[] {
  if (lifeCycle === undefined) return [];
  const place = [...at, "lifecycle"];
  const verdict = judgeLifeCycle(lifeCycle, nowMs, 0);
  const denial = lifeCycle.mode === "shadow" ? "would-deny" : "deny";
  const over = step("life cycle", denial, "the route has ended", place, "route_ended");
  if (verdict.kind === "over" && denial === "deny") return [over];
  const told = lifeCycleFields(lifeCycle, params).map(([name, value]) => `${name}: ${value}`);
  const counted = isDeprecated(lifeCycle, nowMs) ? "; the caller is counted" : "";
  const steps =
    told.length === 0 ? [] : [step("life cycle", "note", `answers say ${told.join(", ")}${counted}`, place)];
  if (verdict.kind === "pass") return steps;
  if (verdict.kind === "over") return [...steps, over];
  const running = lifeCycle.brownouts?.find(({ untilMs }) => untilMs === verdict.endsAtMs);
  const ends = new Date(verdict.endsAtMs).toISOString();
  const percent = running?.percent ?? 100;
  const refused = denial === "deny" ? "are refused" : "would be refused";
  const text = `${percent} % of the requests ${refused} until ${ends}`;
  return [
    ...steps,
    percent < 100 ? step("brownout", "note", text, place) : step("brownout", denial, text, place, "brownout"),
  ];
}
