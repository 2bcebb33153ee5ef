const KiB = 1024;
const MiB = 1024 * KiB;

/** Bounds of what documents need beside plans: API descriptions and protobuf descriptors, compiled, each named by its digest. */
export const artifacts = {
  /** One of them, as it travels and as it is stored. */
  bytesMax: 16 * MiB,
  /** Of one document. */
  perDocumentMax: 64,
  /** One file that they are made from. */
  fileBytesMax: 32 * MiB,
  /** A piece of one in a row of SQLite, which holds 2 MB at most on Cloudflare. */
  pieceBytes: 1 * MiB,
  /** How long the control plane keeps what no version names: the time between its upload and the apply. */
  unnamedMs: 3_600_000,
  /** All of those together that no version names. */
  unnamedBytesMax: 256 * MiB,
  /** How long gateways keep one of their own that nobody asks for. */
  keptMs: 30 * 86_400_000,
  /** A use of one is written down at most this often. */
  touchEveryMs: 86_400_000,
  /** One fetch by an isolate, and the wait for the fetch of another request. */
  fetchMs: 5_000,
  /** What could not be had is asked for again after this. */
  retryMs: 1_000,
  /** Different ones of a kind that an isolate remembers: all of one document, or its routes would push out each other's. */
  rememberedMax: 64,
  /** Bytes of all of a kind that it remembers, before they were parsed. */
  rememberedBytesMax: 32 * MiB,
  /** One upload by the CLI. */
  uploadMs: 60_000,
} as const;
