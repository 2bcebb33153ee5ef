/** Bounds of JSON over HTTP to gRPC. Not a part of `limits`, which the gateway starts with: few plans need them. */
export const transcode = {
  /** A descriptor as it is shipped: the APIs of a large company in one file. */
  descriptorBytesMax: 4 * 1024 * 1024,
  /** Descriptors of a document. */
  descriptorsMax: 64,
  servicesMax: 256,
  /** Messages within each other on the way to a field that a path or query names. */
  fieldDepthMax: 32,
  /** Query parameters that are bound to fields. */
  parametersMax: 512,
  ignoredMax: 100,
  /** One message, either way: what servers of gRPC take by default. */
  messageBytesMax: 4 * 1024 * 1024,
  /** JSON that is made of one message, in characters: four times what the message may have. */
  printedCharsMax: 16 * 1024 * 1024,
  /** The same of one detail of a status, which is shown as its bytes beyond it. */
  detailCharsMax: 64 * 1024,
  /** Trailers of one answer. */
  trailersBytesMax: 64 * 1024,
  /** Details of one status that are shown. */
  detailsMax: 32,
  /** How long a stream's head waits for its first message, since a refusal that comes first has a status of its own. */
  firstMessageMs: 1_000,
} as const;
