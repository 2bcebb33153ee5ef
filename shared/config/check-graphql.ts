/** Checks of `graphql`: routes whose requests cannot be judged, and settings that have no effect. */
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";

const HTTP_METHODS = ["GET", "HEAD", "POST"];

export function checkGraphql(route: Cursor): DocumentProblem[] {
  const graphql = route.get("graphql");
  if (!graphql.exists) return [];
  const problems: DocumentProblem[] = [];
  if (route.get("aggregate").exists)
    problems.push(
      error("SLV3009", graphql.path, "`graphql` has no meaning with `aggregate`, which asks by itself", { at: "key" }),
    );
  const methods = route.get("match", "methods");
  for (const method of methods.items)
    if (method.text !== undefined && !HTTP_METHODS.includes(method.text))
      problems.push(
        warning("SLV3123", method.path, `${method.text} is no method of GraphQL over HTTP: it is refused here`, {
          expected: "GET or POST",
        }),
      );
  if (graphql.get("allow").exists && graphql.get("allow").items.length === 0)
    problems.push(warning("SLV3123", graphql.get("allow").path, "an empty list lets no document pass", { at: "key" }));
  if (graphql.get("costs").exists && !graphql.get("maxCost").exists)
    problems.push(warning("SLV3123", graphql.get("costs").path, "`costs` do nothing without `maxCost`", { at: "key" }));
  return problems;
}
