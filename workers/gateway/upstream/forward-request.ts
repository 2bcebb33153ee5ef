/** A request on its way to its route's upstream, and the answer as it goes to a client. */
import type { Context } from "hono";
import { setsOwnCookie } from "../../../shared/http/cookies.ts";
import { HOP_BY_HOP } from "../../../shared/http/header-names.ts";
import { connectionNames } from "../../../shared/http/inspect-head.ts";
import type { RouteTarget } from "../../../shared/plan/plan.ts";
import { rewritePath } from "../../../shared/route/rewrite-path.ts";
import type { TxnTokenMinter } from "../authority/txn-token-minter.ts";
import { callUpstream } from "./call-upstream.ts";
import type { GatewayEnv } from "./exchange.ts";
import type { LoadShedder } from "./load-shedder.ts";

export type ForwardTarget = Extract<RouteTarget, { kind: "forward" }>;

/** What a forward needs beside the request. */
export interface Forwarder {
  readonly minter: TxnTokenMinter;
  readonly shedder: LoadShedder;
}

/** What goes out of one request; it may go out more than once. */
export interface Outgoing {
  /** Owned by the call from here on. */
  readonly fields: Headers;
  /** With its `?`. */
  readonly query: string;
  readonly body: ReadableStream | Uint8Array | null;
  readonly deadlineAtMs: number;
  /** Whether the answer's content stays as it is encoded; otherwise whoever reads it here gets it decoded. */
  readonly isRaw?: boolean;
}

/** Path that the upstream is asked for. */
export function upstreamPath(c: Context<GatewayEnv>, { rewrite }: ForwardTarget): string {
  return rewrite === undefined ? c.get("path") : rewritePath(rewrite, c.get("params"));
}

/**
 * The upstream's answer as it came, its body not yet read.
 * @throws SelvageError when there is none
 */
export function sendOn(
  c: Context<GatewayEnv>,
  target: ForwardTarget,
  { fields, query, body, deadlineAtMs, isRaw = false }: Outgoing,
  { minter, shedder }: Forwarder,
): Promise<Response> {
  const { to } = target;
  const call = {
    target: to,
    method: c.req.raw.method,
    path: upstreamPath(c, target) + query,
    fields,
    body,
    deadlineAtMs,
    isRaw,
  };
  const [held, identity, trace] = [c.get("held"), c.get("identity"), c.get("trace")];
  const calling = { env: c.env, held, identity, route: c.get("route").name, context: c.get("context"), trace, minter };
  return shedder.call(c, to, deadlineAtMs, (shed) => callUpstream({ ...call, ...shed }, calling));
}

/** Removes fields of the connection behind us, those that are between us and the mesh, and cookies in the gateway's name. */
export function dropEnding(headers: Headers): void {
  const dropped: string[] = [];
  headers.forEach((value, name) => {
    if (name === "connection") dropped.push(...connectionNames(value));
    if (HOP_BY_HOP.has(name) || name.startsWith("selvage-")) dropped.push(name);
  });
  for (const name of dropped) headers.delete(name);
  const cookies = headers.getSetCookie();
  if (!cookies.some(setsOwnCookie)) return;
  headers.delete("set-cookie");
  for (const cookie of cookies) if (!setsOwnCookie(cookie)) headers.append("set-cookie", cookie);
}
