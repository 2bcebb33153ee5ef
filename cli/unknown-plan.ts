import { checkDocument } from "../shared/config/check-document.ts";
import { nearestName } from "../shared/config/nearest-name.ts";
import type { ControlClient } from "./control-client.ts";

/**
 * What to say of the plan that a key is given, where the live document lists its plans and this is none of them: limits
 * would go by their own numbers, and nothing would tell.
 */
export async function unknownPlanNote(client: ControlClient, plan: string): Promise<string | undefined> {
  const { version } = await client.status();
  if (version === 0) return undefined;
  const plans = checkDocument((await client.version(version)).document).document?.gateway?.plans;
  if (plans === undefined || plans.includes(plan)) return undefined;
  const nearest = nearestName(plan, plans);
  const hint = nearest === undefined ? `one of ${plans.join(", ")}` : `did you mean ${nearest}?`;
  return `the plan ${plan} is none of the live document's (${hint}): limits will go by their own numbers`;
}
