/** Frames of a WebSocket (RFC 6455 section 5.2), as a client reads and writes them. */

export const TEXT = 1;
const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

export interface Frame {
  readonly opcode: number;
  /** The last of its message. */
  readonly fin: boolean;
  readonly payload: Buffer;
  /** Bytes of all of it. */
  readonly size: number;
}

const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const CONTROL_BYTES_MAX = 125;

/**
 * The frame at the start of some bytes.
 * @param payloadMax bytes that a payload may have
 * @returns undefined: it has not come whole; a word: why no frame of a server is such
 */
export function readFrame(bytes: Buffer, payloadMax: number): Frame | "malformed" | "too_large" | undefined {
  if (bytes.length < 2) return undefined;
  const first = bytes[0] as number;
  const second = bytes[1] as number;
  const opcode = first & 0x0f;
  const fin = (first & FIN) !== 0;
  if ((first & RESERVED) !== 0 || (second & MASKED) !== 0) return "malformed";
  if (opcode >= CLOSE ? opcode > PONG || !fin || second > CONTROL_BYTES_MAX : opcode > BINARY) return "malformed";
  const start = second === 127 ? 10 : second === 126 ? 4 : 2;
  if (bytes.length < start) return undefined;
  const length = second === 127 ? Number(bytes.readBigUInt64BE(2)) : second === 126 ? bytes.readUInt16BE(2) : second;
  if (length > payloadMax) return "too_large";
  const size = start + length;
  return bytes.length < size ? undefined : { opcode, fin, payload: bytes.subarray(start, size), size };
}

/** One whole message or control frame. @param mask four random bytes (section 5.3) */
export function writeFrame(opcode: number, payload: Buffer, mask: Buffer): Buffer {
  const { length } = payload;
  const start = length > 0xffff ? 10 : length > CONTROL_BYTES_MAX ? 4 : 2;
  const bytes = Buffer.alloc(start + mask.length + length);
  bytes[0] = FIN | opcode;
  bytes[1] = MASKED | (start === 10 ? 127 : start === 4 ? 126 : length);
  if (start === 10) bytes.writeBigUInt64BE(BigInt(length), 2);
  else if (start === 4) bytes.writeUInt16BE(length, 2);
  mask.copy(bytes, start);
  for (let at = 0; at < length; at++)
    bytes[start + mask.length + at] = (payload[at] as number) ^ (mask[at & 3] as number);
  return bytes;
}
