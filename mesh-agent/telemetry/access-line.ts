/** Lines of the access log, as `JSON.stringify` would write them at several times the price. */
import type { AccessLogEntry } from "../../shared/http/access-log.ts";
import { jsonText } from "../../shared/http/json-text.ts";

/** What all lines of one hop have in common. */
export type HopNames = Pick<AccessLogEntry, "hop" | "service" | "instance">;

/** What went through a tunnel. */
export interface Tunnelled {
  readonly protocol: string;
  /** Bytes from the caller, and to it. */
  readonly in: number;
  readonly out: number;
}

/** What is different for each. */
export type LineFacts = Pick<
  AccessLogEntry,
  "traceId" | "spanId" | "method" | "host" | "path" | "status" | "durationMs" | "plan"
> & {
  readonly [Name in
    | "peer"
    | "endpoint"
    | "attempts"
    | "sub"
    | "error"
    | "wouldRefuse"
    | "route"
    | "clientIp"
    | "grpcStatus"
    | "reason"]: AccessLogEntry[Name] | undefined;
} & { readonly tunnel: Tunnelled | undefined };

let secondAt = Number.NaN;
let secondText = "";

/** RFC 3339 in UTC. @param atMs milliseconds since the epoch */
function timeText(atMs: number): string {
  const second = Math.floor(atMs / 1_000);
  if (second !== secondAt) {
    secondAt = second;
    secondText = new Date(second * 1_000).toISOString().slice(0, "YYYY-MM-DDThh:mm:ss.".length);
  }
  return `${secondText}${threeDigits(Math.floor(atMs) - second * 1_000)}Z`;
}

function threeDigits(value: number): string {
  return value < 10 ? `00${value}` : value < 100 ? `0${value}` : `${value}`;
}

/** @returns writes a line for each request of a hop, given when it arrived in milliseconds since the epoch */
export function accessLines({ hop, service, instance }: HopNames): (atMs: number, facts: LineFacts) => string {
  const names = `"kind":"access","hop":"${hop}","service":${jsonText(service)},"instance":${jsonText(instance)}`;
  return (atMs, facts) => {
    const { traceId, spanId, method, host, path, status, durationMs, plan } = facts;
    const microseconds = Math.round(durationMs * 1_000);
    const whole = Math.floor(microseconds / 1_000);
    const span = `"traceId":"${traceId}","spanId":"${spanId}"`;
    const request = `"method":${jsonText(method)},"host":${jsonText(host)},"path":${jsonText(path)}`;
    const duration = `${whole}.${threeDigits(microseconds - whole * 1_000)}`;
    const answer = `"status":${status},"durationMs":${duration},"plan":${plan}`;
    return `{"time":"${timeText(atMs)}",${names},${span},${request},${answer}${optional(facts)}}`;
  };
}

function optional({
  peer,
  endpoint,
  attempts,
  sub,
  error,
  wouldRefuse,
  tunnel,
  route,
  clientIp,
  grpcStatus,
  reason,
}: LineFacts): string {
  let text = "";
  if (route !== undefined) text += `,"route":${jsonText(route)}`;
  if (clientIp !== undefined) text += `,"clientIp":${jsonText(clientIp)}`;
  if (grpcStatus !== undefined) text += `,"grpcStatus":${grpcStatus}`;
  if (peer !== undefined) text += `,"peer":${jsonText(peer)}`;
  if (endpoint !== undefined) text += `,"endpoint":${jsonText(endpoint)}`;
  if (attempts !== undefined) text += `,"attempts":${attempts}`;
  if (sub !== undefined) text += `,"sub":${jsonText(sub)}`;
  if (error !== undefined) text += `,"error":"${error}"`;
  if (wouldRefuse !== undefined) text += `,"wouldRefuse":${JSON.stringify(wouldRefuse)}`;
  if (tunnel !== undefined)
    text += `,"protocol":${jsonText(tunnel.protocol)},"bytesIn":${tunnel.in},"bytesOut":${tunnel.out}`;
  if (reason !== undefined) text += `,"reason":${jsonText(reason)}`;
  return text;
}
