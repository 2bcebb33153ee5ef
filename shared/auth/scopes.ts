/** Scopes of a token: `scope` as text (RFC 9068 section 2.2.3, RFC 8693 section 4.2), else `scp` as text or list. */

/** Each scope once, in order. @param claim the one that holds them, where it is neither of the usual two */
export function scopesOf(claims: Readonly<Record<string, unknown>>, claim?: string): string[] {
  const { scope, scp } = claims;
  const stated = claim !== undefined ? own(claims, claim) : typeof scope === "string" ? scope : scp;
  if (typeof stated === "string") return unique(stated.split(" "));
  if (Array.isArray(stated)) return unique(stated.filter((one) => typeof one === "string"));
  return [];
}

/** Required scopes that are not granted. */
export function missingScopes(granted: readonly string[], required: readonly string[]): string[] {
  return required.filter((scope) => !granted.includes(scope));
}

/** Scope tokens of RFC 6749 section 3.3 only: they travel on in a space-separated claim. */
function unique(scopes: readonly string[]): string[] {
  return [...new Set(scopes.filter((scope) => /^[\x21\x23-\x5B\x5D-\x7E]+$/.test(scope)))];
}

/** A claim by a name that may be any text: what every object has is no claim. */
export function own(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
