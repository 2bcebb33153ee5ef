/** Which bytes may stand where, as tables: one look-up a byte. */

function classOf(text: string, ranges: readonly (readonly [number, number])[]): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of text) table[character.charCodeAt(0)] = 1;
  for (const [from, to] of ranges) table.fill(1, from, to + 1);
  return table;
}

const DIGITS = [0x30, 0x39] as const;
const UPPER = [0x41, 0x5a] as const;
const LOWER = [0x61, 0x7a] as const;

/** `tchar`, RFC 9110 section 5.6.2. */
export const TOKEN = classOf("!#$%&'*+-.^_`|~", [DIGITS, UPPER, LOWER]);

/** Field values: HTAB, SP, VCHAR, obs-text, RFC 9110 section 5.5. */
export const VALUE = classOf("\t", [
  [0x20, 0x7e],
  [0x80, 0xff],
]);

/** The query of a target: visible ASCII but `#`; looser than RFC 3986, as browsers send `|`, `{` and others unescaped. */
export const QUERY = classOf("!", [
  [0x22, 0x22],
  [0x24, 0x7e],
]);

/** The path of a target: as the query, without the backslash, which URL parsers read as a slash. */
export const PATH = QUERY.slice();
PATH[0x5c] = 0;

/** Host names and IPv4 addresses in `Host`: `reg-name` of RFC 3986 section 3.2.2 without escapes and sub-delimiters. */
export const HOST = classOf("-._~", [DIGITS, UPPER, LOWER]);

/** Value of a hexadecimal digit, or -1. */
export const HEX = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  const text = digit.toString(16);
  HEX[text.charCodeAt(0)] = digit;
  HEX[text.toUpperCase().charCodeAt(0)] = digit;
}

export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const ZERO = 0x30;
export const NINE = 0x39;
export const COLON = 0x3a;
export const QUESTION = 0x3f;
