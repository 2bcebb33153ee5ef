/** Subsets that no endpoint is in, where the document lists all endpoints, and subsets that nothing names. */
import { agentlessEndpoints } from "./agentless-endpoints.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, warning } from "./problem.ts";

export function checkSubsets(top: Cursor): DocumentProblem[] {
  return top
    .get("mesh", "services")
    .entries.flatMap(([name, service]) =>
      service
        .get("subsets")
        .entries.flatMap(([subset, labels]) => [
          ...checkMembers(subset, labels, agentlessEndpoints(service)),
          ...checkUse(name, subset, labels, service),
        ]),
    );
}

function checkMembers(subset: string, labels: Cursor, endpoints: readonly Cursor[] | undefined): DocumentProblem[] {
  if (endpoints === undefined) return [];
  const isIn = (endpoint: Cursor): boolean =>
    labels.entries.every(([label, { value }]) =>
      label === "zone" ? endpoint.get("zone").value === value : endpoint.get("labels", label).value === value,
    );
  if (endpoints.some(isIn)) return [];
  const text = `no endpoint of \`discovery\` is in the subset ${subset}: requests for it find nobody`;
  return [warning("SLV3247", labels.path, text, { at: "key", expected: "an endpoint with these `labels`" })];
}

function checkUse(service: string, subset: string, labels: Cursor, place: Cursor): DocumentProblem[] {
  const rules = [...place.get("traffic").items, ...place.get("mirror").items];
  if (rules.some((rule) => rule.get("to").text === subset || rule.get("split", subset).exists)) return [];
  const text = `no rule of \`traffic\` or \`mirror\` of ${service} names the subset ${subset}`;
  return [warning("SLV3246", labels.path, text, { at: "key", expected: `\`to: ${subset}\` in a rule` })];
}
