/** Requests of the API as checked values: bodies bounded before they are held, shapes by zod. */

import * as z from "zod/mini";
import { SelvageError } from "../../../shared/errors.ts";
import { joinBytes } from "../../../shared/http/join-bytes.ts";
import type { Bytes } from "../authority/bytes.ts";

/**
 * The JSON body of a request.
 * @param bytesMax more than that is not read
 * @throws SelvageError body_too_large; bad_request with `errors` (path and message) for what does not fit the schema
 */
export async function readJson<T extends z.ZodMiniType>(
  request: Request,
  schema: T,
  bytesMax: number,
): Promise<z.infer<T>> {
  const text = await readText(request, bytesMax);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw badRequest([{ path: [], message: "the body is not JSON" }], cause);
  }
  const parsed = z.safeParse(schema, json);
  if (parsed.success) return parsed.data;
  throw badRequest(
    parsed.error.issues.map(({ path, message }) => ({ path: path.map(String), message })),
    parsed.error,
  );
}

async function readText(request: Request, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of pieces(request, bytesMax)) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

/** The body of a request or answer. @throws SelvageError body_too_large */
export async function readBytes(request: Pick<Request, "headers" | "body">, bytesMax: number): Promise<Bytes> {
  const all: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of pieces(request, bytesMax)) {
    all.push(chunk);
    bytes += chunk.byteLength;
  }
  return joinBytes(all, bytes);
}

async function* pieces(request: Pick<Request, "headers" | "body">, bytesMax: number): AsyncGenerator<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > bytesMax) throw tooLarge(bytesMax);
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    yield chunk;
  }
}

function tooLarge(bytesMax: number): SelvageError {
  return new SelvageError("body_too_large", `body has more than ${bytesMax} bytes`, { members: { bytesMax } });
}

function badRequest(errors: readonly { path: string[]; message: string }[], cause: unknown): SelvageError {
  const reason = errors.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  return new SelvageError("bad_request", reason, { members: { errors }, cause });
}
