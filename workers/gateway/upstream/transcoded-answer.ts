/** The answer of a call by gRPC-Web as its client by HTTP gets it. */
import type { Registry } from "@bufbuild/protobuf";
import { SelvageError, toProblem } from "../../../shared/errors.ts";
import { acceptWeight } from "../../../shared/http/accept.ts";
import type { FieldList } from "../../../shared/http/field-list.ts";
import { grpcCode, grpcStatusOfHttp } from "../../../shared/http/grpc-call.ts";
import type { GrpcWebFrame } from "../../../shared/http/grpc-web-frames.ts";
import { transcode as transcoding } from "../../../shared/limits/transcode.ts";
import { limits } from "../../../shared/limits.ts";
import { closeShare, growShare, type HeldBytes, openShare, type Share } from "../../../shared/policy/held-bytes.ts";
import { AnswerWriter } from "../../../shared/transcode/answer-message.ts";
import type { Binding } from "../../../shared/transcode/bindings.ts";
import {
  type CallStatus,
  callStatusOf,
  type StatusProblem,
  statusProblem,
} from "../../../shared/transcode/call-status.ts";
import { readErrorDetails } from "../../../shared/transcode/error-details.ts";
import type { StreamForm, TranscodeSettings } from "../../../shared/transcode/settings.ts";
import { CallFrames, invalid } from "./call-frames.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import { type StreamEnd, streamedText } from "./streamed-text.ts";
import { within } from "./wait.ts";

export interface Transcoded {
  readonly binding: Binding;
  readonly settings: TranscodeSettings;
  readonly registry: Registry;
  /** What the client would rather have. */
  readonly accept: string | null;
  readonly deadlineAtMs: number;
  readonly held: HeldBytes;
  /** Hears the status of the call, as far as it is known with the answer's head. */
  readonly tell: (status: number) => void;
}

type Exchange = Context<GatewayEnv>;

/**
 * @param answer owned from here on
 * @throws SelvageError upstream_invalid, upstream_reset, upstream_timeout, overloaded
 */
export async function answerOfCall(c: Exchange, answer: Response, call: Transcoded): Promise<Response> {
  const { held } = call;
  let share: Share | undefined;
  const frames = new CallFrames(answer.body, (bytes) => {
    const nowMs = Date.now();
    // A stream outlives the time of its request.
    if (share === undefined || share.untilMs <= nowMs) {
      if (share !== undefined) closeShare(held, share);
      share = openShare(held, nowMs + c.get("route").timeoutMs, nowMs);
    }
    if (growShare(held, share, bytes, limits.gateway.heldBodiesBytesMax, nowMs)) return;
    throw new SelvageError("overloaded", "messages that are held whole have no room", { sent: "body" });
  });
  const end = (): void => {
    frames.end();
    if (share !== undefined) closeShare(held, share);
  };
  try {
    const told = statusOfHead(answer);
    const isOver = told !== undefined && told.code !== grpcCode.ok;
    if (!isOver && call.binding.method.methodKind === "server_streaming")
      return await stream(c, answer, frames, call, end);
    const made = isOver ? failed(c, answer, told, call, undefined) : await unary(c, answer, frames, call);
    end();
    return made;
  } catch (cause) {
    end();
    throw cause;
  }
}

/** What the head says of the call's end; undefined: the content says it. */
function statusOfHead({ status, headers }: Response): CallStatus | undefined {
  const told = callStatusOf((name) => headers.get(name));
  if (told !== undefined) return told;
  if (status !== 200) return { code: grpcStatusOfHttp(status), message: `the service answered with status ${status}` };
  if (!/^application\/grpc-web(?:\+proto)?(?:[ \t]*;|$)/i.test(headers.get("content-type") ?? ""))
    throw invalid(`it is no gRPC-Web but ${headers.get("content-type")?.slice(0, 64)}`);
  return undefined;
}

/** @throws SelvageError upstream_invalid when they do not say how the call ended */
function statusOfTrailers(frame: GrpcWebFrame | undefined): {
  readonly status: CallStatus;
  readonly trailers: FieldList;
} {
  if (frame === undefined) throw invalid("it ended without a status");
  if (frame.kind === "message") throw invalid("a call that is not streamed has one message");
  const status = callStatusOf((name) => frame.fields.get(name));
  if (status === undefined) throw invalid("its trailers have no status");
  return { status, trailers: frame.fields };
}

async function unary(c: Exchange, answer: Response, frames: CallFrames, call: Transcoded): Promise<Response> {
  const read = async () => {
    const first = await frames.next();
    return first?.kind === "message" ? { message: first.bytes, end: await frames.next() } : { end: first };
  };
  const found = await within(read(), call.deadlineAtMs - Date.now());
  if (found === undefined)
    throw new SelvageError("upstream_timeout", "the answer did not end in time", { sent: "body" });
  const { status, trailers } = statusOfTrailers(found.end);
  if (status.code !== grpcCode.ok) return failed(c, answer, status, call, trailers);
  if (found.message === undefined) throw invalid("it has no message");
  call.tell(grpcCode.ok);
  const headers = headersOf(answer, call, trailers);
  const writer = writerOf(call);
  const { message } = found;
  if (!writer.isRaw) {
    headers.set("content-type", "application/json");
    return new Response(
      readable(() => writer.text(message)),
      { headers },
    );
  }
  const { contentType, bytes } = readable(() => writer.raw(message));
  setContentType(headers, contentType);
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers });
}

