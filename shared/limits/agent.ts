/** Bounds of the mesh agent. */

const KiB = 1024;

export const agent = {
  /** Time to reach an endpoint (TCP and TLS). */
  connectTimeoutMs: 2_000,
  requestTimeoutMs: 15_000,
  /** Body kept for a retry; larger ones are sent once. */
  replayBytesMax: 64 * KiB,
  /** Copies of requests to one service that are on their way; more are not made. */
  mirrorsMax: 100,
  /** `mirror` rules of one service. */
  mirrorRulesMax: 20,
  retriesMax: 5,
  retriesDefault: 2,
  /** Retries at once: this share of the requests in flight, but at least the floor. */
  retryBudgetShare: 0.2,
  retryBudgetFloor: 3,
  /** Repetitions that fail before there are no more of them; each success makes `retryBudgetShare` of one good. */
  retriesInVainMax: 10,
  retryBackoffBaseMs: 25,
  retryBackoffMaxMs: 250,
  /** The longest that a document may set either to. */
  retryBackoffMsMax: 60_000,
  /** Without a bound of its own the longest pause is so many first ones. */
  retryBackoffGrowth: 10,
  /** An answer that asks for a longer pause (`Retry-After`) is not tried again, however much time is left. */
  retryAfterMsMax: 60_000,
  /** Requests waiting for a connection to one endpoint. */
  pendingMax: 1_024,
  /** Names by which an application calls, whose reading is remembered. */
  rememberedHostsMax: 256,
  connectionsPerEndpointMax: 100,
  /** Connections accepted by one listener. */
  inboundConnectionsMax: 10_000,
  /** An idle connection to an endpoint is closed after this; below Node's own 5 s. */
  idleConnectionMs: 4_000,
  /** What is taken off the time that a peer says it keeps an idle connection. */
  idleMarginMs: 1_000,
  /** The longest that an idle connection is kept because its peer says that it keeps it. */
  idleHintedMsMax: 60_000,
  /** Of the time after which a peer closed an idle connection, this share is what the others are kept ... */
  idleLearnedShare: 0.7,
  /** ... and that grows by this with each connection that was idle so long without being closed. */
  idleLearnedGrowth: 1.1,
  /** An application that keeps idle connections no longer than this (Node's default) is warned of. */
  keepAliveWarnMs: 5_000,
  /** A service that was called within this time gets connections to its instances ahead ... */
  warmForMs: 300_000,
  /** ... to so many of them. */
  warmEndpointsMax: 10,
  /** Life of a TLS session: what it proves is no older than that. */
  tlsSessionMs: 300_000,
  /** The same towards the application on loopback: below the keep-alive of any common server. */
  appIdleMs: 1_000,
  /** A client that sends no complete head in this time is cut off. */
  headTimeoutMs: 10_000,
  /** A TLS handshake that takes longer is given up. */
  handshakeTimeoutMs: 5_000,
  /** A body of which nothing arrives or leaves for this long, though it could, is broken off. */
  stallTimeoutMs: 60_000,
  /** A caller is broken off so much later: until then the end of a stream that stood still can be told. */
  streamIdleGraceMs: 1_000,
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
  logFlushMs: 50,
  /** From one time that pages of its program are given back to the next: what a second's calls need is mapped anew each time. */
  cleanPagesMs: 60_000,
  /** An answer's body that stands still for this long is broken off. */
  bodyIdleMs: 60_000,
  /** A tunnel (upgrade, TCP) of which nothing arrives for this long is broken off, unless its service says otherwise. */
  tunnelIdleMs: 300_000,
  /** Protocols that the requests of one service may change to. */
  upgradesMax: 16,
  /** The shortest and longest that `streamIdle` of a service may set instead. */
  streamIdleMsMin: 1_000,
  streamIdleMsMax: 86_400_000,
  /** Connections of a listener that a plan has closed may go on for this long: as long as a certificate lives. */
  closedListenerMs: 86_400_000,
  /** A port that could not be had is tried again after this. */
  listenAgainMs: 5_000,
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
  /** Draining goes on until the control plane says that callers know, or for this long where it does not say ... */
  drainUnheardMs: 6_000,
  /** ... or, for those whose callers it does not know, at least this long; and until no request came for `drainQuietMs`. */
  drainMinMs: 1_000,
  drainQuietMs: 500,
  /** After the application ended: how long callers are still answered, so that they go elsewhere. */
  appGoneMs: 2_000,
  /** What an instance said of its load counts for this long. */
  loadFreshMs: 2_000,
} as const;
