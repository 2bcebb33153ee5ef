/** Whether routes and the contracts that they name are about the same paths: what stands before those of a contract is easily mistaken. */
import type { Contract } from "../contract/contract.ts";
import { validationOf } from "../plan/compile-validation.ts";
import { parsePath } from "../route/parse-path.ts";
import type { PathPattern } from "../route/route-match.ts";
import { type DocumentProblem, warning } from "./problem.ts";
import type { Document } from "./schema.ts";

/** @param contracts by their names in the document, as far as they could be read */
export function checkContractPaths(
  { gateway, mesh }: Document,
  contracts: ReadonlyMap<string, Contract>,
): DocumentProblem[] {
  return (gateway?.routes ?? []).flatMap((route, at) => {
    const { config, of } = validationOf(route, { services: mesh?.services, upstreams: gateway?.upstreams }) ?? {};
    const contract = contracts.get(config?.contract ?? "");
    const path = of === undefined ? route.match.path : (route.rewrite ?? route.match.path);
    const { pattern } = typeof path === "string" ? parsePath(path) : {};
    if (config === undefined || contract === undefined || pattern === undefined) return [];
    const base = config.basePath ?? contract.basePath;
    if (contract.operations.some(({ path }) => canMeet(pattern, base + path))) return [];
    const where = base === "" ? "they have none before them" : `all of them begin with ${base}`;
    const message = `no operation of ${config.contract} has a path that this route`;
    if (of !== undefined)
      return [
        warning("SLV3149", ["gateway", "routes", at, "to"], `${message} asks ${route.to} for: ${where}`, {
          expected: "`rewrite`: the path that it has there, or `validate: false`",
        }),
      ];
    return [
      warning("SLV3149", ["gateway", "routes", at, "validate"], `${message} matches: ${where}`, {
        at: "key",
        expected: "`basePath`: what of the route's path stands before those of the contract",
      }),
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
