/** Answers by gRPC-Web (PROTOCOL-WEB.md of gRPC) for those who read their messages; `grpc-frames.ts` is for those who pass them on. */

import { limits } from "../limits.ts";
import type { FieldList } from "./field-list.ts";
import { FRAME_HEAD_BYTES, grpcFrame, TRAILERS_FLAG } from "./grpc-answer.ts";
import { COMPRESSED_FLAG, frameFault, parseTrailersFrame } from "./grpc-frames.ts";
import { joinBytes } from "./join-bytes.ts";

/** A part of an answer. */
export type GrpcWebFrame =
  | { readonly kind: "message"; readonly bytes: Uint8Array; readonly isCompressed: boolean }
  | { readonly kind: "trailers"; readonly fields: FieldList };

/** Plain state of reading one answer. */
export interface FrameReading {
  /** What has come of a frame that is not whole. */
  readonly pieces: Uint8Array[];
  bytes: number;
  /** Nothing may follow trailers. */
  isOver: boolean;
}

export const newFrameReading = (): FrameReading => ({ pieces: [], bytes: 0, isOver: false });

/** A message as content of a request. */
export const grpcWebMessage = (message: Uint8Array): Uint8Array => grpcFrame(0, message);

/**
 * Takes what has come.
 * @param bytesMax of one message; trailers have as much as a head
 * @returns the frames that are whole with it, or why the answer has no meaning
 */
export function readFrames(reading: FrameReading, chunk: Uint8Array, bytesMax: number): GrpcWebFrame[] | string {
  reading.pieces.push(chunk);
  reading.bytes += chunk.byteLength;
  const frames: GrpcWebFrame[] = [];
  while (reading.bytes >= FRAME_HEAD_BYTES) {
    const head = firstBytes(reading, FRAME_HEAD_BYTES);
    const length = new DataView(head.buffer, head.byteOffset).getUint32(1);
    const most = head[0] === TRAILERS_FLAG ? limits.http.headBytesMax : bytesMax;
    if (length > most) return `a frame of ${length} bytes: it has at most ${most}`;
    if (reading.isOver) return "a frame after the trailers";
    if (reading.bytes < FRAME_HEAD_BYTES + length) break;
    const whole = firstBytes(reading, FRAME_HEAD_BYTES + length).subarray(0, FRAME_HEAD_BYTES + length);
    drop(reading, whole.byteLength);
    const [flags = 0] = whole;
    if (flags === TRAILERS_FLAG) {
      const fields = parseTrailersFrame(whole);
      if (fields === undefined) return "trailers that are no fields";
      reading.isOver = true;
      frames.push({ kind: "trailers", fields });
    } else if (flags > COMPRESSED_FLAG) return frameFault(flags);
    else
      frames.push({
        kind: "message",
        bytes: whole.subarray(FRAME_HEAD_BYTES),
        isCompressed: flags === COMPRESSED_FLAG,
      });
  }
  return frames;
}

/** Puts the pieces together as far as they are needed. */
function firstBytes(reading: FrameReading, bytes: number): Uint8Array {
  const [first] = reading.pieces;
  if (first !== undefined && first.byteLength >= bytes) return first;
  const joined = joinBytes(reading.pieces, reading.bytes);
  reading.pieces.splice(0, reading.pieces.length, joined);
  return joined;
}

function drop(reading: FrameReading, bytes: number): void {
  const [first] = reading.pieces;
  if (first === undefined) return;
  reading.bytes -= bytes;
  if (first.byteLength === bytes) reading.pieces.shift();
  else reading.pieces[0] = first.subarray(bytes);
}
