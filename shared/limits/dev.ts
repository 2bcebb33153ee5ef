/** Bounds of `selvage dev` and `selvage test`. */
export const dev = {
  /** Quiet after the last write of a burst until files are read: editors write in several steps. */
  settleMs: 40,
  /** A burst that never ends is read after this time. */
  settleMaxMs: 500,
  /** From a file's disappearance until it counts as gone: editors that write by rename leave such a moment. */
  goneMs: 400,
  /** How often files are looked at where the system tells of no changes: network drives, some containers. */
  pollMs: 1_000,
  /** How long the gateway serves a version without asking for a newer one: no request after this gets the older one. */
  gatewayLeaseMs: 50,
  /** Ports tried after one that is taken. */
  portsTried: 50,
  /** Bytes of the access log that are read at once. */
  logChunkBytes: 256 * 1024,
  /** Lines that `selvage logs` shows of all processes unless asked otherwise, and at most. */
  logLines: 100,
  logLinesMax: 50_000,
  /** Requests whose stub is remembered until their line is written. */
  stubsRemembered: 1_000,
  /** Levels of a schema that a made-up example has. */
  sampleDepthMax: 8,
  /** Size of a test file, in bytes. */
  testFileBytesMax: 1024 * 1024,
  /** Cases of a test file. */
  testCasesMax: 2_000,
  /** One request of `test --live`, until its answer has ended. */
  liveRequestMs: 10_000,
  /** Bytes of an answer that `test --live` reads. */
  liveBodyBytesMax: 1024 * 1024,
} as const;
