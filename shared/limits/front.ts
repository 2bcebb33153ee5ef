/** Bounds of the front, the listener before a gateway that runs on a machine of one's own. */

const KiB = 1024;

export const front = {
  /** Connections of all listeners together. */
  connectionsMax: 10_000,
  /** Connections of one address, or of one /64 of IPv6; what comes from this machine itself is not counted. */
  connectionsPerAddressMax: 512,
  /** Listeners, and certificates, of one front. */
  listenersMax: 16,
  certificatesMax: 100,
  /** Connections to the gateway; each carries one request at a time. */
  gatewayConnectionsMax: 8_192,
  /** Requests that wait for one of them. */
  pendingMax: 8_192,
  /** An idle connection to the gateway is closed after this; workerd keeps its end for longer. */
  gatewayIdleMs: 10_000,
  /** WebSockets at once: each has a connection to the client, or a part of one, and one to the gateway. */
  tunnelsMax: 8_192,
  /** A call by gRPC whose client neither sends nor reads, though it could, is broken off: streams of clients rest. */
  callIdleMs: 300_000,
  /** A WebSocket on which nothing comes from either side is broken off, unless its route says otherwise. */
  tunnelIdleMs: 300_000,
  /** From the end of a request until the head of its answer: above the longest time that a route may have. */
  answerMs: 3_660_000,
  /** A client's kept-alive connection without a request. */
  keepAliveMs: 75_000,
  /** A body of stated length is looked at this often ... */
  paceWindowMs: 10_000,
  /** ... and has to bring so many bytes in between, as long as the gateway takes them. */
  paceBytesMin: 2_400,
  /** Certificate files are looked at this often for changes. */
  certificateCheckMs: 5_000,
  /** Keys of TLS session tickets live this long, so that a stolen one opens no more. */
  ticketKeyMs: 43_200_000,
  /** On the way out, clients have this long to hear of it before the listeners close. */
  farewellMs: 250,
  /** Requests in flight then have this long, within what the supervisor gives to a first stage. */
  drainMs: 5_500,
  /** Connections that were turned away are told in one line at most this often. */
  turnedAwayEveryMs: 1_000,
  /** Header of the PROXY protocol: with the values that load balancers add, far less than what its length could say. */
  proxyHeaderBytesMax: 4 * KiB,
  /** DER of a client's certificate that is passed on; the gateway reads no larger one. */
  certificateBytesMax: 16 * KiB,
  /** What certificate verification said, in characters. */
  verdictCharsMax: 100,
  /** Path of a Unix socket: 104 bytes with its end on BSD and macOS, 108 on Linux. */
  socketPathBytesMax: 103,
} as const;
