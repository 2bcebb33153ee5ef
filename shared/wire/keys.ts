/**
 * Administration of API keys. The CLI asks the control API (role `admin`), which asks the gateway's `KeyAdmin` the same
 * question under the same path without `/v1` (role `keys`): keys live beside the gateway. Errors as RFC 9457 problems.
 *
 *   POST /v1/keys              CreateKeyRequest -> CreatedKey (201): the one time that the key is told
 *   GET  /v1/keys              ?owner=&after=&limit= -> KeyPage
 *   GET  /v1/keys/ID           KeyRecord
 *   PATCH /v1/keys/ID          UpdateKeyRequest -> KeyRecord
 *   POST /v1/keys/ID/roll      RollKeyRequest -> CreatedKey (201)
 *   POST /v1/keys/ID/revoke    KeyRecord
 *   POST /v1/keys/import       NDJSON of ImportLine -> ImportAnswer
 */
import * as z from "zod/mini";
import type { KeyRecord } from "../auth/api-key.ts";
import { KEY_PREFIX } from "../auth/key-form.ts";
import { limits } from "../limits.ts";

const { nameCharsMax, ownerCharsMax, scopesMax, groupsMax, overlapMsMax } = limits.apiKeys;

/** Visible characters and spaces inside: owners stand in logs and lists. */
const label = (charsMax: number) =>
  z.string().check(z.regex(/^[^\s\p{C}](?:[^\p{C}]*[^\s\p{C}])?$/u), z.maxLength(charsMax));
const scope = z.string().check(z.regex(/^[\x21\x23-\x5B\x5D-\x7E]{1,128}$/));

const grants = {
  /** Prefix of the provider that it is for; default `slv`. */
  prefix: z.optional(z.string().check(z.regex(KEY_PREFIX))),
  /** Whose it is: `sub` of the identity. */
  owner: label(ownerCharsMax),
  name: z.optional(label(nameCharsMax)),
  plan: z.optional(label(nameCharsMax)),
  scopes: z.optional(z.array(scope).check(z.maxLength(scopesMax))),
  groups: z.optional(z.array(label(nameCharsMax)).check(z.maxLength(groupsMax))),
  /** Milliseconds since the epoch. */
  expiresAtMs: z.optional(z.int().check(z.minimum(1))),
};

export const createKeyRequestSchema = z.object(grants);
export type CreateKeyRequest = z.infer<typeof createKeyRequestSchema>;

/** What changes; null takes a member away. No other member may be there, so that a mistyped one is no change that is none. */
export const updateKeyRequestSchema = z
  .strictObject({
    owner: z.optional(grants.owner),
    name: z.optional(z.nullable(label(nameCharsMax))),
    plan: z.optional(z.nullable(label(nameCharsMax))),
    scopes: grants.scopes,
    groups: grants.groups,
    expiresAtMs: z.optional(z.nullable(z.int().check(z.minimum(1)))),
  })
  .check(z.refine((change) => Object.keys(change).length > 0, { error: "nothing to change" }));
export type UpdateKeyRequest = z.infer<typeof updateKeyRequestSchema>;

export const rollKeyRequestSchema = z.object({
  /** How long the old key stays good; 0: not at all. It never lives longer than it would have. */
  overlapMs: z.int().check(z.minimum(0), z.maximum(overlapMsMax)),
  /** End of the new key; absent: that of the old one, where it has any. */
  expiresAtMs: z.optional(z.int().check(z.minimum(1))),
});
export type RollKeyRequest = z.infer<typeof rollKeyRequestSchema>;

/** One key of an import: plain, or as `hash`, the HMAC-SHA-256 under the gateway's pepper in base64url. */
export const importLineSchema = z.object({
  ...grants,
  key: z.optional(z.string()),
  hash: z.optional(z.string().check(z.regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/))),
  /** First characters, shown in lists; taken from `key` where that is given. */
  start: z.optional(z.string().check(z.regex(/^[\x21-\x7e]{0,40}$/))),
  createdAtMs: z.optional(z.int().check(z.minimum(0))),
});
export type ImportLine = z.infer<typeof importLineSchema>;

export interface CreatedKey {
  /** Told once, kept nowhere. */
  readonly key: string;
  readonly record: KeyRecord;
}

export interface KeyPage {
  readonly keys: readonly KeyRecord[];
  /** `after` of the next page; absent: this was the last. */
  readonly next?: string;
}

export interface ImportAnswer {
  readonly imported: number;
  /** Lines whose key is there already; they change nothing, so that an import can be repeated. */
  readonly known: number;
  readonly refused: number;
  /** The first of the refused ones. */
  readonly refusals: readonly { readonly line: number; readonly reason: string }[];
}
