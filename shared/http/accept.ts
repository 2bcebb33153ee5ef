/** What a client would rather have (RFC 9110 section 12.5.1). */

/**
 * The weight of media types in an `Accept` field: by the most specific range that has each of them, 0 for what it excludes.
 * @param accept absent or empty: anything will do
 * @param types without parameters, lower case
 * @returns the greatest of them, from 0 to 1
 */
export function acceptWeight(accept: string | null | undefined, types: readonly string[]): number {
  if (accept === null || accept === undefined || accept.trim() === "") return 1;
  const ranges = accept.split(",").flatMap(readRange);
  return Math.max(...types.map((type) => weightOf(type, ranges)));
}

interface Range {
  readonly type: string;
  readonly weight: number;
}

function readRange(text: string): Range[] {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  if (!/^(?:\*\/\*|[\w!#$&^.+-]+\/(?:\*|[\w!#$&^.+-]+))$/.test(type)) return [];
  const stated = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  const weight = stated === undefined ? 1 : Number(stated);
  return [{ type, weight: weight >= 0 && weight <= 1 ? weight : 0 }];
}

function weightOf(type: string, ranges: readonly Range[]): number {
  const family = `${type.split("/", 1)[0]}/*`;
  for (const wanted of [type, family, "*/*"]) {
    const found = ranges.find((range) => range.type === wanted);
    if (found !== undefined) return found.weight;
  }
  return 0;
}