async function stream(
  c: Exchange,
  answer: Response,
  frames: CallFrames,
  call: Transcoded,
  onEnd: () => void,
): Promise<Response> {
  const writer = writerOf(call);
  const pending = frames.next();
  const leftMs = call.deadlineAtMs - Date.now();
  // What kind of content it is is said by the first message where messages are content.
  const waitMs = writer.isRaw ? leftMs : Math.min(leftMs, transcoding.firstMessageMs);
  const came = await within(
    pending.then((frame) => ({ frame })),
    waitMs,
  );
  const first = came?.frame;
  if (came !== undefined && first?.kind !== "message") {
    const { status, trailers } = statusOfTrailers(first);
    if (status.code !== grpcCode.ok) {
      onEnd();
      return failed(c, answer, status, call, trailers);
    }
  }
  call.tell(grpcCode.ok);
  const headers = headersOf(answer, call, undefined);
  const form = writer.isRaw ? "raw" : formOf(call);
  if (form === "raw") {
    const type = first?.kind === "message" ? readable(() => writer.raw(first.bytes)).contentType : undefined;
    setContentType(headers, type ?? "application/octet-stream");
  } else {
    headers.append("vary", "accept");
    headers.set("content-type", CONTENT_TYPES[form]);
    // Whether it has failed is said at its end.
    if (form !== "array" && !headers.has("cache-control")) headers.set("cache-control", "no-store");
  }
  const ended = (frame: GrpcWebFrame | undefined): StreamEnd => {
    const { status } = statusOfTrailers(frame);
    return status.code === grpcCode.ok ? undefined : problemOf(c, status, call).problem;
  };
  const problem = (error: SelvageError): object => toProblem(error, c.get("trace").traceId);
  const write = (bytes: Uint8Array) => readable(() => (form === "raw" ? writer.raw(bytes).bytes : writer.text(bytes)));
  return new Response(streamedText({ frames, first: pending, form, write, ended, problem, onEnd }), { headers });
}

const CONTENT_TYPES: Readonly<Record<StreamForm, string>> = {
  array: "application/json",
  lines: "application/x-ndjson",
  events: "text/event-stream",
};

const ACCEPTED: readonly (readonly [form: StreamForm, types: readonly string[]])[] = [
  ["array", ["application/json"]],
  ["lines", ["application/x-ndjson", "application/ndjson", "application/jsonl"]],
  ["events", ["text/event-stream"]],
];

/** The form that the client would rather have; the route's of those that it likes as much. */
function formOf({ accept, settings }: Transcoded): StreamForm {
  let best: StreamForm = settings.stream ?? "array";
  const weigh = (form: StreamForm): number => acceptWeight(accept, ACCEPTED.find(([one]) => one === form)?.[1] ?? []);
  for (const [form] of ACCEPTED) if (weigh(form) > weigh(best)) best = form;
  return best;
}

const writerOf = ({ binding, settings, registry }: Transcoded): AnswerWriter =>
  new AnswerWriter(binding, settings.print, registry);

/** @throws SelvageError upstream_invalid where bytes are no message of the method */
function readable<Made>(make: () => Made): Made {
  try {
    return make();
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause));
  }
}

function setContentType(headers: Headers, type: string): void {
  try {
    headers.set("content-type", type);
  } catch {
    throw invalid("its content type is none");
  }
}

/** What is said of the call, and not of the content that a client gets. */
const OF_CALL = ["content-type", "content-length", "content-encoding", "transfer-encoding", "trailer"];
/** What gRPC itself says, in heads and trailers. */
const OF_GRPC = /^grpc-(?:status|message|status-details-bin|encoding|accept-encoding|retry-pushback-ms)$/;

/** Metadata of the answer as fields. */
function headersOf({ headers }: Response, { settings }: Transcoded, trailers: FieldList | undefined): Headers {
  const made = new Headers();
  for (const [name, value] of headers) if (!OF_CALL.includes(name) && !OF_GRPC.test(name)) made.append(name, value);
  if (settings.trailers !== true || trailers === undefined) return made;
  let bytes = 0;
  for (const [name, value] of trailers) {
    bytes += name.length + value.length;
    if (!OF_GRPC.test(name) && bytes <= transcoding.trailersBytesMax) made.append(`grpc-trailer-${name}`, value);
  }
  return made;
}

interface Failure {
  readonly problem: StatusProblem;
  readonly retryAfterSeconds?: number;
}

function problemOf(c: Exchange, status: CallStatus, { binding, settings, registry, tell }: Transcoded): Failure {
  tell(status.code);
  const { traceId } = c.get("trace");
  const read =
    status.details === undefined ? undefined : readErrorDetails(status.details, binding, settings.print, registry);
  const isTold = settings.errorDetails === true && read !== undefined;
  const problem = statusProblem(status, {
    ...(isTold && read.errors.length > 0 && { errors: read.errors }),
    ...(isTold && read.details.length > 0 && { details: read.details }),
    traceId,
  });
  return { problem, ...(read?.retryAfterSeconds !== undefined && { retryAfterSeconds: read.retryAfterSeconds }) };
}

function failed(
  c: Exchange,
  answer: Response,
  status: CallStatus,
  call: Transcoded,
  trailers: FieldList | undefined,
): Response {
  const { problem, retryAfterSeconds } = problemOf(c, status, call);
  const headers = headersOf(answer, call, trailers);
  headers.set("content-type", "application/problem+json");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  if (retryAfterSeconds !== undefined && !headers.has("retry-after"))
    headers.set("retry-after", String(retryAfterSeconds));
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}
