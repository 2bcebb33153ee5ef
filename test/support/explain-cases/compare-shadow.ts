/** What policies in shadow would have refused, as explained and as logged. */
import type { Explanation } from "../../../shared/plan/explain-step.ts";
import { differ, type Happened } from "./happened.ts";

/** Policies that can be judged without bodies, counts and questions. What agents would refuse stands in their logs. */
const JUDGED: ReadonlySet<unknown> = new Set(["auth", "lifecycle", "idempotency"]);
/** Of the other policies. */
const OTHER_STAGES: ReadonlySet<string> = new Set(["access", "contract", "decision", "graphql", "limits"]);

export function otherShadow({ steps }: Explanation, { log }: Happened): string | undefined {
  const told = (log.wouldRefuse ?? []) as readonly { readonly policy: string; readonly error: string }[];
  const is = told.filter(({ policy }) => JUDGED.has(policy)).map(({ error }) => error);
  const said = steps.filter(({ verdict, stage }) => verdict === "would-deny" && !OTHER_STAGES.has(stage));
  return differ("would be refused", said.map(({ code }) => code).join(" "), is.join(" "));
}
