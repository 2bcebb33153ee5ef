/**
 * Where a string of JSON ends (RFC 8259 section 7).
 * @param from index of its first quote
 * @returns index of the last one; the text's length when there is none
 */
export function endOfJsonString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at;
  }
  return text.length;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
