/**
 * One reading of a path for everybody. What could be read in two ways (by us, and by the upstream behind us) is refused
 * and not repaired: dot segments, encoded separators, empty segments, backslashes, control characters.
 */

export type NormalisedPath =
  | { readonly path: string; readonly refused?: never }
  | { readonly refused: string; readonly path?: never };

const UNSAFE = /[%\\#?"<>^`{|}]|\/\/|\/\.|[^\x21-\x7e]/;
const UNRESERVED = /[A-Za-z0-9._~-]/;
/** Also with parameters behind it (`/..;x/`), which some servers take off before they look at the dots. */
const DOT_SEGMENT = /\/\.\.?(?:\/|;|%3B|$)/;

/**
 * The path with escapes in their normal form (RFC 3986 section 6.2.2): upper-case digits, unreserved characters decoded,
 * those that no path may hold encoded.
 * @param path as it stands in the request target, without query
 * @returns the path, or why it is refused
 */
export function normalisePath(path: string): NormalisedPath {
  if (!path.startsWith("/")) return { refused: "does not begin with /" };
  if (!UNSAFE.test(path)) return { path };
  const fault = faultOf(path);
  if (fault !== undefined) return { refused: fault };
  const decoded = path.replace(/%[0-9A-Fa-f]{2}|["<>^`{|}]/g, normaliseEscape);
  if (DOT_SEGMENT.test(decoded)) return { refused: "contains a . or .. segment" };
  if (!isUtf8(decoded)) return { refused: "is not UTF-8 once decoded" };
  return { path: decoded };
}

function faultOf(path: string): string | undefined {
  if (/[^\x21-\x7e]/.test(path)) return "contains a control character, a space or bytes beyond ASCII";
  if (/[#?]/.test(path)) return "contains # or ?";
  if (path.includes("\\")) return "contains a backslash";
  if (path.includes("//")) return "contains an empty segment";
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return "contains a % that is no escape";
  if (/%2f/i.test(path)) return "contains an encoded /";
  if (/%5c/i.test(path)) return "contains an encoded backslash";
  if (/%(?:[01][0-9A-Fa-f]|7f)/i.test(path)) return "contains an encoded control character";
  return undefined;
}

/** What no path may hold as it is (RFC 3986 section 3.3) is an escape, as URL parsers write it. */
function normaliseEscape(escaped: string): string {
  if (escaped.length === 1) return encodeURIComponent(escaped);
  const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
  return UNRESERVED.test(character) ? character : escaped.toUpperCase();
}

/** Whether the escapes are well-formed UTF-8, so that decoding cannot fail later. */
function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
