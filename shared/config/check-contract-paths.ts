/** Whether routes and the contracts that they name are about the same paths: what stands before those of a contract is easily mistaken. */
import type { Contract } from "../contract/contract.ts";
import { parsePath } from "../route/parse-path.ts";
import type { PathPattern } from "../route/route-match.ts";
import { type DocumentProblem, warning } from "./problem.ts";
import type { Document } from "./schema.ts";

/** @param contracts by their names in the document, as far as they could be read */
export function checkContractPaths({ gateway }: Document, contracts: ReadonlyMap<string, Contract>): DocumentProblem[] {
  return (gateway?.routes ?? []).flatMap(({ validate, match }, at) => {
    const contract = contracts.get(validate?.contract ?? "");
    const { pattern } = typeof match.path === "string" ? parsePath(match.path) : {};
    if (validate === undefined || contract === undefined || pattern === undefined) return [];
    const base = validate.basePath ?? contract.basePath;
    if (contract.operations.some(({ path }) => canMeet(pattern, base + path))) return [];
    const where = base === "" ? "they have none before them" : `all of them begin with ${base}`;
    return [
      warning(
        "SLV3149",
        ["gateway", "routes", at, "validate"],
        `no operation of ${validate.contract} has a path that this route matches: ${where}`,
        { at: "key", expected: "`basePath`: what of the route's path stands before those of the contract" },
      ),
    ];
  });
}

/** Whether some path is one of the pattern and of the template as well. */
function canMeet({ segments, tail }: PathPattern, template: string): boolean {
  const pieces = template.slice(1).split("/");
  if (tail ? pieces.length < segments.length : pieces.length !== segments.length) return false;
  return segments.every((segment, at) => {
    const piece = pieces[at] ?? "";
    return !("literal" in segment) || /[{%]/.test(piece) || piece === segment.literal;
  });
}
