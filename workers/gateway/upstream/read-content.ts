import type { Context } from "hono";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import type { GatewayEnv } from "./exchange.ts";
import { within } from "./wait.ts";

/**
 * The content of a request, held whole from here on; later stages send the same bytes.
 * @throws SelvageError body_too_large, bad_request when it breaks off, request_timeout when the route's time is up before
 */
export async function readContent(c: Context<GatewayEnv>): Promise<Uint8Array> {
  const body = c.get("body");
  if (body === null) return new Uint8Array();
  if (body instanceof Uint8Array) return body;
  const bytesMax = limits.gateway.heldBodyBytesMax;
  if (Number(c.req.raw.headers.get("content-length") ?? 0) > bytesMax) throw tooLarge(bytesMax);
  const reader = body.getReader();
  const content = await within(collect(reader, bytesMax), c.get("deadlineAtMs") - Date.now());
  if (content === undefined) {
    void reader.cancel().catch(() => undefined);
    throw new SelvageError("request_timeout", "the body that a proof covers did not arrive within the route's time");
  }
  c.set("body", content);
  return content;
}

async function collect(reader: ReadableStreamDefaultReader<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(brokenOff);
    if (done) break;
    bytes += value.byteLength;
    if (bytes > bytesMax) {
      void reader.cancel().catch(() => undefined);
      throw tooLarge(bytesMax);
    }
    chunks.push(value);
  }
  const content = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    content.set(chunk, at);
    at += chunk.byteLength;
  }
  return content;
}

const tooLarge = (bytesMax: number): SelvageError =>
  new SelvageError("body_too_large", `a body that is held whole has at most ${bytesMax} bytes`);

function brokenOff(cause: unknown): never {
  if (cause instanceof SelvageError) throw cause;
  throw new SelvageError("bad_request", `the body broke off: ${String(cause)}`, { cause });
}
