import type { AggregateRun, AnswerView } from "./aggregate.ts";

/**
 * What a part's condition sees by its names: null for parts that are not there, and what else is not.
 * `status` has the status of every part whose upstream answered.
 */
export function conditionView(
  run: AggregateRun,
  names: readonly string[],
  answer?: AnswerView,
): Readonly<Record<string, unknown>> {
  const entries = names.map((name): [string, unknown] => {
    if (name === "answer" && answer !== undefined) return [name, answer];
    if (name === "status" && !run.parts.some((part) => part.name === name)) return [name, statusesOf(run)];
    return [name, run.scope[name] ?? null];
  });
  return Object.fromEntries(entries);
}

function statusesOf({ done }: AggregateRun): Readonly<Record<string, number>> {
  const statuses: [string, number][] = [];
  for (const [name, result] of done) {
    const status = result.kind === "value" ? (result.status ?? result.lacks?.answered) : undefined;
    const told = result.kind === "failed" ? result.answered : status;
    if (told !== undefined) statuses.push([name, told]);
  }
  return Object.fromEntries(statuses);
}
