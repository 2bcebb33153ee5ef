/**
 * Artifacts: what a document needs beside its plan and is too large for it, named by the SHA-256 of its bytes (base64url, without
 * padding). They are made from files beside the document by the CLI and sent before the document is applied.
 *
 *   POST /v1/artifacts/missing          { digests } -> { missing }
 *   PUT  /v1/artifacts/DIGEST           the bytes -> 204; 422 when they have another digest
 *   GET  /v1/gateway/artifacts/DIGEST   the bytes, for gateways
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";

const DIGEST_CHARS = 43;

/** 32 bytes as base64url; the last character has four bits. */
export const artifactDigestSchema = z.string().check(z.regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/));

/** Pattern of a digest for routers. */
export const ARTIFACT_DIGEST = `[\\w-]{${DIGEST_CHARS}}`;

/** Digests by what they are in the document: `contracts.github`. */
export const artifactTableSchema = z
  .record(z.string().check(z.maxLength(limits.wire.hostCharsMax)), artifactDigestSchema)
  .check(
    z.refine((table) => Object.keys(table).length <= limits.artifacts.perDocumentMax, {
      error: `at most ${limits.artifacts.perDocumentMax} artifacts`,
    }),
  );
export type ArtifactTable = Readonly<z.infer<typeof artifactTableSchema>>;

export const missingRequestSchema = z.object({
  digests: z.array(artifactDigestSchema).check(z.maxLength(limits.artifacts.perDocumentMax)),
});
export type MissingRequest = z.infer<typeof missingRequestSchema>;

export interface MissingAnswer {
  readonly missing: readonly string[];
}
