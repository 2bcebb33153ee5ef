/** JSON over HTTP to gRPC: a request as a call by gRPC-Web, which agents of the mesh turn into gRPC. Loaded by the first route that has it. */

import type { FileRegistry } from "@bufbuild/protobuf";
import { SelvageError } from "../../../shared/errors.ts";
import { DIGESTS } from "../../../shared/http/content-kind.ts";
import { GRPC_TIMEOUT, grpcTimeout, parseGrpcTimeoutMs } from "../../../shared/http/grpc-call.ts";
import { grpcWebMessage } from "../../../shared/http/grpc-web-frames.ts";
import type { HeldBytes } from "../../../shared/policy/held-bytes.ts";
import { bindingsOf, callPath, isClientStreaming } from "../../../shared/transcode/bindings.ts";
import { readDescriptor } from "../../../shared/transcode/descriptor.ts";
import {
  type CalledMethod,
  findMethod,
  indexMethods,
  type MethodIndex,
} from "../../../shared/transcode/method-index.ts";
import { type RequestFault, requestMessage } from "../../../shared/transcode/request-message.ts";
import type { TranscodeSettings } from "../../../shared/transcode/settings.ts";
import { Artifacts } from "../authority/artifacts.ts";
import type { ForwardCall } from "./call-upstream.ts";
import { codingOf } from "./content-coding.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import { readContent } from "./read-content.ts";
import { answerOfCall, type Transcoded } from "./transcoded-answer.ts";

type Exchange = Context<GatewayEnv>;

/** A descriptor, and what each route that names it may call. */
interface Api {
  readonly registry: FileRegistry;
  readonly indexes: WeakMap<TranscodeSettings, MethodIndex>;
}

const apis = new Artifacts<Api>((bytes) => ({ registry: readDescriptor(bytes), indexes: new WeakMap() }));

/** Whose call it is. */
interface Caller extends Pick<Transcoded, "tell" | "held"> {
  readonly allow: (methods: readonly string[]) => void;
  /** Streams, too, are read to their end within the call's time. */
  readonly isTimed: boolean;
}

/** A request of a client, who is told what it may do instead. */
export function transcodeCall(
  c: Exchange,
  settings: TranscodeSettings,
  call: ForwardCall,
  held: HeldBytes,
  send: (call: ForwardCall) => Promise<Response>,
): Promise<Response> {
  const allow: Caller["allow"] = (methods) => c.header("allow", methods.join(", "));
  const tell: Caller["tell"] = (status) => c.set("grpcStatus", status);
  return callMethod(c, settings, call, { allow, tell, held, isTimed: false }, send);
}

/** A part of a composed answer: it is read whole, and what becomes of it is told of the part alone. */
export function transcodePart(
  c: Exchange,
  settings: TranscodeSettings,
  call: ForwardCall,
  held: HeldBytes,
  send: (call: ForwardCall) => Promise<Response>,
): Promise<Response> {
  return callMethod(c, settings, call, { allow: ignore, tell: ignore, held, isTimed: true }, send);
}

/**
 * The answer in JSON.
 * @param call as it would go to the upstream
 * @param send sends what it becomes
 * @throws SelvageError no_route, method_not_allowed, bad_request, body_too_large, media_type_unsupported, stream_not_callable,
 *   plan_missing, and what `send` and `answerOfCall` throw
 */
async function callMethod(
  c: Exchange,
  settings: TranscodeSettings,
  call: ForwardCall,
  { held, tell, allow, isTimed }: Caller,
  send: (call: ForwardCall) => Promise<Response>,
): Promise<Response> {
  const { fields } = call;
  const api = await apiOf(c, settings);
  const { registry } = api;
  const { path, query } = splitQuery(call.path);
  const { binding, captured } = methodOf(allow, indexOf(api, settings), call.method, path);
  const content = await contentOf(c, call);
  const request = { captured, query, contentType: fields.get("content-type"), content };
  const message = requestMessage(binding, request, settings, registry);
  if (message.fault !== undefined) throw refused(message);
  const accept = fields.get("accept");
  sayGrpcWeb(call);
  const isStream = !isTimed && binding.method.methodKind === "server_streaming";
  if (!isStream) sayTime(call);
  const body = grpcWebMessage(message.bytes);
  const answer = await send({ ...call, method: "POST", path: callPath(binding.method), body, isRaw: false, isStream });
  const { deadlineAtMs } = call;
  const made = await answerOfCall(c, answer, { binding, settings, registry, accept, deadlineAtMs, held, tell });
  return call.method === "HEAD" ? withoutContent(made) : made;
}

