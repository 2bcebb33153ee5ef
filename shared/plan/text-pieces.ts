/**
 * A text in pieces for a store whose rows are bounded. No piece ends within a surrogate pair: a store of UTF-8 would keep a
 * replacement character for each half.
 * @param charsMax UTF-16 code units of one piece, at least 2
 * @returns at least one piece, empty for an empty text
 */
export function textPieces(text: string, charsMax: number): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length || at === 0; ) {
    let end = Math.min(text.length, at + charsMax);
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end--;
    pieces.push(text.slice(at, end));
    if (end === text.length) break;
    at = end;
  }
  return pieces;
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
