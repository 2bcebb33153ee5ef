import { joinBytes } from "../../../shared/http/join-bytes.ts";

/** An answer's body, read no further than the bound. @throws RangeError when it is longer */
export async function readBytes(response: Response, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    length += piece.byteLength;
    if (length > bytesMax) throw new RangeError(`answer is longer than ${bytesMax} bytes`);
    pieces.push(piece);
  }
  return joinBytes(pieces, length);
}
