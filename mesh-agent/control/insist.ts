/** How an agent asks the control plane for what it cannot start without. */
import { limits } from "../../shared/limits.ts";
import { isLoopback } from "../proxy/loopback.ts";
import type { Log } from "../telemetry/log.ts";
import { backoffMs } from "./backoff.ts";
import { EnrolmentError } from "./enrolment.ts";

/** A token travels with each call: whoever reads it on the way speaks to the control plane as this agent. */
export function refusePlain(controlUrl: string | undefined, insecure: boolean): void {
  if (controlUrl === undefined || insecure) return;
  const { protocol, hostname } = new URL(controlUrl);
  if (protocol === "https:" || isLoopback(hostname.replace(/^\[|\]$/g, ""))) return;
  throw new Error(
    `the control plane is at ${controlUrl}, which is plain HTTP and not loopback: this agent's token could be read on ` +
      "the way. Set the control plane's CONTROL_URL to an https:// address and make a new join token, or add --insecure",
  );
}

/** Asks until the control plane has spoken. */
export async function insist<T>(ask: () => Promise<T>, log: Log): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof EnrolmentError) || error.final) throw error;
      if (failures === 1 || failures % 10 === 0) log.event("control_awaited", `${error.message}; trying again`);
      const { reconnectBaseMs, reconnectMaxMs } = limits.control;
      await new Promise((resolve) =>
        setTimeout(resolve, backoffMs(failures, reconnectBaseMs, reconnectMaxMs, Math.random())),
      );
    }
  }
}
