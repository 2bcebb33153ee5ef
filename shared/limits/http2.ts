/** Bounds of HTTP/2 connections, RFC 9113 and RFC 7541. */

const KiB = 1024;
const MiB = 1024 * KiB;

export const http2 = {
  /** Requests of one connection at a time; more are refused with REFUSED_STREAM. */
  concurrentStreamsMax: 256,
  /** Streams that are assumed to be allowed until the peer has said how many are (section 6.5.2 recommends no less). */
  concurrentStreamsAssumed: 100,
  /** Payload of one frame, both ways: the smallest that may be announced, so that small frames find their turn. */
  frameBytesMax: 16 * KiB,
  /** Payload of one frame of a body that we send: with its head as long as a TLS record, so that it comes whole and is not put together. */
  sentFrameBytesMax: 16 * KiB - 9,
  /** Bytes of one body that may be on their way to us before we have read any of them. */
  streamWindowBytes: 512 * KiB,
  /** The same for all bodies of a connection. */
  connectionWindowBytes: 1 * MiB,
  /** Bytes of a connection that wait for their readers; above this the peer gets no more room. */
  heldBytesMax: 4 * MiB,
  /** Small parts of a body that waits are gathered in pieces of this size. */
  gatheredBytes: 4 * KiB,
  /** Parts of one body that wait to leave, however small. */
  queuedPartsMax: 1_024,
  /** Output that leaves in one write; above this other connections have their turn. */
  flushBytesMax: 64 * KiB,
  /** Output that is put together in the same memory every time. */
  sharedOutputBytes: 128 * KiB,
  /** Payloads from this size on leave without being copied. */
  uncopiedBytesMin: 8 * KiB,
  /** Encoded header block that is read to its end, so that one above `http.headBytesMax` costs its request and not the connection. */
  headerBlockBytesMax: 256 * KiB,
  /** Frames of one header block (section 6.10). */
  continuationsMax: 32,
  /** Frames that bring nothing (PING, SETTINGS, PRIORITY, empty DATA, unknown ones, ...) held against a peer ... */
  idleFramesMax: 1_000,
  /** ... of which so many are forgotten each second. */
  idleFramesForgivenPerSecond: 100,
  /** Streams reset, held against a peer; each one that ends well takes one away. */
  resetsMax: 200,
  resetsForgivenPerSecond: 20,
  /** Dynamic table that peers may use, RFC 7541 section 4.2. */
  headerTableBytes: 4 * KiB,
  /** The same of those whom agents call: without one header blocks do not depend on each other, and equal ones are decoded once. */
  meshHeaderTableBytes: 0,
  /** Header blocks that are remembered decoded, and encoded, by the whole process. */
  rememberedBlocksMax: 256,
  rememberedBlockBytesMax: 1 * KiB,
  /** The same of one connection whose peer has a dynamic table. */
  rememberedBlocksPerConnectionMax: 8,
  /** Ids of closed streams that are remembered, so that late frames are told from wrong ones. */
  closedStreamsMax: 256,
  /** Two-step GOAWAY: how long the answer to the PING between the steps is waited for. */
  drainPingMs: 1_000,
  /** A connection with requests in flight and silent for so long is asked whether it lives ... */
  pingAfterMs: 10_000,
  /** ... and given up after this. */
  pingTimeoutMs: 5_000,
  /** Connections to one endpoint. */
  connectionsPerEndpointMax: 4,
  /** Tunnels (upgrades, TCP) of one connection: all of their windows together are no more than `heldBytesMax`. */
  tunnelsPerConnectionMax: 8,
  /** Connections to one endpoint for tunnels alone. */
  tunnelConnectionsMax: 1_280,
  /** A connection with so many requests in flight, or so many bytes waiting to leave, gets another beside it. */
  busyStreams: 100,
  busyBytes: 256 * KiB,
  /** An idle connection to an endpoint that speaks HTTP/2 is closed after this; below `agent.keepAliveMs`. */
  idleConnectionMs: 50_000,
} as const;
