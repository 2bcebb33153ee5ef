import type { AnswerExpression, KeyExpression } from "../../../shared/auth/condition.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { routeEdits } from "../../../shared/plan/route-edits.ts";
import type { JsonPath } from "../../../shared/policy/json-place.ts";
import type { Reshaper } from "../../../shared/policy/reshaper.ts";
import type { SafeRegex } from "../../../shared/policy/safe-regex.ts";

/**
 * What carries out the edits of a plan, and makes its own answers. It is loaded by the first plan that has any; the engines for
 * expressions and regular expressions by the first that has one of those.
 * @throws with a reason for operators when something in it cannot be used
 */
export async function holdEdits(plan: GatewayPlan): Promise<Reshaper | undefined> {
  const edits = routeEdits(plan);
  if (edits === undefined) return undefined;
  const { Reshaper } = await import("../../../shared/policy/reshaper.ts");
  const ofRequest = new Map<string, KeyExpression>();
  const ofAnswer = new Map<string, AnswerExpression>();
  const regexes = new Map<string, SafeRegex>();
  const paths = new Map<string, JsonPath>();
  if (edits.ofRequest.length > 0 || edits.ofAnswer.length > 0) {
    const { parseAnswerExpression, parseKeyExpression } = await import("../../../shared/auth/condition.ts");
    for (const text of edits.ofRequest) ofRequest.set(text, usable(text, parseKeyExpression(text)));
    for (const text of edits.ofAnswer) ofAnswer.set(text, usable(text, parseAnswerExpression(text)));
  }
  if (edits.regexes.length > 0) {
    const { parseRegex } = await import("../../../shared/policy/safe-regex.ts");
    for (const text of edits.regexes) regexes.set(text, usable(text, parseRegex(text)));
  }
  if (edits.paths.length > 0) {
    const { parseJsonPath } = await import("../../../shared/policy/json-path.ts");
    for (const text of edits.paths) paths.set(text, usable(text, parseJsonPath(text)));
  }
  return new Reshaper({ ofRequest, ofAnswer, regexes, paths });
}

function usable<Parsed extends object>(text: string, parsed: Parsed | string): Parsed {
  if (typeof parsed === "string") throw new Error(`the expression ${text}: ${parsed}`);
  return parsed;
}
