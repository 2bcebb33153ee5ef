/** Bounds of credentials and of what is made of them. */

const KiB = 1024;
const MiB = 1024 * KiB;

export const identity = {
  /** Longest credential read at all. */
  tokenBytesMax: 16 * KiB,
  /** Clock difference to an issuer that is tolerated. */
  clockSkewMs: 60_000,
  /** JWKS and discovery answers. */
  jwksBytesMax: 256 * KiB,
  jwksWaitMs: 5_000,
  /** How long a key set is used before it is fetched again in the background. */
  jwksFreshMs: 10 * 60_000,
  /** A key set in use is fetched once in this time at most, by each isolate; tokens of unknown keys wait for it. */
  jwksCooldownMs: 5_000,
  /** After as long without a fetch an unknown key is asked for at once, also one that a single token names. */
  jwksQuietMs: 60_000,
  /** Requests of one key set that wait for that, and among them those whose key nobody else names. */
  keyWaitsMax: 4_000,
  keyNewcomersMax: 64,
  /** Names of withdrawn keys remembered for each key set. */
  withdrawnKeysMax: 256,
  /** Keys of one set that are looked at; more are left out. */
  jwksKeysMax: 64,
  /** Keys that are tried for a token that does not say which one it was signed with. */
  keysTriedMax: 4,
  /** Keys in a document, for each provider. */
  staticKeysMax: 16,
  /** Modulus of an RSA key (RFC 7518 section 3.3); above it one check costs too much. */
  rsaBitsMin: 2_048,
  rsaBitsMax: 8_192,
  /** Shared secret of HMAC signatures (RFC 7518 section 3.2, for HS256; longer hashes need as much as they give). */
  secretBytesMin: 32,
  /** Nesting of a token's header and claims. */
  tokenDepthMax: 16,
  /** Longest `kid`, `sub`, `jti`, consumer, plan or group that is believed. */
  nameCharsMax: 256,
  issuerCharsMax: 1_024,
  /** A token without `exp`, where the document accepts those, is checked anew after this. */
  rememberedUnexpiringMs: 300_000,
  /** A fetch that failed is tried again after this where no key set is in use. */
  jwksRetryMs: 1_000,
  /** How long a key set outlives the issuer being down. */
  jwksStaleMs: 24 * 3_600_000,
  /** Verified tokens remembered by an isolate or agent. */
  rememberedTokensMax: 10_000,
  /** Their text together; longer credentials are checked anew each time. */
  rememberedTokenBytesMax: 8 * MiB,
} as const;

/** API keys: at the edge, in their objects, and over the wire. */
export const apiKeys = {
  /** Objects that keys are spread over by the first bits of their hash. Fixed: another number would look elsewhere. */
  shards: 16,
  /** A key of another form than ours, as imported from elsewhere. */
  foreignCharsMin: 16,
  foreignCharsMax: 256,
  /** Good keys, and unknown ones, that an isolate remembers. */
  rememberedMax: 10_000,
  unknownRememberedMax: 10_000,
  /** What is remembered of a shard is believed this long after the shard confirmed it. */
  staleMs: 3_000,
  /** From this age on a request has it confirmed again in the background. */
  confirmAfterMs: 1_000,
  /** A confirmation that failed is tried again after this. */
  confirmRetryMs: 250,
  /** Wait for a shard before the credentials count as not checkable. */
  shardWaitMs: 1_000,
  /** Look-ups of one isolate that run at once. */
  lookUpsMax: 256,
  /** Look-ups that found nothing: a second, and at once, of one isolate and of one client address. */
  unknownPerSecond: 200,
  unknownBurst: 400,
  unknownPerSecondAndAddress: 20,
  unknownBurstAndAddress: 40,
  /** Client addresses whose look-ups are counted. */
  addressesMax: 10_000,
  /** Changes that a shard remembers; who missed more forgets what it knew of the shard. */
  changesKept: 1_000,
  /** `lastUsedAtMs` is exact to this. */
  lastUsedStepMs: 3_600_000,
  /** Used keys that one confirmation reports, and how long a shard collects before it writes them. */
  usedReportedMax: 1_000,
  usedWriteMs: 1_000,
  /** Keys of one page of a list. */
  pageMax: 1_000,
  pageDefault: 100,
  /** Lines and bytes of one import, one of its lines, and lines sent to one shard together. */
  importLinesMax: 50_000,
  importBytesMax: 32 * MiB,
  importLineCharsMax: 8 * KiB,
  importBatch: 4_000,
  /** Refused lines that an import names; the count of the others is told. */
  importRefusalsMax: 100,
  scopesMax: 100,
  groupsMax: 100,
  nameCharsMax: 128,
  ownerCharsMax: 256,
  /** How long an old key lives on after it was rolled, at most. */
  overlapMsMax: 90 * 86_400_000,
  /** Life of the token by which the control plane calls the gateway's administration of keys. */
  adminTokenLifetimeMs: 60_000,
  /** One call to it; an import takes longer. */
  adminCallMs: 10_000,
  importCallMs: 120_000,
} as const;

/** Expressions (`when`); together they keep one evaluation well below a millisecond. */
export const condition = {
  charsMax: 1_024,
  nodesMax: 200,
  depthMax: 24,
  /** Members of a literal list or mapping. */
  literalMembersMax: 64,
  /** Values in the claims of an identity, all levels together; with more it is refused where an expression must judge it. */
  claimValuesMax: 512,
} as const;

/** Transaction tokens, draft-ietf-oauth-transaction-tokens. */
export const txnToken = {
  lifetimeMs: 30_000,
  /** A minted token is given out again while at least this much of its life is left. */
  reuseFloorMs: 10_000,
  clockSkewMs: 30_000,
  mintedMax: 10_000,
  /** Those whose context names values of the request: a memory of their own, so that they push out no others. */
  mintedOfRequestsMax: 1_000,
} as const;

/** The proof that binds a request to the gateway that sends it, at the ingress agent. */
export const hopProof = {
  /** How long a proof is good; what delays a request on its way to the ingress must fit in. */
  lifetimeMs: 10_000,
  /** Clock difference between gateway and ingress that is tolerated. */
  clockSkewMs: 30_000,
  /** Requests of one isolate that may overtake another one on the way; one that is further behind is refused. */
  overtakenMax: 32_768,
  /** Isolates whose requests an ingress remembers, 4 KiB each. */
  isolatesMax: 2_048,
  /** Longest proof in `Signature-Input`, without what the client said behind it, and the fields that it may cover. */
  inputCharsMax: 8 * KiB,
  componentsMax: 64,
} as const;
