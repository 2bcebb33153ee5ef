/** How a call by gRPC-Web ended whose answer has been read whole (PROTOCOL-WEB.md of gRPC). */
import { limits } from "../limits.ts";
import { bytesOfBase64 } from "./base64.ts";
import type { FieldList } from "./field-list.ts";
import { newFrameReading, readFrames } from "./grpc-web-frames.ts";
import { joinBytes } from "./join-bytes.ts";
import { utf8Text } from "./utf8-text.ts";

/** @returns what its last frame says; undefined where that is none of trailers */
export function endingOf(content: Uint8Array, isText: boolean): FieldList | undefined {
  const bytes = isText ? bytesOfPieces(content) : content;
  const frames = bytes && readFrames(newFrameReading(), bytes, limits.idempotency.answerBytesMaxMax);
  if (frames === undefined || typeof frames === "string") return undefined;
  const last = frames.at(-1);
  return last?.kind === "trailers" ? last.fields : undefined;
}

/** Content in base64 is pieces one behind the other, each padded by itself. */
function bytesOfPieces(content: Uint8Array): Uint8Array | undefined {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (const text of utf8Text(content)?.match(/[^=]+={0,2}/g) ?? []) {
    const piece = bytesOfBase64(text);
    if (piece === undefined) return undefined;
    pieces.push(piece);
    length += piece.byteLength;
  }
  return joinBytes(pieces, length);
}
