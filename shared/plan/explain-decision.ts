import { type DecisionFacts, evaluationOf } from "../auth/decision.ts";
import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import { canonicalJson } from "./canonical-json.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { GatewayPlan, RoutePlan } from "./plan.ts";

/** What a decision point would be asked, if the route has one. Its answer is not known here. */
export function explainDecision(
  { decisions = {} }: GatewayPlan,
  { auth }: RoutePlan,
  at: Path,
  facts: DecisionFacts,
): ExplainStep[] {
  const settings = auth?.decision;
  if (settings === undefined) return [];
  const path = [...at, "auth", "decision"];
  if (auth?.mode === "shadow" && facts.identity.method === "anonymous")
    return [step("decision", "skip", "in shadow nobody is asked about whom nothing is proven of", path)];
  const point = Object.hasOwn(decisions, settings.by) ? decisions[settings.by] : undefined;
  if (point === undefined)
    return [step("decision", "deny", `there is no decision point ${settings.by}`, path, "decision_unavailable")];
  const evaluation = evaluationOf(settings, point, facts);
  const inShadow = auth?.mode === "shadow" || settings.mode === "shadow";
  if ("missing" in evaluation)
    return [step("decision", inShadow ? "would-deny" : "deny", evaluation.missing, path, "not_permitted")];
  const failing = `${point.onFailure} when nobody answers within ${formatDuration(point.timeoutMs)}`;
  const text = `${settings.by} WAS NOT ASKED; would be asked ${canonicalJson(evaluation)} (${failing})`;
  const said = { by: settings.by, asked: evaluation, onFailure: point.onFailure, shadow: inShadow || undefined };
  const told = inShadow ? `in shadow: nobody is refused; ${text}` : text;
  return [{ ...step("decision", "note", told, path), facts: said }];
}
