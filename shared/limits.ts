/**
 * Every bound of Selvage, named with its unit, in one place.
 *
 * A bound that a document may change is the default here and the key in the document says so; all others are fixed.
 * Sizes are bytes, times milliseconds, counts plain numbers.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  /** HTTP messages, at the edge and in the agent. */
  http: {
    /** Request line plus header section, RFC 9112 section 3 and 5. Cloudflare refuses more than 128 KB in all. */
    headBytesMax: 64 * KiB,
    /** Fields in one header section. */
    headFieldsMax: 128,
    /** Request target, Cloudflare's own limit. */
    targetBytesMax: 16 * KiB,
    /** Request body, unless the route says otherwise (`maxBody`). */
    bodyBytesMax: 10 * MiB,
    /** One chunk-size line with its extensions, RFC 9112 section 7.1.1. */
    chunkLineBytesMax: 256,
    /** Trailer section. */
    trailerBytesMax: 8 * KiB,
    /** Bytes of later requests that are held while one is being answered; above this the connection is not read. */
    pipelinedBytesMax: 64 * KiB,
    /** Rest of a request's body that is read and thrown away after its answer, to keep the connection. */
    drainBytesMax: 64 * KiB,
    /** Bytes of a refused connection that are read and thrown away, so that its peer sees the answer. */
    lingerBytesMax: 16 * MiB,
    /** Output up to this size is copied into one write. */
    coalesceBytesMax: 32 * KiB,
    /** Output held for one message while its peer does not read. */
    outputBytesMax: 64 * KiB,
    /** Interim (1xx) answers accepted from an upstream before its final one. */
    informationalMax: 8,
  },
  /** The gateway's own calls. */
  gateway: {
    /** Default time for a whole request, `timeout` of a route. */
    requestTimeoutMs: 15_000,
    /** Default time of one aggregate part, `timeout` of the part. */
    partTimeoutMs: 5_000,
    /** Parts of one aggregate; workerd keeps six connections waiting for headers at once. */
    aggregatePartsMax: 20,
    aggregateConcurrencyMax: 6,
    /** Answer of one aggregate part that is held in memory. */
    partBodyBytesMax: 1 * MiB,
    /** Life of a plan lease: how long an isolate serves without asking the control plane. */
    planLeaseMs: 2_000,
    /** Wait for the control plane on a request's path, after that the last good plan serves. */
    planRefreshWaitMs: 100,
    /** A control plane that fails is asked again after this or down to half of it, beside the requests. */
    planRetryMs: 1_000,
    /** One call to the control plane, and the wait for a first plan where there is none at all. */
    planCallMs: 2_000,
    /** Plan with its frame, as the control plane sends it. */
    planBytesMax: 8 * MiB,
    /** Wait for one limiter object before `onFailure` decides. */
    limiterWaitMs: 1_000,
    /** Host and path in a line of the access log, each. */
    logTextCharsMax: 2_048,
    /** Limiter addresses remembered by an isolate. */
    limiterKeysMax: 10_000,
  },
  identity: {
    /** Longest credential read at all. */
    tokenBytesMax: 16 * KiB,
    /** Clock difference to an issuer that is tolerated. */
    clockSkewMs: 60_000,
    /** JWKS and discovery answers. */
    jwksBytesMax: 256 * KiB,
    jwksWaitMs: 5_000,
    /** How long a key set is used before it is fetched again in the background. */
    jwksFreshMs: 10 * 60_000,
    /** An unknown `kid` may cause one fetch in this time for each key set and isolate. */
    jwksCooldownMs: 5_000,
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
    /** A fetch that failed is tried again after this. */
    jwksRetryMs: 1_000,
    /** How long a key set outlives the issuer being down. */
    jwksStaleMs: 24 * 3_600_000,
    /** Verified tokens remembered by an isolate or agent. */
    rememberedTokensMax: 10_000,
    /** Their text together; longer credentials are checked anew each time. */
    rememberedTokenBytesMax: 8 * MiB,
  },
  /** API keys: at the edge, in their objects, and over the wire. */
  apiKeys: {
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
  },
  /** Expressions (`when`); together they keep one evaluation well below a millisecond. */
  condition: {
    charsMax: 1_024,
    nodesMax: 200,
    depthMax: 24,
    /** Members of a literal list or mapping. */
    literalMembersMax: 64,
    /** Values in the claims of an identity, all levels together; with more it is refused where an expression must judge it. */
    claimValuesMax: 512,
  },
  /** Transaction tokens, draft-ietf-oauth-transaction-tokens. */
  txnToken: {
    lifetimeMs: 30_000,
    /** A minted token is given out again while at least this much of its life is left. */
    reuseFloorMs: 10_000,
    clockSkewMs: 30_000,
    mintedMax: 10_000,
  },
  /** Rate limits. */
  rateLimit: {
    /** Up to this limit the sliding window is an exact log, above it counters of slices that never admit more. */
    exactLogMax: 1_000,
    /** Slices of such a window; at a steady rate one part in one more than these stays unused. */
    slidingSlices: 60,
    limitMax: 1_000_000_000,
    windowMsMax: 31 * 86_400_000,
  },
  agent: {
    /** Time to reach an endpoint (TCP and TLS). */
    connectTimeoutMs: 2_000,
    requestTimeoutMs: 15_000,
    /** Body kept for a retry; larger ones are sent once. */
    replayBytesMax: 64 * KiB,
    retriesMax: 5,
    retriesDefault: 2,
    /** Retries at once: this share of the requests in flight, but at least the floor. */
    retryBudgetShare: 0.2,
    retryBudgetFloor: 3,
    retryBackoffBaseMs: 25,
    retryBackoffMaxMs: 250,
    /** Requests waiting for a connection to one endpoint. */
    pendingMax: 1_024,
    connectionsPerEndpointMax: 100,
    /** Connections accepted by one listener. */
    inboundConnectionsMax: 10_000,
    /** An idle connection to an endpoint is closed after this; below Node's own 5 s. */
    idleConnectionMs: 4_000,
    /** What is taken off the time that a peer says it keeps an idle connection. */
    idleMarginMs: 1_000,
    /** The same towards the application on loopback: below the keep-alive of any common server. */
    appIdleMs: 1_000,
    /** A client that sends no complete head in this time is cut off. */
    headTimeoutMs: 10_000,
    /** A TLS handshake that takes longer is given up. */
    handshakeTimeoutMs: 5_000,
    /** A body of which nothing arrives or leaves for this long, though it could, is broken off. */
    stallTimeoutMs: 60_000,
    /** A refused connection is read for this long, so that its peer sees the answer before the end. */
    lingerMs: 1_000,
    /** Kept-alive connections of callers without a request. */
    keepAliveMs: 60_000,
    /** From SIGTERM until callers have stopped sending, and until what is in flight must be done. */
    drainMaxMs: 10_000,
    /** Time for the app to end by itself after SIGTERM. */
    appStopMs: 5_000,
    /** Time for the app to listen after its start. */
    appStartMs: 60_000,
    /** Access log lines held before they are written. */
    logBufferBytesMax: 64 * KiB,
    /** Lines are written together that are this close. */
    logFlushMs: 5,
    /** An answer's body that stands still for this long is broken off. */
    bodyIdleMs: 60_000,
    /** An answer that is thrown away before a retry is read up to this, so that its connection lives on. */
    discardBytesMax: 64 * KiB,
    /** A time-out shorter than this (the caller's deadline) is no failure of the endpoint. */
    timeoutBlamesMs: 1_000,
    /** Pauses for the retry budget before a request fails as it did. */
    retryBudgetWaitsMax: 20,
    /** A start with a last good view waits this long for the control plane. */
    offlineStartMs: 2_000,
    /** After a reconnect the control plane may still be gathering: endpoints that it does not name stay this long. */
    viewSettleMs: 10_000,
    /** Draining goes on at least this long, and until no request came for `drainQuietMs`. */
    drainMinMs: 1_000,
    drainQuietMs: 500,
    /** After the application ended: how long callers are still answered, so that they go elsewhere. */
    appGoneMs: 2_000,
  },
  control: {
    /** One message on an agent's socket. */
    messageBytesMax: 8 * MiB,
    /** Document as text. */
    documentBytesMax: 2 * MiB,
    /** Pings answered by the platform without waking the hub. */
    pingEveryMs: 5_000,
    /** An endpoint is withdrawn when its agent was not heard for this long. */
    endpointLeaseMs: 20_000,
    /** A socket that closed without a goodbye keeps its endpoint this long, so that a reconnect is no change. */
    reconnectGraceMs: 1_000,
    /** Reconnects: full jitter up to a bound that doubles from base to max. */
    reconnectBaseMs: 250,
    reconnectMaxMs: 5_000,
    /** A connection that lived this long starts the pauses anew; longer than any pause. */
    connectionSteadyMs: 10_000,
    /** One call of an agent for credentials, and its answer. */
    callTimeoutMs: 10_000,
    credentialsBytesMax: 256 * KiB,
    /** Config versions kept for rollback. */
    versionsKept: 200,
    joinTokenLifetimeMs: 15 * 60_000,
    joinTokenLifetimeMaxMs: 7 * 86_400_000,
    /** Body of any call but `apply`, whose bound is three documents: the text, and its JSON, which may be longer. */
    callBytesMax: 64 * KiB,
    /** One message of an agent to the hub. */
    agentMessageBytesMax: 32 * KiB,
    /** An agent that connects says `hello` within this time. */
    helloWaitMs: 10_000,
    /** Instances that the registry knows at once, and the labels of one. */
    instancesMax: 10_000,
    labelsMax: 16,
    labelBytesMax: 128,
    /** An instance that left without a goodbye is named in the status for this long. */
    forgetAfterMs: 3_600_000,
    /** Life of an agent's token; renewed with each certificate. */
    agentTokenLifetimeMs: 7 * 86_400_000,
    /** Leases of gateway isolates known at once; what the control plane adds to a lease for the answer's way back. */
    gatewayLeasesMax: 10_000,
    gatewayLeaseSlackMs: 250,
    /** How long the control plane believes that its signing key is still the same. */
    signingKeyFreshMs: 60_000,
    /** Join tokens that wait for use at once. */
    joinTokensMax: 10_000,
    /** Revocations known at once, and their text together: gateways get all of them whenever one changes. */
    revocationsMax: 5_000,
    revocationBytesMax: 1 * MiB,
    /** How long a revocation lasts unless asked otherwise, and at most: it must outlive the tokens that it is about. */
    revocationLifetimeMs: 24 * 3_600_000,
    revocationLifetimeMaxMs: 366 * 86_400_000,
    /** Rows of the issuance log and of the audit log that are kept. */
    logRowsKept: 10_000,
    /** A publication that did not reach the hub is tried again after this. */
    publishRetryMs: 1_000,
  },
  /** Texts in messages between processes. */
  wire: {
    instanceCharsMax: 128,
    hostCharsMax: 255,
    /** Ids, hashes and MACs. */
    idCharsMax: 64,
    /** A certificate request, a public key and a signature, base64. */
    csrCharsMax: 8 * KiB,
    keyCharsMax: 512,
    signatureCharsMax: 128,
    /** Why a plan is refused. */
    refusalCharsMax: 4 * KiB,
    /** Who changes the document, why, and the file's name. */
    authorCharsMax: 256,
    changeReasonCharsMax: 1 * KiB,
    fileCharsMax: 1 * KiB,
  },
  /** What a document may contain (its size as text is `control.documentBytesMax`). */
  document: {
    /** Values after aliases are expanded, and how deep they may be nested. */
    nodesMax: 100_000,
    depthMax: 32,
    /** Problems that are reported; the count of the others is. */
    problemsMax: 100,
    /** Any text in it. */
    textBytesMax: 8 * KiB,
    /** Segments of a path pattern. */
    segmentsMax: 32,
    timeoutMsMax: 3_600_000,
    bodyBytesMax: 512 * MiB,
    corsMaxAgeMs: 600_000,
    corsMaxAgeMsMax: 86_400_000,
    clockSkewMsMax: 300_000,
    tokenAgeMsMax: 366 * 86_400_000,
    /** Providers, groups, claims and values that one `auth` names, each. */
    authNamesMax: 32,
  },
  /** Outlier ejection where a service has no `breaker`, and the ends of its range. */
  breaker: {
    consecutiveFailures: 5,
    intervalMs: 10_000,
    ejectForMs: 30_000,
    failuresMax: 1_000,
    connectionsMax: 10_000,
    /** The longest ejection, in first ones. */
    ejectionGrowthMax: 10,
    /** How long an endpoint that said that it leaves is passed over: longer than the hub needs to withdraw it. */
    refusedForMs: 2_000,
  },
  /** A system on one machine: `selvage serve` and `npm start`. */
  local: {
    /** From the start of a process until it does its work. */
    readyWithinMs: 18_000,
    /** From the request to stop until what still runs is killed; users are promised 10 s in all. */
    stopWithinMs: 8_000,
    /** What is left of an agent and its app when one of them has died. */
    leftoverGraceMs: 3_000,
    /** A process that ended by itself starts again after a pause that doubles from base to max. */
    restartBaseMs: 250,
    restartMaxMs: 15_000,
    /** One that ran this long starts again after the shortest pause. */
    steadyAfterMs: 30_000,
    /** A log beyond this is moved aside. */
    logBytesMax: 32 * MiB,
    logCheckEveryMs: 10_000,
  },
  certificate: {
    rootLifetimeMs: 10 * 365 * 86_400_000,
    issuerLifetimeMs: 365 * 86_400_000,
    /** X.509-SVIDs; renewed from one third of it on. */
    leafLifetimeMs: 24 * 3_600_000,
    renewAtShare: 1 / 3,
    /** Failed renewals: full jitter up to a bound that doubles from base to max. */
    renewBackoffBaseMs: 1_000,
    renewBackoffMaxMs: 60_000,
    /** Backdating against clocks that are behind. */
    backdateMs: 5 * 60_000,
  },
} as const;
