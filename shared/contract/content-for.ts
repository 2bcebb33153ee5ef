import type { ContractContent } from "./contract.ts";

/** The first of the contents that takes the type; more specific ones come first. */
export const contentFor = (contents: readonly ContractContent[], type: string): ContractContent | undefined =>
  contents.find(({ mediaType }) => isIn(mediaType, type));

function isIn(range: string, type: string): boolean {
  if (range === type || range === "*/*") return true;
  return range.endsWith("/*") && type.startsWith(range.slice(0, -1));
}
