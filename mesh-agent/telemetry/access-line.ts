/** Lines of the access log, as `JSON.stringify` would write them at several times the price. */
import type { AccessLogEntry } from "../../shared/http/access-log.ts";
import { jsonText } from "../../shared/http/json-text.ts";
import { LineBytes } from "./line-bytes.ts";

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

/** Lines are written one after the other. */
const line = new LineBytes();

let secondAt = Number.NaN;
let secondText = "";

/** RFC 3339 in UTC. @param atMs milliseconds since the epoch */
function putTime(atMs: number): void {
  const second = Math.floor(atMs / 1_000);
  if (second !== secondAt) {
    secondAt = second;
    secondText = new Date(second * 1_000).toISOString().slice(0, "YYYY-MM-DDThh:mm:ss.".length);
  }
  line
    .ascii(secondText)
    .whole(Math.floor(atMs) - second * 1_000, 3)
    .ascii("Z");
}

/**
 * @returns writes a line for each request of a hop, given when it arrived in milliseconds since the epoch; the bytes are those of
 * the next line after that
 */
export function accessLines({ hop, service, instance }: HopNames): (atMs: number, facts: LineFacts) => LineBytes {
  const names = `"kind":"access","hop":"${hop}","service":${jsonText(service)},"instance":${jsonText(instance)}`;
  const beforeTrace = Buffer.from(`",${names},"traceId":"`);
  return (atMs, facts) => {
    line.clear().ascii('{"time":"');
    putTime(atMs);
    line.copy(beforeTrace);
    line.ascii(facts.traceId).ascii('","spanId":"').ascii(facts.spanId).ascii('","method":').json(facts.method);
    line.ascii(',"host":').json(facts.host).ascii(',"path":').json(facts.path);
    line.ascii(',"status":').whole(facts.status);
    const microseconds = Math.round(facts.durationMs * 1_000);
    const wholeMs = Math.floor(microseconds / 1_000);
    line
      .ascii(',"durationMs":')
      .whole(wholeMs)
      .ascii(".")
      .whole(microseconds - wholeMs * 1_000, 3);
    line.ascii(',"plan":').whole(facts.plan);
    putOptional(facts);
    return line.ascii("}");
  };
}

function putOptional(facts: LineFacts): void {
  const { route, clientIp, grpcStatus, peer, endpoint, attempts, sub, error, wouldRefuse, tunnel, reason } = facts;
  if (route !== undefined) line.ascii(',"route":').json(route);
  if (clientIp !== undefined) line.ascii(',"clientIp":').json(clientIp);
  if (grpcStatus !== undefined) line.ascii(',"grpcStatus":').whole(grpcStatus);
  if (peer !== undefined) line.ascii(',"peer":').json(peer);
  if (endpoint !== undefined) line.ascii(',"endpoint":').json(endpoint);
  if (attempts !== undefined) line.ascii(',"attempts":').whole(attempts);
  if (sub !== undefined) line.ascii(',"sub":').json(sub);
  if (error !== undefined) line.ascii(',"error":').json(error);
  if (wouldRefuse !== undefined) line.ascii(',"wouldRefuse":').ascii(JSON.stringify(wouldRefuse));
  if (tunnel !== undefined) {
    line.ascii(',"protocol":').json(tunnel.protocol);
    line.ascii(',"bytesIn":').whole(tunnel.in).ascii(',"bytesOut":').whole(tunnel.out);
  }
  if (reason !== undefined) line.ascii(',"reason":').json(reason);
}
