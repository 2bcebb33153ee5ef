import type { Path } from "../config/problem.ts";
import { readGraphqlRequests } from "../policy/graphql-request.ts";
import { type ExplainRequest, type ExplainStep, step } from "./explain-step.ts";
import type { RoutePlan } from "./plan.ts";

/** Content that is in order, in place of one that is not known. */
const SOME = { contentType: "application/json", contentEncoding: undefined, text: '{"query":"{a}"}' };
const NONE = { contentType: undefined, contentEncoding: undefined, text: "" };

/** What a GraphQL service is asked is not judged here; whether a request can ask it anything is, by method and URL. */
export function explainGraphql(
  { graphql }: RoutePlan,
  at: Path,
  { method, query }: Pick<ExplainRequest, "method" | "query">,
): ExplainStep[] {
  if (graphql === undefined) return [];
  const path = [...at, "graphql"];
  const read = readGraphqlRequests({ method, query, ...(method === "POST" ? SOME : NONE) });
  if (read.invalid === undefined)
    return [step("graphql", "note", "its document is judged, of which nothing is known here", path)];
  const code = read.invalid === "method" ? "method_not_allowed" : "graphql_invalid";
  return [step("graphql", graphql.shadow === true ? "would-deny" : "deny", read.reason, path, code)];
}
