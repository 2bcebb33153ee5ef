/** JSON pointers (RFC 6901). */

/** @param keys from the top; "" is the whole */
export function pointerOf(keys: readonly (string | number)[]): string {
  let pointer = "";
  for (const key of keys) pointer += `/${escapeKey(String(key))}`;
  return pointer;
}

/** @returns the keys of a pointer, from the top; undefined for what is none */
export function parsePointer(text: string): string[] | undefined {
  if (text === "") return [];
  if (!text.startsWith("/") || /~(?![01])/.test(text)) return undefined;
  return text.slice(1).split("/").map(unescapeKey);
}

export const escapeKey = (key: string): string =>
  key.includes("~") || key.includes("/") ? key.replaceAll("~", "~0").replaceAll("/", "~1") : key;

export const unescapeKey = (key: string): string =>
  key.includes("~") ? key.replaceAll("~1", "/").replaceAll("~0", "~") : key;
