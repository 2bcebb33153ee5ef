/** Whether the calls of a composed answer are those that `explain` names. */
import type { ExplainStep, Explanation } from "../../../shared/plan/explain-step.ts";
import { callsOf, type Happened } from "./happened.ts";

/** A part as its step tells of it: `GET /orders/1 to service orders (at once, within 5s)`. */
const CALL = /^(\S+) (\S*) to (?:service|upstream)? ?(\S+) \((.*?)\)(?:: .*)?$/;

/** Parts whose address is known beforehand are called as it is said, those that are skipped are not. */
export function otherParts({ steps }: Explanation, happened: Happened): string | undefined {
  if (!steps.some(({ stage }) => stage === "aggregate")) return undefined;
  const calls = callsOf(happened).map((one) => ({
    method: one.method,
    asked: new URL(one.url).pathname + new URL(one.url).search,
    service: one.headers.get("selvage-service") ?? new URL(one.url).origin,
  }));
  const parts = steps.filter(({ stage, part }) => stage === "call" && part !== undefined);
  const known = parts.flatMap((step) => {
    if (step.text.startsWith("waits for ")) return [];
    const [, method, asked, service, notes] = CALL.exec(step.text) ?? [];
    if (method === undefined || asked === undefined || notes === undefined)
      throw new Error(`what part is ${step.text}`);
    return [{ step, method, asked, service, notes }];
  });
  for (const { step, method, asked, service, notes } of known) {
    const isOpen = /\{|depends on|has no value|for each|after /.test(`${asked} ${notes}`);
    const made = calls.filter((one) => one.method === method && one.service === service && isSame(one.asked, asked));
    const others = known.filter((one) => one.step !== step && one.method === method && one.asked === asked);
    if (step.verdict !== "pass" && made.length > others.length) return `${step.part} was called: ${step.text}`;
    if (step.verdict === "pass" && !isOpen && made.length === 0 && !isCutShort(parts, steps))
      return `${step.part} was not called: ${step.text}, but ${JSON.stringify(calls)}`;
  }
  return undefined;
}

const isSame = (made: string, said: string): boolean => made === said || new URL(said, "http://x").pathname === made;

/** A required part that is refused ends the others. */
const isCutShort = (parts: readonly ExplainStep[], steps: readonly ExplainStep[]): boolean =>
  parts.length > 1 &&
  steps.some(({ verdict, part, optional }) => verdict === "deny" && part !== undefined && !optional);
