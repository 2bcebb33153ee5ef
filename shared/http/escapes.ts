/** Percent-encoding (RFC 3986 section 2.1) of text in UTF-8, decoded once. */

/** @returns undefined for an escape that is none, and for what is no UTF-8 */
export function decodeEscapes(text: string): string | undefined {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** A name or value of a form (`application/x-www-form-urlencoded`), in which `+` is a space. @returns as `decodeEscapes` */
export function decodeField(text: string): string | undefined {
  return decodeEscapes(text.includes("+") ? text.replaceAll("+", " ") : text);
}
