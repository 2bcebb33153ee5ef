/** Bounds of the control plane, and of messages between processes. */

const KiB = 1024;
const MiB = 1024 * KiB;

export const control = {
  /** One message on an agent's socket. */
  messageBytesMax: 8 * MiB,
  /** Document as text. */
  documentBytesMax: 2 * MiB,
  /** Pings answered by the platform without waking the hub. */
  pingEveryMs: 5_000,
  /** An endpoint is withdrawn when its agent was not heard for this long. */
  endpointLeaseMs: 20_000,
  /** A socket that closed without a goodbye keeps its endpoint this long, so that a reconnect is no change: longer than `returnPauseMs`. */
  reconnectGraceMs: 5_000,
  /**
   * Reconnects: full jitter up to a bound that doubles from base to max. Long enough that agents do not all come in the first seconds
   * after an outage, short against the lease that endpoints have then.
   */
  reconnectBaseMs: 250,
  reconnectMaxMs: 8_000,
  /** The first pause after a connection that was there, at most: all agents lose theirs at once when the control plane restarts. */
  returnPauseMs: 4_000,
  /**
   * A hub that was restarted takes the agents that it knows over this time, so that they are three times the load of the same
   * agents at rest at most; a few of them with this long between two at most.
   */
  returnSpreadMs: 12_000,
  returnGapMaxMs: 200,
  /** Who would wait for less comes at once; and by so much one may come before its time. */
  returnAtOnceMs: 100,
  returnEarlyMs: 100,
  /** An agent waits for no longer, whatever a hub says. */
  retryAfterMaxMs: 60_000,
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
  /** One message of an agent to the hub: a hello names the revision of each service that it calls. */
  agentMessageBytesMax: 128 * KiB,
  /** An agent that connects says `hello` within this time. */
  helloWaitMs: 10_000,
  /** Instances that a hub, and the registry of one service, know at once; and the labels of one. */
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
  /** How long the API believes that the keys which a gateway holds are still the current ones. */
  gatewayKeysFreshMs: 1_000,
  /** Join tokens that wait for use at once. */
  joinTokensMax: 10_000,
  /** Revocations known at once, and their text together: gateways get all of them whenever one changes. */
  revocationsMax: 5_000,
  revocationBytesMax: 1 * MiB,
  /** How long a revocation lasts unless asked otherwise, and at most: it must outlive the tokens that it is about. */
  revocationLifetimeMs: 24 * 3_600_000,
  revocationLifetimeMaxMs: 366 * 86_400_000,
  /** Tokens of the API that are remembered at once: they are listed and revoked by their ids. */
  tokensMax: 10_000,
  /** A token's life unless asked otherwise, and at most. */
  tokenLifetimeMs: 12 * 3_600_000,
  tokenLifetimeMaxMs: 366 * 86_400_000,
  /** Owners that one token acts for, and how far a token may be from the first that it was made by way of. */
  tokenOwnersMax: 16,
  tokenDepthMax: 8,
  /**
   * Refused calls that the audit log takes: so many at once, then so many an hour of each kind, the rest is counted, so that whoever
   * tries forged tokens does not push out what was done. An isolate of the API passes on five times as many an hour.
   */
  refusalsAtOnce: 20,
  refusalsPerHour: 12,
  refusalsToldPerHour: 60,
  /** Entries of one page of the audit log, unless asked otherwise and at most. */
  auditPage: 100,
  auditPageMax: 1_000,
  /** Places that the summary of a change names; the rest is a number. */
  changedPlacesMax: 50,
  /** An apply that names no version is judged again when another comes first, at most so often. */
  applyAttemptsMax: 8,
  /** Rows of the issuance log and of the audit log that are kept. */
  logRowsKept: 10_000,
  /** A publication that did not reach a hub is tried again after this. */
  publishRetryMs: 1_000,
  /** Hubs unless the Worker's variable `HUBS` says otherwise. */
  hubsDefault: 4,
  /** The most that it may say: a publication and a status ask each of them. */
  hubsMax: 256,
  /** Hubs that are asked or told at a time. */
  hubsAtOnce: 16,
  /** One call between hubs, registries and what tells them. */
  objectCallMs: 5_000,
  /** The registry of a service that is new asks all hubs what they know; who asks it meanwhile waits so long at most. */
  gatherWaitMs: 2_000,
  /** What a hub or a registry owes to another object is tried again after this. */
  owedRetryMs: 1_000,
  /** Between two changes of one service to the same hub, so that many at once travel together. */
  changeGapMs: 50,
  /** Endpoints of a service that left and are still known, so that who was away is told them alone. */
  viewMarksMax: 512,
  /** An instance that drains waits so long for its callers to acknowledge. */
  drainBoundMs: 5_000,
  /** Connections of a hub that have not said hello; more are asked to come back. */
  hellosAtOnceMax: 256,
  /** Each hub tells each registry everything again after this ... */
  hubSyncMs: 300_000,
  /** ... and what a hub said that was silent for this long is over. */
  hubLeaseMs: 900_000,
} as const;

/** Texts in messages between processes. */
export const wire = {
  instanceCharsMax: 128,
  hostCharsMax: 255,
  /** Ids, hashes and MACs. */
  idCharsMax: 64,
  /** A certificate request, a public key and a signature, base64. */
  csrCharsMax: 8 * KiB,
  keyCharsMax: 512,
  signatureCharsMax: 128,
  /** A certificate of an SVID, and the signature by its key, which may be RSA of 4,096 bits; base64. */
  certificateCharsMax: 12 * KiB,
  svidProofCharsMax: 1 * KiB,
  /** Name of a secret, as in `${secret:NAME}`. */
  secretNameCharsMax: 128,
  /** Why a plan is refused. */
  refusalCharsMax: 4 * KiB,
  /** Who changes the document, why, and the file's name. */
  authorCharsMax: 256,
  changeReasonCharsMax: 1 * KiB,
  fileCharsMax: 1 * KiB,
} as const;

/** Rotation of the keys that gateways hold: the signing key of Txn-Tokens and the hop key. */
export const keyRotation = {
  /** A current key of this age is replaced by itself. */
  everyMs: 30 * 86_400_000,
  /** A new key waits this long at most for agents that do not have it yet: as long as lost ones are remembered. */
  waitMaxMs: 3_600_000,
  /** How often the authority looks who still lacks a new key. */
  lookEveryMs: 200,
  /** A replaced key is believed for a day, for gateways that cannot reach the control plane and go on with it. */
  keptMs: 86_400_000,
  /** At least this long whatever comes: token life and skew, lease, and what the API believes, with room. */
  keptMinMs: 75_000,
  /** Keys of one kind that are believed at once. */
  keysMax: 16,
  /** Laggards that the status names. */
  namedMax: 20,
  /** After an authority was made anew: gateways go on with the keys of the one before, until agents had the time to come. */
  takeoverMs: 15_000,
  /** For this long agents believe the keys of the authority before. */
  formerKeysMs: 120_000,
} as const;

export const certificate = {
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
} as const;
