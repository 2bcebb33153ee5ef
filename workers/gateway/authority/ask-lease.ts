import { limits } from "../../../shared/limits.ts";
import { type LeaseAnswer, type LeaseRequest, leaseAnswerSchema } from "../../../shared/wire/gateway-lease.ts";
import type { Env } from "../env.ts";
import { readText } from "../upstream/read-text.ts";

/** One call to the control plane. @throws when it cannot be reached in time, refuses, or sends no lease */
export async function askLease(env: Env, request: LeaseRequest): Promise<LeaseAnswer> {
  const response = await env.CONTROL.fetch("http://control/v1/gateway/lease", {
    method: "POST",
    headers: { authorization: `Bearer ${env.CONTROL_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(limits.gateway.planCallMs),
  });
  const text = await readText(response, limits.gateway.planBytesMax);
  if (response.status !== 200) throw new Error(`control plane answered ${response.status}`);
  return leaseAnswerSchema.parse(JSON.parse(text));
}
