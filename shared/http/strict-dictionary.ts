import { type Dictionary, parseDictionary, serializeDictionary } from "structured-headers";

/**
 * A dictionary (RFC 9651 section 3.2) in its canonical form but for white space: parsers let the last of equal names win, and
 * forgive in base64 and numbers, so that two readers could see two fields.
 * @returns or why it is refused
 */
export function readStrictDictionary(field: string, bytesMax: number, membersMax: number): Dictionary | string {
  if (field.length > bytesMax) return `has more than ${bytesMax} bytes`;
  let dictionary: Dictionary;
  try {
    dictionary = parseDictionary(field);
    const canonical = serializeDictionary(dictionary);
    if (canonical !== field && withoutSpace(canonical) !== withoutSpace(field))
      return "has a name twice or is not in canonical form";
  } catch {
    return "is no dictionary";
  }
  if (dictionary.size === 0) return "is empty";
  return dictionary.size > membersMax ? `has more than ${membersMax} members` : dictionary;
}

/** But for what stands in quotes. */
function withoutSpace(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|[ \t]+/g, (part) => (part.startsWith('"') ? part : ""));
}
