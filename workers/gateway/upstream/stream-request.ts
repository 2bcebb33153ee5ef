/** A request's body that is edited while it passes. Loaded with the first edits that can be made so. */
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import type { JsonEdits, JsonTemplate } from "../../../shared/policy/reshape.ts";
import type { Coding } from "./content-coding.ts";
import type { Context } from "./context.ts";
import { countedBody } from "./counted-body.ts";
import type { GatewayEnv } from "./exchange.ts";
import { hold } from "./read-content.ts";
import { type BodyHead, readHead } from "./read-head.ts";

/**
 * The beginning of a body that nobody has read, without its coding.
 * @throws SelvageError bad_request, body_too_large, overloaded, request_timeout
 */
export async function readRequestHead(
  c: Context<GatewayEnv>,
  body: ReadableStream<Uint8Array>,
  coding: Coding | "identity",
): Promise<BodyHead> {
  const mayHold = (bytes: number): void => hold(c, bytes);
  let came = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      came += chunk.byteLength;
      controller.enqueue(chunk);
    },
  });
  const plain = coding === "identity" ? body : decodedBody(c, body.pipeThrough(counter), coding);
  const withinMs = c.get("deadlineAtMs") - Date.now();
  const head = await readHead(plain, limits.reshape.streamedFromBytes, mayHold, withinMs).catch((cause) => {
    // Nothing is not encoded.
    if (coding !== "identity" && came === 0) return { bytes: new Uint8Array() };
    throw brokenOff(cause, coding);
  });
  if (head === undefined)
    throw new SelvageError("request_timeout", "the body did not arrive whole within the route's time");
  return head;
}

/** The route's bound holds for what comes and for what that becomes. */
function decodedBody(c: Context<GatewayEnv>, body: ReadableStream<Uint8Array>, coding: Coding): ReadableStream {
  const decoded = countedBody(body.pipeThrough(new DecompressionStream(coding)), c.get("route").bodyBytesMax);
  watch(c, decoded.signal, () => decoded.fault);
  return decoded.body;
}

/** What goes on instead. A body that turns out to be none ends the call that it is sent with. */
export async function streamRequestBody(
  c: Context<GatewayEnv>,
  head: BodyHead,
  coding: Coding | "identity",
  edits: JsonEdits,
  fill: (template: JsonTemplate) => unknown,
  refuse: (fault: "bounds" | "form", reason: string) => SelvageError,
): Promise<void> {
  const { editedStream } = await import("./stream-edits.ts");
  const call = new AbortController();
  let fault: SelvageError | undefined;
  const fail = (error: SelvageError): SelvageError => {
    fault ??= error;
    call.abort(fault);
    return fault;
  };
  const body = editedStream(head, edits, fill, {
    edited: (kind, reason) => fail(refuse(kind, reason)),
    broken: (cause) => fail(brokenOff(cause, coding)),
  });
  c.set("body", body);
  watch(c, call.signal, () => fault);
}

/** What is wrong with the body is heard of beside what was before. */
function watch(c: Context<GatewayEnv>, signal: AbortSignal, fault: () => SelvageError | undefined): void {
  const before = c.get("watched");
  c.set("watched", {
    signal: before === undefined ? signal : AbortSignal.any([before.signal, signal]),
    get fault() {
      return before?.fault ?? fault();
    },
  });
}

function brokenOff(cause: unknown, coding: Coding | "identity"): SelvageError {
  if (cause instanceof SelvageError) return cause;
  const reason = coding === "identity" ? `it broke off: ${String(cause)}` : `it is not ${coding}, or broke off`;
  return new SelvageError("bad_request", `the body cannot be edited: ${reason}`, { sent: "body", cause });
}
