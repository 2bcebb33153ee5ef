/** One call to a service of the mesh or to a plain origin: signed, timed, its failures named. */
import type { TxnContext } from "../../../shared/auth/txn-context.ts";
import { type ErrorCode, errorTable, SelvageError, type Sent } from "../../../shared/errors.ts";
import { deadlineHeader } from "../../../shared/http/deadline.ts";
import { ERROR_CODE, LOAD, PRIORITY, SENT, TRACEPARENT } from "../../../shared/http/header-names.ts";
import { type LoadReport, parseLoad } from "../../../shared/http/load-report.ts";
import { TEMPORARY_REDUCED_CAPACITY } from "../../../shared/http/problem-types.ts";
import { formatTraceparent, type TraceContext } from "../../../shared/http/trace-context.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import type { Priority } from "../../../shared/policy/load-shedding.ts";
import type { UpstreamTarget } from "../../../shared/policy/settings.ts";
import type { HeldPlan } from "../authority/held-plan.ts";
import type { HopRequest } from "../authority/hop-signer.ts";
import type { TxnTokenMinter } from "../authority/txn-token-minter.ts";
import type { Env } from "../env.ts";
import type { CallAttempt, RequestTrace } from "../telemetry/request-trace.ts";
import { signalsOf, signalsOfHead } from "./call-signals.ts";
import type { RequestFields } from "./request-fields.ts";

export interface UpstreamCall {
  readonly target: UpstreamTarget;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Owned by the call from here on. */
  readonly fields: RequestFields;
  readonly body: ReadableStream | Uint8Array | null;
  readonly deadlineAtMs: number;
  /** For agents that shed load. */
  readonly priority: Priority;
  /** Gets what agents say of the service's load, with whatever answer. */
  readonly onLoad?: ((report: LoadReport) => void) | undefined;
  /** Whether the answer's content stays as it is encoded, also for those who read it here. */
  readonly isRaw?: boolean;
  /** The deadline holds for the head alone, also where the body is read here. */
  readonly isStream?: boolean;
  /** A copy of a request: it is sent once, and no line of the access log tells of it. */
  readonly isCopy?: boolean;
  /** Ends the call early. A client that goes away needs none: the platform then ends its request with all its calls. */
  readonly signal?: AbortSignal;
  /** For spans: of an upstream with several targets, and of an aggregate. */
  readonly attempt?: CallAttempt;
  readonly part?: string;
  /** Requests that were sent before it for the same call of the part. */
  readonly resend?: number;
  /** What an origin is called by. Absent: the network. */
  readonly fetcher?: Pick<Fetcher, "fetch">;
}

/** A call without what is known when it leaves. */
export type ForwardCall = Omit<UpstreamCall, "priority" | "onLoad">;

/** To where the request goes as it is. */
export type DirectCall = UpstreamCall & { readonly target: Exclude<UpstreamTarget, { readonly upstream: string }> };

export interface CallContext {
  readonly env: Env;
  readonly held: HeldPlan;
  readonly identity: Identity;
  readonly route: string;
  readonly context: TxnContext | undefined;
  readonly trace: RequestTrace;
  readonly minter: TxnTokenMinter;
}

/**
 * The upstream's answer, its body not yet read. The deadline holds for its head, and for a body that is read here: one that
 * workerd passes on natively may stand still for longer.
 * @param nowMs milliseconds since 1970
 * @throws SelvageError when there is none, none that has a meaning, or when an agent of the mesh made it
 */
export function callUpstream(call: DirectCall, context: CallContext, nowMs: number): Promise<Response> {
  const { trace } = context;
  if (trace.call === undefined || call.isCopy === true) return sendTraced(call, context, trace, nowMs);
  return trace.call(call, (span) => sendTraced(call, context, span, nowMs));
}

