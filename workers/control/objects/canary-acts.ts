/** What is done with a canary, as the audit log has it. */
import type { CanaryChange, CanaryRequest, CanaryStatus } from "../../../shared/wire/canary.ts";
import type { Act } from "./rpc.ts";

export function canaryAct({ steps }: CanaryRequest, reason: string): Pick<Act, "act" | "detail"> {
  const shares = steps.map((share) => `${share / 100} %`).join(", ");
  return { act: "canary-begin", detail: `${shares} ${reason}`.trim() };
}

export function canaryChangeAct({ act, share = 0, reason = "" }: CanaryChange): Pick<Act, "act" | "detail"> {
  return { act: `canary-${act}`, detail: act === "set" ? `${share / 100} % ${reason}`.trim() : reason };
}

/** @param by who said so; empty: the error budget or the steps */
export function canaryEndAct({ phase, version, reason }: CanaryStatus, by: string): Act {
  const act = phase === "promoted" ? "canary-promoted" : "canary-aborted";
  return { act, by: "selvage", author: by, version, detail: reason };
}
