import type { OutboundServicePlan } from "../../shared/plan/plan.ts";

/** What a second version says of services, and its name in requests. */
export interface SecondVersion {
  readonly epoch: string;
  readonly services: Readonly<Record<string, OutboundServicePlan>>;
}
