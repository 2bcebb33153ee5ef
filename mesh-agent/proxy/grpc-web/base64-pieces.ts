/**
 * Content in base64 as `application/grpc-web-text` has it: pieces one behind the other, each padded by itself, that begin and end
 * wherever in what arrives.
 */
const QUAD = 4;
const OTHER_CHARACTER = /[^A-Za-z0-9+/]/;

export class Base64Decoder {
  /** Fewer than four characters. */
  #rest = "";

  /** Whether all that came is decoded. */
  get isWhole(): boolean {
    return this.#rest === "";
  }

  /** @returns what can be decoded so far; undefined: it is no base64 */
  decode(chunk: Buffer): Buffer | undefined {
    const text = this.#rest + chunk.toString("latin1");
    const whole = text.length - (text.length % QUAD);
    this.#rest = text.slice(whole);
    const octets = Buffer.allocUnsafe((whole / QUAD) * 3);
    let filled = 0;
    for (let from = 0; from < whole; ) {
      const to = endOfPiece(text, from, whole);
      const piece = text.slice(from, to);
      const padding = piece.endsWith("==") ? 2 : piece.endsWith("=") ? 1 : 0;
      if (OTHER_CHARACTER.test(piece.slice(0, piece.length - padding))) return undefined;
      filled += octets.write(piece, filled, "base64");
      from = to;
    }
    return octets.subarray(0, filled);
  }
}

/** A piece ends with the four characters that are padded. */
function endOfPiece(text: string, from: number, whole: number): number {
  const at = text.indexOf("=", from);
  return at < 0 || at >= whole ? whole : at - ((at - from) % QUAD) + QUAD;
}

export class Base64Encoder {
  /** Fewer than three octets. */
  #rest: Buffer = Buffer.alloc(0);

  /** @param ends pads what there is, so that all of it can be read */
  encode(chunk: Uint8Array, ends: boolean): Buffer {
    const octets = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    const whole = ends ? octets.length : octets.length - (octets.length % 3);
    this.#rest = octets.subarray(whole);
    return Buffer.from(octets.toString("base64", 0, whole), "latin1");
  }
}
