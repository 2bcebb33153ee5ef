/** What is known of a route's own code without running it. */
import type { Path } from "../config/problem.ts";
import type { CodeUse } from "../policy/custom-code.ts";
import { describeTarget } from "./describe-target.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { RoutePlan } from "./plan.ts";

/** The policies in their order: each may answer, and may change what goes on. */
export function explainPolicies({ policies = [], target, calls }: RoutePlan, at: Path): ExplainStep[] {
  const steps = policies.map((use, index) =>
    step("policy", "note", `${describeUse(use)}: what it decides is not known here`, [...at, "policies", index]),
  );
  const isOfPolicies = policies.length > 0 && target.kind !== "handler";
  return isOfPolicies ? [...steps, ...explainCalls(calls, at)] : steps;
}

/** @returns none: the route's target is no code */
export function explainHandler({ target, calls }: RoutePlan, at: Path): ExplainStep[] {
  if (target.kind !== "handler") return [];
  const text = `${describeUse(target.code)} answers: with what is not known here`;
  return [step("handler", "pass", text, [...at, "handler"]), ...explainCalls(calls, at)];
}

function explainCalls(calls: RoutePlan["calls"], at: Path): ExplainStep[] {
  if (calls === undefined) return [];
  const named = Object.entries(calls).map(([name, target]) => {
    const where = describeTarget(target);
    return where.endsWith(` ${name}`) ? where : `${name} (${where})`;
  });
  return [step("calls", "note", `code may call ${named.join(", ")}`, [...at, "calls"])];
}

function describeUse({ file, settings }: CodeUse): string {
  return settings === undefined ? file : `${file} with ${JSON.stringify(settings)}`;
}
