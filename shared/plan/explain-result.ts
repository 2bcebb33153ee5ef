/** What becomes of a request in the end, by the steps of its way. */
import { errorTable } from "../errors.ts";
import { failureStatus, titleOf } from "../policy/aggregate-answer.ts";
import type { AggregateTarget } from "../policy/aggregate-settings.ts";
import type { Fields } from "./explain-fields.ts";
import type { Forwarded } from "./explain-forwarded.ts";
import type { DrawnResult, ExplainStep, Explanation, Result, WouldRefused } from "./explain-step.ts";
import { pathFor } from "./explain-target.ts";
import type { RoutePlan } from "./plan.ts";

type Among = DrawnResult["among"];

/** @param route where it has come to its target */
export function resultOf(steps: readonly ExplainStep[], route?: RoutePlan): Result {
  const denied = steps.find((one) => one.verdict === "deny" && one.optional !== true);
  if (denied === undefined) return { outcome: "forward", text: "would be forwarded" };
  const denial = denied.code ?? "internal";
  if (route?.target.kind === "aggregate" && denied.part !== undefined) return partFailed(denied, route.target);
  const { status, title } = errorTable[denial];
  return { outcome: "refuse", code: denial, status, text: `${status} ${title}: ${denied.text}` };
}

/** What a part of a composed answer is refused with stays inside; the client hears that a part is missing. */
function partFailed({ part = "", text, aborts }: ExplainStep, { answer }: AggregateTarget): Result {
  // What the mesh refuses has no answer of an upstream; a fault is one.
  const failure = { kind: "failed", status: 502, reason: text, ...(aborts && { answered: aborts.status }) } as const;
  const status = failureStatus(part, failure, answer?.status);
  return { outcome: "refuse", code: "aggregate_part_failed", status, text: `${status} ${titleOf(status)}: ${text}` };
}

/** The result with what the upstream of a route would be asked. */
export function withSent(result: Result, { target }: RoutePlan, going: Forwarded, fields: Fields): Result {
  if (result.outcome !== "forward" || target.kind !== "forward") return result;
  const { method, query } = going;
  // A field's value has no blanks around it (RFC 9110 section 5.5).
  const trimmed = Object.fromEntries([...fields].map(([name, value]) => [name, value.replace(/^[ \t]+|[ \t]+$/g, "")]));
  return { ...result, sent: { to: target.to, method, path: pathFor(target, going), query, fields: trimmed } };
}

/** The results with the part that a fault answers first. @param steps of which one may be a fault */
export function withAborts(among: Among, steps: readonly ExplainStep[]): Among {
  const aborts = steps.find((one) => one.aborts !== undefined && one.part === undefined)?.aborts;
  if (aborts === undefined || aborts.percent === 0) return among;
  const { percent, status } = aborts;
  const whole = among.reduce((sum, one) => sum + one.percent, 0);
  const rest = among.map((one) => ({ ...one, percent: shareOf(one.percent, 100 - percent) }));
  const name = `abort ${status}`;
  const text = `would be answered with ${status} by a fault that is made on purpose`;
  const answered = { name, percent: shareOf(whole, percent), result: { outcome: "answer", text, status } as const };
  return [answered, ...rest].filter((one) => one.percent > 0);
}

const shareOf = (percent: number, part: number): number => Number(((percent * part) / 100).toFixed(2));

/** Says with the result what would refuse the request if it were enforced. */
export function withShadows(explanation: Explanation): Explanation {
  const would = explanation.steps.flatMap(({ stage, part, verdict, code }): WouldRefused[] => {
    if (verdict !== "would-deny" || code === undefined) return [];
    return [{ stage: part === undefined ? stage : `${part} ${stage}`, code, status: errorTable[code].status }];
  });
  const { result } = explanation;
  if (would.length === 0) return explanation;
  const by = would.map(({ stage, code, status }) => `${stage} (${status} ${code})`).join(", ");
  const isRefused = result.outcome === "refuse";
  const text = isRefused ? result.text : `${result.text}; shadow: would be refused by ${by}`;
  return { ...explanation, result: { ...result, text }, wouldRefuse: would };
}

/** The result of several of which one is drawn. */
export function drawnResult(among: Among): Explanation["result"] {
  const [first] = among;
  if (first === undefined) throw new Error("a request goes nowhere");
  if (among.length === 1) return first.result;
  const texts = among.map(({ result }) => (result.outcome === "refuse" ? `refused: ${result.text}` : result.text));
  if (first.result.outcome === "refuse" && texts.every((text) => text === texts[0])) return first.result;
  const text = among.map(({ name, percent }, at) => `${percent} % (${name}) ${texts[at]}`).join("; ");
  return { outcome: "drawn", text, among };
}
