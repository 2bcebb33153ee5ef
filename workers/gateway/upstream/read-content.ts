import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { growShare } from "../../../shared/policy/held-bytes.ts";
import type { UpstreamCall } from "./call-upstream.ts";
import { collectBytes } from "./collect-bytes.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";

/**
 * The content of a request, held whole from here on; later stages send the same bytes.
 * @throws SelvageError body_too_large, bad_request when it breaks off, request_timeout when the route's time is up before,
 *   overloaded when the isolate holds too much for others
 */
export async function readContent(c: Context<GatewayEnv>): Promise<Uint8Array> {
  const body = c.get("body");
  if (body === null) return new Uint8Array();
  if (body instanceof Uint8Array) return body;
  const bytesMax = limits.gateway.heldBodyBytesMax;
  const stated = Number(c.req.raw.headers.get("content-length") ?? 0);
  if (stated > bytesMax) throw tooLarge(bytesMax);
  const mayHold = (bytes: number): boolean => {
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    hold(c, bytes);
    return true;
  };
  const content = await collectBytes(body, mayHold, c.get("deadlineAtMs") - Date.now()).catch(brokenOff);
  if (content === undefined)
    throw new SelvageError("request_timeout", "the body did not arrive whole within the route's time");
  c.set("body", content);
  return content;
}

/**
 * Whether the body of a call is small, that of the client's request as it comes, and has room from here on. Held whole it can be sent
 * again, and how long it took to come is no upstream's doing; where those who send slowly have taken all the room that there is for
 * it, half of what is for all, a body goes on as it comes.
 */
export function mayHoldBody(c: Context<GatewayEnv>, { body, fields }: Pick<UpstreamCall, "body" | "fields">): boolean {
  if (!(body instanceof ReadableStream) || body !== c.get("body")) return false;
  const stated = fields.get("content-length");
  const holding = c.get("holding");
  if (stated === undefined || stated === null || !(Number(stated) <= limits.upstreams.replayBytesMax)) return false;
  const roomBytes = limits.gateway.heldBodiesBytesMax / 2;
  return holding !== undefined && growShare(holding.held, holding.share, Number(stated), roomBytes, Date.now());
}

/** Takes so many bytes of what the isolate may hold. @throws SelvageError overloaded */
export function hold(c: Context<GatewayEnv>, bytes: number): void {
  const holding = c.get("holding");
  const bytesMax = limits.gateway.heldBodiesBytesMax;
  if (holding !== undefined && growShare(holding.held, holding.share, bytes, bytesMax, Date.now())) return;
  c.header("retry-after", "1");
  throw new SelvageError("overloaded", `bodies that are held whole have at most ${bytesMax} bytes together`);
}

const tooLarge = (bytesMax: number): SelvageError =>
  new SelvageError("body_too_large", `a body that is held whole has at most ${bytesMax} bytes`);

function brokenOff(cause: unknown): never {
  if (cause instanceof SelvageError) throw cause;
  throw new SelvageError("bad_request", `the body broke off: ${String(cause)}`, { cause });
}
