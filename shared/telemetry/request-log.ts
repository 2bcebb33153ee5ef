/** One request at one hop as a log record: what its line in the access log says, without who asked unless that is wanted. */
import { type AccessLogEntry, policyName } from "../http/access-log.ts";
import { keys } from "./attribute-key.ts";
import { grpcStatusNames } from "./grpc-status-names.ts";
import type { LogBuffer, Severity } from "./log-buffer.ts";
import { isFailure, isSampled } from "./sampling.ts";
import type { LogsSettings } from "./settings.ts";

/** An entry as hosts have it: what it lacks may also be undefined. */
export type LoggedEntry = { readonly [Name in keyof AccessLogEntry]: AccessLogEntry[Name] | undefined } & Pick<
  AccessLogEntry,
  "hop" | "traceId" | "spanId" | "method" | "path" | "status" | "durationMs" | "host"
>;

/**
 * Failures are errors, as spans have them: a caller that left is none. What was refused or is the caller's fault is a warning.
 */
export function severityOf({ status, grpcStatus, error, protocol }: LoggedEntry): Severity {
  const isOpen = status === 0 || protocol !== undefined;
  if (isOpen ? error !== undefined : isFailure(status, grpcStatus)) return "error";
  return status >= 400 || error !== undefined || (grpcStatus ?? 0) !== 0 ? "warn" : "info";
}

/**
 * Whether a record is written.
 * @param failed as spans have it
 * @param drawnBy 32 hex digits, of them the last 14 random: the trace's id, or own digits where a stranger chose that
 */
export function isLogged(failed: boolean, drawnBy: string, { ratio, failures }: LogsSettings): boolean {
  return (failures && failed) || isSampled(drawnBy, ratio);
}

/** @param times of its arrival and of now, milliseconds since 1970 */
export function writeRequestLog(
  out: LogBuffer,
  entry: LoggedEntry,
  { atMs, nowMs }: { readonly atMs: number; readonly nowMs: number },
  { clients }: LogsSettings,
): void {
  const { method, path, status, traceId, spanId, protocol } = entry;
  out.begin({
    ...{ atMs, observedMs: nowMs, severity: severityOf(entry), event: "selvage.request" },
    body: `${method} ${path} ${status === 0 ? "-" : status}`,
    ...(traceId !== "" && { trace: { traceId, spanId } }),
  });
  out.text(keys.hop, entry.hop);
  out.text(keys.method, method);
  out.text(keys.path, path);
  if (status !== 0) out.number(keys.status, status);
  out.text(keys.serverAddress, entry.host === "" ? undefined : entry.host);
  out.text(keys.protocolName, protocol);
  out.double(keys.durationMs, entry.durationMs);
  out.number(keys.planVersion, entry.plan);
  out.text(keys.route, entry.route);
  out.text(keys.peer, entry.peer);
  out.text(keys.endpoint, entry.endpoint);
  out.number(keys.attempts, entry.attempts);
  out.text(keys.rpcStatus, entry.grpcStatus === undefined ? undefined : grpcStatusNames[entry.grpcStatus]);
  out.number(keys.bytesIn, entry.bytesIn);
  out.number(keys.bytesOut, entry.bytesOut);
  writePolicies(out, entry);
  if (clients === true) {
    out.text(keys.clientAddress, entry.clientIp);
    out.text(keys.endUser, entry.sub);
  }
  out.end();
}

function writePolicies(out: LogBuffer, entry: LoggedEntry): void {
  out.text(keys.cache, entry.cache);
  out.text(keys.variant, entry.variant);
  out.text(keys.fault, entry.fault);
  out.text(keys.uncounted, entry.uncounted?.join(" "));
  const would = entry.wouldRefuse?.map((one) => `${policyName(one)} ${one.error}`);
  out.text(keys.wouldRefuse, would?.join(", "));
  out.text(keys.errorType, entry.error);
  out.text(keys.reason, entry.reason);
}
