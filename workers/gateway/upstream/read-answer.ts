import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { closeShare, growShare, type HeldBytes, openShare } from "../../../shared/policy/held-bytes.ts";
import { collectBytes } from "./collect-bytes.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import { type BodyHead, readHead } from "./read-head.ts";

/**
 * The whole content of an answer, within a bound of its own, what the isolate may hold, and the route's time.
 * @param refuse makes the error for content that is longer
 * @throws SelvageError that one, overloaded, upstream_timeout, upstream_reset
 */
export async function readAnswer(
  c: Context<GatewayEnv>,
  body: ReadableStream<Uint8Array>,
  held: HeldBytes,
  bytesMax: number,
  refuse: (reason: string) => SelvageError,
): Promise<Uint8Array> {
  return inRoom(c, held, (mayHold, withinMs) => {
    const mayCollect = (bytes: number): boolean => {
      if (bytes > bytesMax) throw refuse(`it has more than ${bytesMax} bytes`);
      return mayHold(bytes);
    };
    return collectBytes(body, mayCollect, withinMs);
  });
}

/**
 * The beginning of an answer, until more than `bytesMax` came.
 * @throws SelvageError overloaded, upstream_timeout, upstream_reset
 */
export function readAnswerHead(
  c: Context<GatewayEnv>,
  body: ReadableStream<Uint8Array>,
  held: HeldBytes,
  bytesMax: number,
): Promise<BodyHead> {
  return inRoom(c, held, (mayHold, withinMs) => readHead(body, bytesMax, mayHold, withinMs));
}

/** An answer that did not come whole. */
export function brokenAnswer(cause: unknown): SelvageError {
  if (cause instanceof SelvageError) return cause;
  return new SelvageError("upstream_reset", `the answer broke off: ${String(cause)}`, { sent: "body", cause });
}

/** @param read undefined: it did not end in time */
async function inRoom<Read>(
  c: Context<GatewayEnv>,
  held: HeldBytes,
  read: (mayHold: (bytes: number) => true, withinMs: number) => Promise<Read | undefined>,
): Promise<Read> {
  const share = openShare(held, c.get("deadlineAtMs"), Date.now());
  const mayHold = (bytes: number): true => {
    if (growShare(held, share, bytes, limits.gateway.heldBodiesBytesMax, Date.now())) return true;
    throw new SelvageError("overloaded", "bodies that are held whole have no room", { sent: "body" });
  };
  try {
    const found = await read(mayHold, c.get("deadlineAtMs") - Date.now());
    if (found !== undefined) return found;
    throw new SelvageError("upstream_timeout", "the answer did not end in time", { sent: "body" });
  } catch (cause) {
    throw brokenAnswer(cause);
  } finally {
    closeShare(held, share);
  }
}
