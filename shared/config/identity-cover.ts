/** What routes ask of who calls, compared. */
import { IDENTITY_TEXTS } from "../auth/identity-match.ts";
import type { Cursor } from "./cursor.ts";

/** Names to accepted texts: one of them must hold. */
type Asked = ReadonlyMap<string, ReadonlySet<string>>;

/** @param identity of a route's match; what is not there asks for nothing */
function askedBy(identity: Cursor): Asked {
  const asked = new Map<string, ReadonlySet<string>>();
  for (const scope of identity.get("scopes").texts) asked.set(`scope ${scope}`, new Set());
  for (const [name, accepted] of identity.get("claims").entries) asked.set(`claim ${name}`, valuesOf(accepted));
  for (const member of ["groups", ...IDENTITY_TEXTS])
    if (identity.get(member).exists) asked.set(member, valuesOf(identity.get(member)));
  return asked;
}

const valuesOf = (accepted: Cursor): Set<string> =>
  new Set(accepted.oneOrItems.map(({ value }) => JSON.stringify(value)));

/** Whether who meets what `inner` asks for meets what `outer` does, as far as it can be proven. */
export function coversIdentity(outer: Cursor, inner: Cursor): boolean {
  const [wide, narrow] = [askedBy(outer), askedBy(inner)];
  // What it asks for cannot be read: that is told elsewhere.
  if (outer.exists && wide.size === 0) return false;
  return [...wide].every(([name, accepted]) => {
    const own = narrow.get(name);
    return own !== undefined && [...own].every((text) => accepted.has(text));
  });
}