const ignore = (): void => undefined;

function withoutContent(answer: Response): Response {
  void answer.body?.cancel().catch(() => undefined);
  return new Response(null, answer);
}

async function apiOf(c: Exchange, { descriptor }: TranscodeSettings): Promise<Api> {
  const taken = apis.take(descriptor, c.env, c.executionCtx, Date.now());
  const api = taken instanceof Promise ? await taken : taken;
  if (api === undefined) throw new SelvageError("plan_missing", `the descriptor ${descriptor} cannot be had`);
  return api;
}

function indexOf({ registry, indexes }: Api, settings: TranscodeSettings): MethodIndex {
  let index = indexes.get(settings);
  if (index === undefined) {
    index = indexMethods(bindingsOf(registry, settings).bindings);
    indexes.set(settings, index);
  }
  return index;
}

function methodOf(allow: Caller["allow"], index: MethodIndex, method: string, path: string): CalledMethod {
  const found = findMethod(index, method, path);
  if (found.missing === "path") throw new SelvageError("no_route", `no method of the descriptor has the path ${path}`);
  if (found.missing === "method") {
    allow(found.allow);
    throw new SelvageError("method_not_allowed", `no method of the descriptor is called by ${method} ${path}`);
  }
  const { method: called } = found.binding;
  if (isClientStreaming(called))
    throw new SelvageError("stream_not_callable", `${callPath(called)} streams from the client`);
  return found;
}

function splitQuery(target: string): { readonly path: string; readonly query: string } {
  const at = target.indexOf("?");
  return at < 0 ? { path: target, query: "" } : { path: target.slice(0, at), query: target.slice(at) };
}

const NOTHING = new Uint8Array();

function contentOf(c: Exchange, { body, fields }: ForwardCall): Uint8Array | Promise<Uint8Array> {
  if (body === null) return NOTHING;
  const coding = fields.get("content-encoding");
  if (codingOf(coding) !== "identity")
    throw new SelvageError("media_type_unsupported", `content encoded as ${coding?.slice(0, 64)}`);
  return body instanceof Uint8Array ? body : readContent(c);
}

function refused({ fault, reason, at }: RequestFault): SelvageError {
  const code = { form: "bad_request", bounds: "body_too_large", "media-type": "media_type_unsupported" } as const;
  return new SelvageError(code[fault], reason, {
    ...(fault === "form" && { members: { errors: [{ ...at, detail: reason }] } }),
  });
}

/** What is said of content by HTTP, and is not of the call. */
const OF_CONTENT = [
  ...["content-length", "content-encoding", "content-language", "content-location", "expect", "te"],
  ...["accept-encoding", "accept-charset", "range", "if-range", "if-match", "if-none-match"],
  ...["if-modified-since", "if-unmodified-since", "grpc-encoding", ...DIGESTS],
];

function sayGrpcWeb({ fields }: ForwardCall): void {
  for (const name of OF_CONTENT) fields.delete(name);
  fields.set("content-type", "application/grpc-web+proto");
  fields.set("accept", "application/grpc-web+proto");
  fields.set("x-grpc-web", "1");
  fields.set("grpc-accept-encoding", "identity");
}

/** The deadline of the call is that of the request, or a shorter one of the client's; a stream has only the client's. */
function sayTime({ fields, deadlineAtMs }: ForwardCall): void {
  const leftMs = Math.max(1, deadlineAtMs - Date.now());
  const ownMs = parseGrpcTimeoutMs(fields.get(GRPC_TIMEOUT) ?? undefined) ?? leftMs;
  fields.set(GRPC_TIMEOUT, grpcTimeout(Math.max(1, Math.min(leftMs, ownMs))));
}
