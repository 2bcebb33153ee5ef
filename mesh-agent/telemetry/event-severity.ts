import type { Severity } from "../../shared/telemetry/log-buffer.ts";

/** Events of an agent that goes as it should. */
const WELL: ReadonlySet<string> = new Set([
  ...["ready", "enrolled", "came_back", "renewed", "svid", "federated", "told_to_drain", "certificates"],
  ...["control_connected", "source_well", "tcp_listening", "expose_open"],
]);
/** Events after which something does not work. */
const BROKEN: ReadonlySet<string> = new Set([
  ...["defect", "app_ended", "identity_broken", "not_taken_back", "roots_unreadable"],
]);

/** An event that is in neither list is a warning, so that a new one is not lost. */
export function severityOfEvent(event: string): Severity {
  if (BROKEN.has(event)) return "error";
  return WELL.has(event) ? "info" : "warn";
}
