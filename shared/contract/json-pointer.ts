/** JSON pointers (RFC 6901). */

/** @param keys from the top; "" is the whole */
export function pointerOf(keys: readonly (string | number)[]): string {
  let pointer = "";
  for (const key of keys) pointer += `/${escapeKey(String(key))}`;
  return pointer;
}

export const escapeKey = (key: string): string =>
  key.includes("~") || key.includes("/") ? key.replaceAll("~", "~0").replaceAll("/", "~1") : key;
