/** Checks of what stands in the braces of `identityHeaders` and `context`. */
import { paramsOf } from "../route/parse-path.ts";
import type { Cursor } from "./cursor.ts";
import { matchPattern } from "./match-pattern.ts";
import { nearestName } from "./nearest-name.ts";
import { type DocumentProblem, error, type Path } from "./problem.ts";

const members = ["sub", "issuer", "method", "consumer", "plan", "scopes", "groups"];
const expected = `${members.map((member) => `{identity.${member}}`).join(", ")} or {identity.claims.NAME}`;

/** A hole that names a member of the identity. */
export function checkIdentityHole(hole: readonly string[], path: Path): DocumentProblem[] {
  const [root = "", member = "", ...rest] = hole;
  if (root === "identity" && (member === "claims" ? rest.length > 0 : members.includes(member) && rest.length === 0))
    return [];
  const message = root === "identity" ? "an identity has no such member" : "only the identity can be named here";
  const near = nearestName(member, [...members, "claims"]) ?? (member === "" ? "sub" : `claims.${member}`);
  const suggestion = near === "claims" ? `claims.${rest[0] ?? "NAME"}` : near;
  return [noSuch(hole, path, message, expected, root === "identity" ? `{identity.${suggestion}}` : undefined)];
}

/** A hole that names a parameter of the route's path or of the query. */
export function checkRequestHole(hole: readonly string[], path: Path, route: Cursor): DocumentProblem[] {
  const [root = "", name, ...rest] = hole;
  const one = name !== undefined && rest.length === 0;
  if (root === "query") return one ? [] : [noSuch(hole, path, "a query parameter has one name", "{query.NAME}")];
  const { pattern } = matchPattern(route);
  if (pattern === undefined) return [];
  const known = paramsOf(pattern);
  if (one && known.includes(name)) return [];
  const near = nearestName(name ?? "", known);
  const names = known.map((param) => `{path.${param}}`).join(" or ");
  const hint = near === undefined ? undefined : `{path.${near}}`;
  return [noSuch(hole, path, "match.path has no such parameter", names || "a path without parameters has none", hint)];
}

function noSuch(
  hole: readonly string[],
  path: Path,
  message: string,
  wanted: string,
  suggestion?: string,
): DocumentProblem {
  const details = { expected: wanted, ...(suggestion !== undefined && { suggestion }) };
  return error("SLV3004", path, `{${hole.join(".")}}: ${message}`, details);
}