async function sendTraced(
  call: DirectCall,
  context: CallContext,
  trace: TraceContext,
  nowMs: number,
): Promise<Response> {
  const left = deadlineHeader(call.deadlineAtMs, nowMs);
  if (left === undefined) throw new SelvageError("deadline_exceeded", "no time left to call the upstream");
  const { target, fields, method, body } = call;
  if (!call.path.startsWith("/")) throw new SelvageError("internal", "path of a call does not begin with /");
  const traceparent = formatTraceparent(trace);
  let url: string;
  if ("origin" in target) {
    fields.set(TRACEPARENT, traceparent);
    url = target.origin + call.path;
  } else {
    const path = pathAsSent(call.path);
    if (call.priority !== "normal") fields.set(PRIORITY, call.priority);
    const hop = { method, target: path, body, traceparent, service: target.service, deadline: left };
    await signForMesh(hop, fields, context, nowMs);
    url = context.env.INGRESS_URL + path;
  }
  const { deadline, signal, clear } =
    call.isStream === true ? signalsOfHead(call, nowMs) : signalsOf(call.signal, call.deadlineAtMs, nowMs);
  const init: RequestInit = { method, headers: fields.toHeaders(), redirect: "manual", signal };
  if (body !== null) init.body = body;
  if (call.isRaw === true) init.encodeResponseBody = "manual";
  const fetcher = "origin" in target ? call.fetcher : context.held.ingress;
  let response: Response;
  try {
    response = await (fetcher === undefined ? fetch(url, init) : fetcher.fetch(url, init));
  } catch (cause) {
    throw unanswered(cause, deadline);
  } finally {
    clear?.();
  }
  const fault = faultOf(response);
  if (fault !== undefined) {
    void response.body?.cancel().catch(() => undefined);
    throw new SelvageError("upstream_invalid", `the upstream answered with ${fault}`, { sent: "body" });
  }
  if ("origin" in target) return response;
  const load = call.onLoad === undefined ? undefined : parseLoad(response.headers.get(LOAD));
  if (load !== undefined) call.onLoad?.(load);
  const code = response.headers.get(ERROR_CODE);
  if (code === null) return response;
  await response.body?.cancel();
  throw agentError(code, response.status, response.headers.get(SENT));
}

/** Adds what the ingress agent needs: who asks, for what, and the proof that it is this gateway. */
async function signForMesh(
  request: Omit<HopRequest, "txnToken" | "planVersion">,
  fields: RequestFields,
  { held, identity, route, context, minter }: CallContext,
  nowMs: number,
): Promise<void> {
  const token = minter.mint(identity, route, held, nowMs, context);
  if (held.hop === undefined) throw new SelvageError("plan_missing", "no hop key for the mesh yet");
  const txnToken = typeof token === "string" ? token : await token;
  const said = { ...request, txnToken, planVersion: String(held.version) };
  await held.hop.sign(said, fields, held.plan.identityHeaders ?? [], nowMs);
}

/** Path and query as the platform writes them: it escapes some characters by itself, and the proof is over what arrives. */
function pathAsSent(path: string): string {
  if (/^[\w.~!$&()*+,;=:@/?%|[\]-]*$/.test(path)) return path;
  const { href, origin } = new URL(`http://ingress${path}`);
  return href.slice(origin.length);
}

/** The platform's errors are opaque: all that is certain is whether the time was up. */
function unanswered(cause: unknown, deadline: AbortSignal): SelvageError {
  if (cause instanceof SelvageError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  // Nothing says how far it went.
  return new SelvageError(deadline.aborted ? "upstream_timeout" : "upstream_unreachable", reason, {
    sent: "body",
    cause,
  });
}

/** RFC 9110 section 15.2.2. */
const SWITCHING = 101;
/** Of final answers, RFC 9110 section 15. */
const STATUS_MIN = 200;
const STATUS_MAX = 599;

/** Why an answer has no meaning that could be passed on; the platform gives any status and any transfer coding as it came. */
function faultOf({ status, headers, webSocket }: Response): string | undefined {
  if (status === SWITCHING && webSocket !== null) return undefined;
  if (status < STATUS_MIN || status > STATUS_MAX) return `status ${status}`;
  const coding = headers.get("transfer-encoding");
  if (coding === null) return undefined;
  // RFC 9112 section 6.1: whoever does not know a coding cannot take it off, and section 6.3: a length beside it is an attack.
  if (coding.toLowerCase() !== "chunked") return `the transfer coding ${coding.slice(0, 64)}`;
  return headers.has("content-length") ? "a length beside a transfer coding" : undefined;
}

/** What the client is told of an answer that an agent made. Faults between gateway and mesh are never the client's. */
function agentError(code: string, status: number, told: string | null): SelvageError {
  const sent: Sent = told === "none" || told === "head" ? told : "body";
  const reason = `the mesh answered ${status} ${code.slice(0, 64)}`;
  if (!Object.hasOwn(errorTable, code)) return new SelvageError("upstream_invalid", reason, { sent });
  if (errorTable[code as ErrorCode].status === 401) return new SelvageError("internal", reason, { sent });
  if (code === "peer_not_trusted" || code === "unknown_service")
    return new SelvageError("upstream_unreachable", reason, { sent });
  const members = code === "overloaded" ? { type: TEMPORARY_REDUCED_CAPACITY } : {};
  return new SelvageError(code as ErrorCode, reason, { sent, members });
}
