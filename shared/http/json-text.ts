const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** A string in JSON (RFC 8259 section 7), as `JSON.stringify` has it; what is plain ASCII, as nearly all is in a log, at less cost. */
export function jsonText(text: string): string {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return JSON.stringify(text);
  }
  return `"${text}"`;
}
