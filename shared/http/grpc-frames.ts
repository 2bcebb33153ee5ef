/**
 * Frames of gRPC's content (PROTOCOL-HTTP2.md of gRPC, `Length-Prefixed-Message`): an octet of flags, four of the length, the message.
 * By gRPC-Web (PROTOCOL-WEB.md) an answer ends with one more, whose flags say that it holds the trailers.
 */
import { FieldList } from "./field-list.ts";
import { FRAME_HEAD_BYTES, TRAILERS_FLAG } from "./grpc-answer.ts";

/** The one flag that a message may have: it is compressed. */
export const COMPRESSED_FLAG = 1;

/** Where a reader is; frames begin and end wherever in its pieces. */
export interface FrameState {
  /** Octets of a frame's head that were read. */
  headBytes: number;
  /** What they say so far of its length. */
  length: number;
  /** Octets of the message that are still to come. */
  leftBytes: number;
}

export const newFrames = (): FrameState => ({ headBytes: 0, length: 0, leftBytes: 0 });

/**
 * Reads on, as far as there are messages; `state` is updated.
 * @returns how many of the octets belong to messages: all, or fewer where a frame begins that is none
 */
export function stepFrames(state: FrameState, bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    if (state.leftBytes > 0) {
      const taken = Math.min(state.leftBytes, bytes.length - at);
      state.leftBytes -= taken;
      at += taken;
      continue;
    }
    const byte = bytes[at] as number;
    if (state.headBytes > 0) state.length = state.length * 256 + byte;
    else if (byte > COMPRESSED_FLAG) return at;
    at++;
    if (++state.headBytes < FRAME_HEAD_BYTES) continue;
    state.leftBytes = state.length;
    state.headBytes = 0;
    state.length = 0;
  }
  return at;
}

/** Whether no frame is begun. */
export const isBetweenFrames = ({ headBytes, leftBytes }: FrameState): boolean => headBytes === 0 && leftBytes === 0;

/** Why a frame is no message. @param flags its first octet */
export function frameFault(flags: number): string {
  if (flags === TRAILERS_FLAG) return "a frame of trailers";
  if (flags === (TRAILERS_FLAG | COMPRESSED_FLAG)) return "a frame of compressed trailers";
  return `a frame with the flags 0x${flags.toString(16).padStart(2, "0")}`;
}

const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Around a value (RFC 9110 section 5.6.3). */
const isSpace = (char: string | undefined): boolean => char === " " || char === "\t";

/**
 * The frame of trailers that ends an answer.
 * @param frame from its flags to the end of the answer
 * @returns undefined: it is no such frame, not whole, more than it, or has lines that are no fields
 */
export function parseTrailersFrame(frame: Uint8Array): FieldList | undefined {
  if (frame.length < FRAME_HEAD_BYTES || frame[0] !== TRAILERS_FLAG) return undefined;
  const { buffer, byteOffset, byteLength } = frame;
  if (new DataView(buffer, byteOffset, byteLength).getUint32(1) !== byteLength - FRAME_HEAD_BYTES) return undefined;
  const text = Array.from(frame.subarray(FRAME_HEAD_BYTES), (octet) => String.fromCharCode(octet)).join("");
  const fields = new FieldList();
  for (const line of text.split("\r\n")) {
    if (line === "") continue;
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, Math.max(colon, 0)), line.slice(colon + 1)];
    if (!NAME.test(name) || !VALUE.test(value)) return undefined;
    fields.append(name, withoutSpaces(value));
  }
  return fields;
}

/** By hand: patterns for it take time by the square of a run of spaces. */
function withoutSpaces(value: string): string {
  let [from, to] = [0, value.length];
  while (from < to && isSpace(value[from])) from++;
  while (to > from && isSpace(value[to - 1])) to--;
  return value.slice(from, to);
}
