/** One request on its way through a stack of stages: what they learn of it, and the one way to answer it. */
import type { Reach } from "../../shared/discovery/settings.ts";
import { type ErrorCode, SelvageError } from "../../shared/errors.ts";
import type { WouldRefuse } from "../../shared/http/access-log.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import { GRPC_STATUS, parseGrpcStatus } from "../../shared/http/grpc-call.ts";
import type { TraceContext } from "../../shared/http/trace-context.ts";
import { limits } from "../../shared/limits.ts";
import type { SpanTrace } from "../../shared/telemetry/span-trace.ts";
import type { BodyReader, BodyWriter, ResponseHead, ServerExchange } from "./engine.ts";
import { grpcErrorTrailers, isGrpcCall } from "./grpc-answer.ts";

/** What the access log tells of a call beyond its head; stages fill it in. One shape, however much is known. */
export class CallFacts {
  host: string;
  /** Version of the plan that decides. */
  plan: number;
  /** At a listener to the outside: the route, and whose address it is. */
  route: string | undefined;
  clientIp: string | undefined;
  /** How a call by gRPC ended, as its caller was told; absent: nobody has said so. */
  grpcStatus: number | undefined;
  /** Calling workload (inbound) or called service (outbound, ingress). */
  peer: string | undefined;
  endpoint: string | undefined;
  /** How the endpoint is reached, where it is no agent of this mesh. */
  outside: Reach["kind"] | undefined;
  /** The service that was asked for, where the plan does not let this agent call it. */
  notCallable: string | undefined;
  attempts: number | undefined;
  sub: string | undefined;
  error: ErrorCode | undefined;
  /** Nothing had left when it failed here. */
  isUnsent = false;
  reason: string | undefined;
  /** What the request lost on its way, which went on; stands before the reason. */
  note: string | undefined;
  wouldRefuse: readonly WouldRefuse[] | undefined;
  /** What passed a tunnel: bytes from the caller, and to it. */
  tunnel: { readonly protocol: string; in: number; out: number } | undefined;

  constructor(host: string, plan: number) {
    this.host = host;
    this.plan = plan;
  }
}

/** One for all: most calls have no error. */
const NOTHING: readonly (readonly [name: string, value: string])[] = [];

export class Call {
  exchange: ServerExchange;
  /** The request's body; a stage may put a reader of its own before it. */
  body: BodyReader;
  /** Monotonic milliseconds, as `performance.now()`. */
  readonly arrivedAtMs: number;
  readonly facts: CallFacts;
  /** What the answer to an error says beside the error. */
  errorFields: readonly (readonly [name: string, value: string])[] = NOTHING;
  /** Span of this hop; set by the outermost stage. */
  trace: TraceContext | undefined;
  /** What it leaves for spans; undefined: nothing is told of it. */
  spans: SpanTrace | undefined;
  /** Monotonic milliseconds by which the answer's head must be there. */
  deadlineMs = Number.POSITIVE_INFINITY;
  /** By gRPC: when all of it must be over, monotonic; undefined: by `deadlineMs`, too. */
  endMs: number | undefined;
  /** Protocol that the connection is to change to, as far as the service takes it. */
  upgrade: string | undefined;
  /** How long its bodies may stand still, as its service says; absent: as everybody's. */
  idleMs: number | undefined;
  /** Its caller speaks gRPC, or is translated to it, and so do errors that it gets. */
  byGrpc: boolean;
  /** Its service speaks gRPC, too: what its fields say of time and status counts. */
  isGrpc = false;
  /** Its caller speaks gRPC-Web: the time that it is given otherwise than by gRPC is that until its answer begins. */
  isTranslated = false;
  /** Status of the answer; 0: none was given. */
  status = 0;
  #writer: BodyWriter | undefined;
  #answerError: ((error: SelvageError) => void) | undefined;
  #finished = false;
  #onFinish: (() => void) | undefined;
  #onRespond: ((head: ResponseHead) => void) | undefined;

