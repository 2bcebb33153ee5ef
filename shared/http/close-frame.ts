/**
 * How one side of a WebSocket says goodbye: finds the Close frame (RFC 6455 section 5.5.1) in a stream of bytes without reading
 * what messages hold. Plain state, stepped by each piece that passes.
 */

export interface CloseReading {
  /** Bytes of the payload that are passed over. */
  toSkip: number;
  /** What has come of a header that is not whole, or of a Close frame that is not. */
  readonly pending: number[];
  /** Whether nothing more is looked for: the frame was found, or this is no WebSocket. */
  isOver: boolean;
  /** Status code of section 7.4; 1005: it came without one. */
  code: number | undefined;
}

export const newCloseReading = (): CloseReading => ({ toSkip: 0, pending: [], isOver: false, code: undefined });

const CLOSE = 0x8;
const NO_STATUS = 1005;
/** Section 5.5: of control frames. */
const CONTROL_LENGTH_MAX = 125;

/** @param chunk of one direction, in order */
export function readForClose(reading: CloseReading, chunk: Uint8Array): void {
  let at = 0;
  while (!reading.isOver && at < chunk.length) {
    if (reading.toSkip > 0) {
      const skipped = Math.min(reading.toSkip, chunk.length - at);
      reading.toSkip -= skipped;
      at += skipped;
    } else {
      reading.pending.push(chunk[at] as number);
      at++;
      readHeader(reading);
    }
  }
}

function readHeader(reading: CloseReading): void {
  const { pending } = reading;
  const [first = 0, second] = pending;
  if (second === undefined) return;
  const short = second & 0x7f;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const maskAt = 2 + lengthBytes;
  const headerBytes = maskAt + (second & 0x80 ? 4 : 0);
  const isClose = (first & 0xf) === CLOSE;
  if (pending.length < headerBytes + (isClose ? Math.min(short, 2) : 0)) return;
  if (isClose) {
    reading.isOver = true;
    if (short <= CONTROL_LENGTH_MAX) reading.code = codeIn(pending, headerBytes, maskAt);
    return;
  }
  reading.toSkip = lengthBytes === 0 ? short : pending.slice(2, maskAt).reduce((sum, byte) => sum * 256 + byte, 0);
  pending.length = 0;
}

function codeIn(frame: readonly number[], at: number, maskAt: number): number {
  if (frame.length < at + 2) return NO_STATUS;
  const isMasked = at > maskAt;
  const byte = (index: number): number => (frame[at + index] ?? 0) ^ (isMasked ? (frame[maskAt + index] ?? 0) : 0);
  return byte(0) * 256 + byte(1);
}
