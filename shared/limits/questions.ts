/** Bounds of what is asked outside on a request's way: tokens of their issuer, decisions of a decision point. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** Token introspection, RFC 7662. Counts are of one isolate and one provider. */
export const introspection = {
  /** Default wait for the endpoint, and the longest that a document may choose. */
  waitMs: 2_000,
  waitMsMax: 10_000,
  /** Default time for which a good answer is believed, and the longest that a document may choose. */
  rememberMs: 30_000,
  rememberMsMax: 3_600_000,
  /** A token that was refused is not asked for again within this. */
  refusedMs: 5_000,
  /** Default time for which `onFailure: stale` prolongs a good answer, and the longest that a document may choose. */
  staleMs: 300_000,
  staleMsMax: 86_400_000,
  /** A question that was not answered is not asked again within this. */
  failureMs: 1_000,
  /** Answer of the endpoint. */
  answerBytesMax: 64 * KiB,
  /** Claims that may name the subject. */
  subjectClaimsMax: 4,
  /** Good answers that are remembered, and the text of them and their tokens together. */
  rememberedMax: 10_000,
  rememberedCharsMax: 8 * MiB,
  /** The same of refused tokens and of failures, each. */
  vainMax: 10_000,
  vainCharsMax: 2 * MiB,
  /** Questions that run at once: all, and those of tokens that were not good lately. */
  asksMax: 512,
  lookUpsMax: 256,
  /** Questions in vain: a second, and at once, of all and of one client address. */
  unknownPerSecond: 200,
  unknownBurst: 400,
  unknownPerSecondAndAddress: 20,
  unknownBurstAndAddress: 40,
  /** Client addresses whose questions are counted. */
  addressesMax: 10_000,
} as const;

/** Decision points, OpenID Authorization API 1.0. Counts are of one isolate and one decision point. */
export const decision = {
  /** Default wait for an answer, and the longest that a document may choose. */
  waitMs: 1_000,
  waitMsMax: 10_000,
  /** Default time for which a decision is believed, and the longest that a document may choose. */
  rememberMs: 10_000,
  rememberMsMax: 3_600_000,
  /** A question that was not answered is not asked again within this. */
  failureMs: 1_000,
  /** A question; a longer one is not permitted. */
  questionCharsMax: 64 * KiB,
  answerBytesMax: 64 * KiB,
  /** The decision point's reason, as far as it is logged. */
  reasonCharsMax: 256,
  /** Properties of an entity, claims that are told, fields that are sent, each. */
  membersMax: 32,
  /** Permissions that are remembered, and the text of their questions together. */
  rememberedMax: 10_000,
  rememberedCharsMax: 8 * MiB,
  /** The same of refusals and of failures, each. */
  vainMax: 10_000,
  vainCharsMax: 4 * MiB,
  /** Questions that run at once: all, and those that were not permitted lately. */
  asksMax: 512,
  lookUpsMax: 256,
  /** Questions that nobody answered: a second, and at once, of all and of one identity. */
  unknownPerSecond: 200,
  unknownBurst: 400,
  unknownPerSecondAndAddress: 20,
  unknownBurstAndAddress: 40,
  /** Identities whose questions are counted. */
  addressesMax: 10_000,
} as const;