  /**
   * @param plan version of the plan that decides
   * @param nowMs monotonic
   */
  constructor(exchange: ServerExchange, plan: number, nowMs: number) {
    this.exchange = exchange;
    this.body = exchange.body;
    this.byGrpc = isGrpcCall(exchange.head);
    this.facts = new CallFacts(exchange.head.fields.get("host") ?? "", plan);
    this.arrivedAtMs = nowMs;
    exchange.onDone(() => this.#finish());
    exchange.onFail((error) => {
      this.facts.reason ??= `the caller left: ${error.message}`;
      this.#finish();
    });
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** From here on it is a call by gRPC. @param exchange that says it in gRPC's words, and the answer in the caller's */
  translate(exchange: ServerExchange): void {
    this.exchange = exchange;
    this.body = exchange.body;
    this.byGrpc = true;
    this.isGrpc = true;
    this.isTranslated = true;
  }

  /** Called once when the call is over in whatever way. */
  onFinish(callback: () => void): void {
    const before = this.#onFinish;
    this.#onFinish =
      before === undefined
        ? callback
        : () => {
            before();
            callback();
          };
  }

  /** @param streamIdleMs how long its bodies may stand still; 0: for ever, undefined: nobody says */
  allowIdle(streamIdleMs: number | undefined): void {
    if (streamIdleMs === undefined) return;
    this.idleMs = streamIdleMs === 0 ? Number.POSITIVE_INFINITY : streamIdleMs;
    // Later than those who watch the answer, who can still say why it ends.
    this.exchange.idleAfter(this.idleMs + limits.agent.streamIdleGraceMs);
  }

  /** Called with the final answer's head before it leaves, to look at it and to add fields. */
  onRespond(callback: (head: ResponseHead) => void): void {
    const before = this.#onRespond;
    this.#onRespond =
      before === undefined
        ? callback
        : (head) => {
            before(head);
            callback(head);
          };
  }

  /** The final answer. After this a failure can only break the answer off. */
  respond(head: ResponseHead): BodyWriter {
    this.status = head.status;
    this.heardGrpcStatus(head.fields);
    this.#onRespond?.(head);
    this.#writer = this.exchange.respond(head);
    return this.#writer;
  }

  /** @param fields of the answer's head, or its trailers */
  heardGrpcStatus(fields: FieldList): void {
    if (!this.byGrpc || this.facts.grpcStatus !== undefined) return;
    const status = parseGrpcStatus(fields.get(GRPC_STATUS));
    if (status !== undefined) this.facts.grpcStatus = status;
  }

  /** Adds to what the answer to an error says, should one follow. */
  addToErrors(...fields: readonly (readonly [name: string, value: string])[]): void {
    this.errorFields = [...this.errorFields, ...fields];
  }

  /** Sets how failures are answered; the stage that does it calls this. */
  answerErrorsBy(answer: (error: SelvageError) => void): void {
    this.#answerError = answer;
  }

  /** Ends the call by an error: as an answer while none was begun, else by breaking it off, or by gRPC with trailers. */
  fail(thrown: unknown): void {
    if (this.#finished) return;
    const error = thrown instanceof SelvageError ? thrown : unexpected(thrown);
    if (this.facts.error === undefined) this.facts.isUnsent = error.sent === "none";
    this.facts.error ??= error.code;
    this.facts.reason ??= error.reason;
    if (this.status !== 0 && this.byGrpc) this.#endByTrailers(error);
    else if (this.status === 0 && this.#answerError !== undefined) {
      this.#answerError(error);
      // What still runs for it must not answer, too.
      this.#finish();
    } else this.abort(error.reason);
  }

  #endByTrailers({ facts }: SelvageError): void {
    this.facts.grpcStatus = facts.grpc;
    this.#writer?.end(grpcErrorTrailers({ status: facts.grpc, message: facts.detail }));
    this.#finish();
  }

  /** Breaks the exchange off so that the caller notices. */
  abort(reason: string): void {
    if (this.#finished) return;
    this.facts.reason ??= reason;
    this.exchange.abort(reason);
    this.#finish();
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#onFinish?.();
  }
}

function unexpected(thrown: unknown): SelvageError {
  const reason = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new SelvageError("internal", reason, { sent: "body", cause: thrown });
}

/** A stage does its part and calls `next`, or throws a SelvageError, or answers. */
export type Stage<C extends Call = Call> = (call: C, next: () => void) => void;

/** Runs a call through stages, the first listed outermost; what one of them throws ends the call. A stage calls `next` once at most. */
export function runStages<C extends Call>(stages: readonly Stage<C>[]): (call: C) => void {
  return (call) => {
    let at = 0;
    const next = (): void => {
      const stage = stages[at++];
      if (stage === undefined || call.finished) return;
      try {
        stage(call, next);
      } catch (error) {
        call.fail(error);
      }
    };
    next();
  };
}
