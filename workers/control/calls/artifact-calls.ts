/** Artifacts as the API takes and gives them (`shared/wire/artifacts.ts`). */
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { type MissingAnswer, missingRequestSchema } from "../../../shared/wire/artifacts.ts";
import { toBase64Url } from "../authority/bytes.ts";
import type { Env } from "../env.ts";
import { readBytes, readJson } from "../objects/read-json.ts";
import { MAIN } from "../objects/rpc.ts";

const { bytesMax } = limits.artifacts;

/** Which of some artifacts have to be sent. */
export async function askMissing(env: Env, request: Request): Promise<Response> {
  const { digests } = await readJson(request, missingRequestSchema, limits.control.callBytesMax);
  const missing = await env.CONFIG.getByName(MAIN).missingArtifacts(digests);
  return Response.json({ missing } satisfies MissingAnswer);
}

/** @throws SelvageError document_invalid when it is another one than its name says; artifacts_full */
export async function putArtifact(env: Env, digest: string, request: Request): Promise<Response> {
  const bytes = await readBytes(request, bytesMax);
  const found = toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  if (found !== digest)
    throw new SelvageError("document_invalid", `the SHA-256 of these ${bytes.byteLength} bytes is ${found}`);
  if (!(await env.CONFIG.getByName(MAIN).putArtifact(digest, bytes)))
    throw new SelvageError("artifacts_full", "too many artifacts that no version names; they are kept for an hour");
  return new Response(null, { status: 204 });
}

/** @throws SelvageError artifact_unknown */
export async function getArtifact(env: Env, digest: string): Promise<Response> {
  const bytes = await env.CONFIG.getByName(MAIN).artifact(digest);
  if (bytes === undefined) throw new SelvageError("artifact_unknown", `no artifact ${digest}`);
  return new Response(bytes, { headers: { "content-type": "application/octet-stream" } });
}
