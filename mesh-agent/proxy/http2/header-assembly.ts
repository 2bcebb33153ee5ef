/** HEADERS and its CONTINUATION frames become one block (section 4.3), within bounds. */
import { limits } from "../../../shared/limits.ts";
import { ENHANCE_YOUR_CALM, FRAME_SIZE_ERROR, NO_ERROR, PADDED, PROTOCOL_ERROR, WITH_PRIORITY } from "./protocol.ts";

const PRIORITY_BYTES = 5;

export class HeaderAssembly {
  /** Stream of the block in work; 0: none. Nothing else may come before its end. */
  streamId = 0;
  endStream = false;
  /** Where the block, or the part of the frame just looked at, is. */
  bytes: Buffer = Buffer.alloc(0);
  from = 0;
  to = 0;
  readonly #parts: Buffer[] = [];
  #size = 0;

  /** Looks at the payload of a HEADERS frame: leaves where its part of the block is. @returns an error code */
  open(flags: number, streamId: number, bytes: Buffer, from: number, to: number): number {
    let start = from;
    let end = to;
    if ((flags & PADDED) !== 0) {
      if (start === end) return FRAME_SIZE_ERROR;
      end -= bytes[start] as number;
      start++;
      if (end < start) return PROTOCOL_ERROR;
    }
    if ((flags & WITH_PRIORITY) !== 0) {
      if (end - start < PRIORITY_BYTES) return FRAME_SIZE_ERROR;
      if (dependsOn(bytes, start) === streamId) return PROTOCOL_ERROR;
      start += PRIORITY_BYTES;
    }
    this.bytes = bytes;
    this.from = start;
    this.to = end;
    return NO_ERROR;
  }

  /** The block goes on in CONTINUATION frames. */
  begin(streamId: number, endStream: boolean): void {
    this.streamId = streamId;
    this.endStream = endStream;
    this.#parts.length = 0;
    this.#parts.push(Buffer.from(this.bytes.subarray(this.from, this.to)));
    this.#size = this.to - this.from;
  }

  /** @returns an error code */
  add(bytes: Buffer, from: number, to: number): number {
    this.#size += to - from;
    if (this.#size > limits.http2.headerBlockBytesMax || this.#parts.length > limits.http2.continuationsMax)
      return ENHANCE_YOUR_CALM;
    this.#parts.push(Buffer.from(bytes.subarray(from, to)));
    return NO_ERROR;
  }

  /** The block is whole. */
  end(): void {
    this.bytes = Buffer.concat(this.#parts);
    this.from = 0;
    this.to = this.bytes.length;
    this.#parts.length = 0;
    this.streamId = 0;
  }
}

/** Stream that a priority names, which must not be its own (RFC 7540 section 5.3.1); else priorities are not looked at. */
export function dependsOn(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) & 0x7fffffff;
}
