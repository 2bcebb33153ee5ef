import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { closeShare, growShare, type HeldBytes, openShare } from "../../../shared/policy/held-bytes.ts";
import { collectBytes } from "./collect-bytes.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";

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
  const share = openShare(held, c.get("deadlineAtMs"), Date.now());
  const mayHold = (bytes: number): boolean => {
    if (bytes > bytesMax) throw refuse(`it has more than ${bytesMax} bytes`);
    if (growShare(held, share, bytes, limits.gateway.heldBodiesBytesMax, Date.now())) return true;
    throw new SelvageError("overloaded", "bodies that are held whole have no room", { sent: "body" });
  };
  try {
    const content = await collectBytes(body, mayHold, c.get("deadlineAtMs") - Date.now());
    if (content !== undefined) return content;
    throw new SelvageError("upstream_timeout", "the answer did not end in time", { sent: "body" });
  } catch (cause) {
    if (cause instanceof SelvageError) throw cause;
    throw new SelvageError("upstream_reset", `the answer broke off: ${String(cause)}`, { sent: "body", cause });
  } finally {
    closeShare(held, share);
  }
}
