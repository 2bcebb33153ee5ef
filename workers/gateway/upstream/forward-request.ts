/** A request on its way to its route's upstream. */
import { SelvageError } from "../../../shared/errors.ts";
import { grpcCallOf } from "../../../shared/http/grpc-answer.ts";
import type { RouteTarget } from "../../../shared/plan/plan.ts";
import type { CounterState } from "../../../shared/policy/counters.ts";
import type { HeldBytes } from "../../../shared/policy/held-bytes.ts";
import { rewritePath } from "../../../shared/route/rewrite-path.ts";
import type { TxnTokenMinter } from "../authority/txn-token-minter.ts";
import { callTarget } from "./call-target.ts";
import type { ForwardCall } from "./call-upstream.ts";
import type { Context } from "./context.ts";
import { injectFault, type Mirror } from "./edge-traffic.ts";
import type { GatewayEnv } from "./exchange.ts";
import { type LoadShedder, withShed } from "./load-shedder.ts";
import type { RequestFields } from "./request-fields.ts";
import type { Upstreams } from "./upstreams.ts";

export type ForwardTarget = Extract<RouteTarget, { kind: "forward" }>;

/** What a forward needs beside the request. */
export interface Forwarder {
  readonly minter: TxnTokenMinter;
  readonly shedder: LoadShedder;
  readonly upstreams: Upstreams;
  readonly mirror: Mirror;
  readonly counters: CounterState;
  /** What the isolate holds of bodies. */
  readonly held: HeldBytes;
}

/** What goes out of one request; it may go out more than once. */
export interface Outgoing {
  /** Owned by the call from here on. */
  readonly fields: RequestFields;
  /** With its `?`. */
  readonly query: string;
  readonly body: ReadableStream | Uint8Array | null;
  readonly deadlineAtMs: number;
  /** Whether the answer's content stays as it is encoded; otherwise whoever reads it here gets it decoded. */
  readonly isRaw?: boolean;
}

/** Path that the upstream is asked for. */
export function upstreamPath(c: Context<GatewayEnv>, { rewrite }: ForwardTarget): string {
  const path = c.get("path");
  if (rewrite === undefined) return path;
  if (typeof rewrite === "string") return rewritePath(rewrite, c.get("params"));
  return c.get("held").reshaper?.rewrite(rewrite, path) ?? path;
}

/**
 * The upstream's answer as it came, its body not yet read. What cannot be sent at all is thrown at once.
 * @throws SelvageError when there is none
 */
export function sendOn(
  c: Context<GatewayEnv>,
  target: ForwardTarget,
  outgoing: Outgoing,
  forwarder: Forwarder,
): Promise<Response> {
  if (c.get("method") === "POST") refuseGrpc(c.get("head").get("content-type") ?? null);
  const { faults } = c.get("route");
  if (faults === undefined) return send(c, target, outgoing, forwarder);
  const injecting = injectFault(c, faults, forwarder.counters);
  return injecting.then((fault) => fault ?? send(c, target, outgoing, forwarder));
}

/** The platform carries no trailers, so nobody would hear how a call has ended. */
function refuseGrpc(contentType: string | null): void {
  if (grpcCallOf("POST", contentType)?.kind === "grpc")
    throw new SelvageError("grpc_needs_trailers", "the platform carries no trailers, by which calls of gRPC end", {
      sent: "none",
    });
}

function send(
  c: Context<GatewayEnv>,
  target: ForwardTarget,
  { fields, query, body, deadlineAtMs, isRaw = false }: Outgoing,
  forwarder: Forwarder,
): Promise<Response> {
  const to = c.get("variant")?.to ?? target.to;
  const { method = c.get("method"), query: edited } = c.get("reshaped") ?? {};
  const watched = c.get("watched");
  const call = {
    ...(watched !== undefined && { signal: watched.signal }),
    target: to,
    method,
    path: upstreamPath(c, target) + (edited === undefined ? query : edited(query)),
    fields,
    body: method === "GET" || method === "HEAD" ? null : body,
    deadlineAtMs,
    isRaw,
  };
  const { transcode } = c.get("route");
  if (transcode === undefined) return sendOut(c, call, forwarder);
  // Who speaks gRPC himself is not translated for, and has no more services than others.
  if (grpcCallOf(method, fields.get("content-type")) !== undefined) {
    const [service = ""] = call.path.slice(1).split(/[/?]/, 1);
    if (transcode.services?.includes(service) === false)
      throw new SelvageError("no_route", `${service.slice(0, 200)} is none of the route's services`);
    return sendOut(c, call, forwarder);
  }
  const pass = (made: ForwardCall): Promise<Response> => sendOut(c, made, forwarder);
  return import("./transcode-call.ts").then((one) => one.transcodeCall(c, transcode, call, forwarder.held, pass));
}

function sendOut(
  c: Context<GatewayEnv>,
  call: ForwardCall,
  { minter, shedder, mirror, upstreams }: Forwarder,
): Promise<Response> {
  const { name: route, mirror: copies } = c.get("route");
  const [held, identity, trace] = [c.get("held"), c.get("identity"), c.get("trace")];
  const calling = { env: c.env, held, identity, route, context: c.get("context"), trace, minter };
  // What is said on a WebSocket is not copied, and one without it is a client that hangs.
  if (copies !== undefined && c.get("upgrade") === undefined) mirror.copy(c, copies, call, calling, upstreams);
  return shedder.call(c, call, (shed) => callTarget(c, withShed(call, shed), calling, upstreams));
}
