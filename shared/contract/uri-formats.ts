/** References of RFC 3986 (appendix A), of RFC 3987 (section 2.2), and templates of RFC 6570 (section 2). */
import { isIpv6 } from "./host-formats.ts";

const PARTS = /^(?:([A-Za-z][A-Za-z\d+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/su;
const ASCII = "A-Za-z\\d._~!$&'()*+,;=:@/?\\-";
/** ucschar and iprivate of RFC 3987; the latter belongs to queries alone. */
const UCS =
  "\\u{A0}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFEF}\\u{10000}-\\u{1FFFD}\\u{20000}-\\u{2FFFD}\\u{30000}-\\u{DFFFD}\\u{E1000}-\\u{EFFFD}";
const PRIVATE = "\\u{E000}-\\u{F8FF}\\u{F0000}-\\u{FFFFD}\\u{100000}-\\u{10FFFD}";
const charsOf = (extra: string): RegExp => new RegExp(`^(?:[${ASCII}${extra}]|%[\\dA-Fa-f]{2})*$`, "u");
const URI_CHARS = charsOf("");
const IRI_CHARS = charsOf(UCS);
const IRI_QUERY_CHARS = charsOf(UCS + PRIVATE);
const AUTHORITY = /^(?:([^@[\]]*)@)?(\[[^[\]]*\]|[^:@[\]/?]*)(?::(\d*))?$/u;
const FUTURE = /^v[\dA-Fa-f]+\.[A-Za-z\d._~!$&'()*+,;=:-]+$/i;
const VARIABLE = "(?:[\\w]|%[\\dA-Fa-f]{2})(?:\\.?(?:[\\w]|%[\\dA-Fa-f]{2}))*(?::[1-9]\\d{0,3}|\\*)?";
const TEMPLATE = new RegExp(
  `^(?:[^\\u0000-\\u0020"'%<>\\\\^\`{|}\\u007F]|%[\\dA-Fa-f]{2}|\\{[+#./;?&=,!@|]?${VARIABLE}(?:,${VARIABLE})*\\})*$`,
  "u",
);

export const isUri = (text: string): boolean => isReference(text, URI_CHARS, URI_CHARS, true);
export const isUriReference = (text: string): boolean => isReference(text, URI_CHARS, URI_CHARS, false);
export const isIri = (text: string): boolean => isReference(text, IRI_CHARS, IRI_QUERY_CHARS, true);
export const isIriReference = (text: string): boolean => isReference(text, IRI_CHARS, IRI_QUERY_CHARS, false);
export const isUriTemplate = (text: string): boolean => TEMPLATE.test(text);

function isReference(text: string, chars: RegExp, queryChars: RegExp, isAbsolute: boolean): boolean {
  const [matched, scheme, authority, path = "", query = "", fragment = ""] = PARTS.exec(text) ?? [];
  if (matched === undefined || (isAbsolute && scheme === undefined)) return false;
  if (authority !== undefined && !isAuthority(authority, chars)) return false;
  if (!isPath(path, scheme, authority)) return false;
  return chars.test(path) && queryChars.test(query) && chars.test(fragment);
}

/** Section 3.3: a path after an authority begins with a slash, one without does not with two, and its first segment is no scheme. */
function isPath(path: string, scheme: string | undefined, authority: string | undefined): boolean {
  if (path.includes("?")) return false;
  if (authority !== undefined) return path === "" || path.startsWith("/");
  return !path.startsWith("//") && (scheme !== undefined || !/^[^/]*:/.test(path));
}

function isAuthority(authority: string, chars: RegExp): boolean {
  const [matched, user = "", host = ""] = AUTHORITY.exec(authority) ?? [];
  if (matched === undefined || !chars.test(user)) return false;
  if (!host.startsWith("[")) return chars.test(host);
  const literal = host.slice(1, -1);
  return isIpv6(literal) || FUTURE.test(literal);
}
