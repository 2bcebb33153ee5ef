/** Checks of the gateway's part that a schema cannot state: CORS, hosts. Routes have their own file. */
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export function checkGateway(top: Cursor): DocumentProblem[] {
  const gateway = top.get("gateway");
  const problems = [...checkCors(gateway.get("cors")), ...checkDuplicateHosts(gateway.get("hosts"))];
  if (top.value !== null && typeof top.value === "object" && !gateway.exists && !top.get("mesh").exists)
    problems.push(error("SLV2005", [], "the document has neither `gateway` nor `mesh`"));
  return problems;
}

function checkCors(cors: Cursor): DocumentProblem[] {
  const origins = cors.get("origins");
  if (!origins.texts.includes("*")) return [];
  const problems: DocumentProblem[] = [];
  if (origins.texts.length > 1)
    problems.push(error("SLV3009", origins.path, '"*" already stands for every origin: name it alone'));
  if (cors.get("credentials").value === true)
    problems.push(
      error("SLV3009", cors.get("credentials").path, 'credentials need named origins, not "*" (Fetch standard)'),
    );
  return problems;
}

function checkDuplicateHosts(hosts: Cursor): DocumentProblem[] {
  const seen = new Set<string>();
  return hosts.items.flatMap((host) => {
    const name = host.text?.toLowerCase();
    if (name === undefined) return [];
    if (seen.has(name)) return [warning("SLV3006", host.path, `the host ${quote(name)} is listed twice`)];
    seen.add(name);
    return [];
  });
}
