/** Bounds of `tracestate`; read by every request that has one. */
export const traceState = {
  /** Of all its members together, W3C Trace Context section 3.3.1.5: at least 512 are passed on. */
  charsMax: 512,
  /** Section 3.3.1.1. */
  membersMax: 32,
  /** Members that are longer go first where all together are too long, section 3.3.1.5. */
  memberCharsMax: 128,
} as const;
