/** Refused calls on their way into the audit log. */
import { limits } from "../../../shared/limits.ts";
import { newRefusalBudget, type RefusalBudget, takeRefusal } from "../../../shared/policy/refusal-budget.ts";
import type { Act, Actor } from "../objects/rpc.ts";
import { addressOf, type Call, config } from "./call.ts";

/** Of this isolate: whoever sends forged tokens without end does not wake the config store each time. */
const budgets = new Map<Act["act"], RefusalBudget>();

/** Writes down a refused call, if there is room, beside the answer. @param who undefined: nobody was believed */
export function tellRefused(
  c: Call,
  act: Act["act"],
  who: Pick<Actor, "sub" | "role" | "author"> | undefined,
  detail: string,
): void {
  const { refusalsAtOnce, refusalsToldPerHour } = limits.control;
  const budget = budgets.get(act) ?? newRefusalBudget(refusalsAtOnce, refusalsToldPerHour);
  budgets.set(act, budget);
  const unwritten = takeRefusal(budget, 0, Date.now());
  if (unwritten === undefined) return;
  const { sub: by = "", author = by, role } = who ?? {};
  const address = addressOf(c.req.raw);
  const from = { ...(role !== undefined && { role }), ...(address !== undefined && { address }) };
  c.executionCtx.waitUntil(config(c).auditRefused({ act, by, author, ...from, version: 0, detail, unwritten }));
}
