/** Bounds of what those inside are told of an identity, and of what clients are told of a resource. */

const KiB = 1024;

/** Identity headers. */
export const identityHeaders = {
  /** Names in one mapping: gateway or route. */
  headersMax: 16,
  /** One value as it is sent; with a longer one the request is refused, since half an identity is another one. */
  valueCharsMax: 4 * KiB,
  /** All of them, names included: many servers take 8 KiB of fields. */
  charsMax: 6 * KiB,
} as const;

/** The context of transaction tokens (`tctx`). It travels with every call inside. */
export const txnContext = {
  membersMax: 16,
  textCharsMax: 256,
  listMax: 32,
  /** As JSON, all members together. */
  charsMax: 2 * KiB,
} as const;

/** Protected resource metadata, RFC 9728. */
export const resource = {
  resourcesMax: 32,
  /** How long clients may keep it. */
  maxAgeMs: 300_000,
} as const;
