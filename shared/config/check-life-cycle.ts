/** Checks of life cycles and versions: times that contradict each other, and what nobody would be told or could ask for. */
import { paramsOf, parsePath } from "../route/parse-path.ts";
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { matchPattern } from "./match-pattern.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { holesOf, parseTemplate } from "./template.ts";

export function checkLifeCycle(route: Cursor): DocumentProblem[] {
  const lifeCycle = route.get("lifecycle");
  if (typeof lifeCycle.value !== "object") return [];
  return [...checkTimes(lifeCycle), ...checkUse(lifeCycle), ...checkSuccessor(route, lifeCycle.get("successor"))];
}

/** Routes of versions, and what they are asked for by. */
export function checkVersions(gateway: Cursor): DocumentProblem[] {
  const versioning = gateway.get("versioning");
  const asking = gateway.get("routes").items.map((route) => route.get("match", "version"));
  const named = asking.filter(({ exists }) => exists);
  if (!versioning.exists)
    return named.map(({ path }) =>
      error("SLV3121", path, "nothing says how requests name a version", {
        at: "key",
        expected: "`versioning` of the gateway",
      }),
    );
  const sources = ["header", "query", "mediaType"].filter((key) => versioning.get(key).exists);
  if (sources.length !== 1)
    return [error("SLV2005", versioning.path, "`versioning` needs exactly one of `header`, `query` and `mediaType`")];
  const byDefault = versioning.get("default");
  const versions = [...new Set(named.flatMap(({ text }) => text ?? []))];
  if (versions.length === 0)
    return [warning("SLV3121", versioning.path, "no route has `match.version`", { at: "key" })];
  if (byDefault.text === undefined || versions.includes(byDefault.text)) return [];
  return [unknownName("SLV3121", "version", byDefault.text, versions, byDefault.path)];
}

function checkTimes(lifeCycle: Cursor): DocumentProblem[] {
  const [deprecated, sunset] = [lifeCycle.get("deprecated"), lifeCycle.get("sunset")];
  const problems: DocumentProblem[] = [];
  if (timeOf(sunset) < timeOf(deprecated))
    problems.push(error("SLV3120", sunset.path, "it ends before it is deprecated (RFC 9745 section 4)"));
  for (const brownout of lifeCycle.get("brownouts").items) {
    const [from, until] = [brownout.get("from"), brownout.get("until")];
    if (timeOf(until) <= timeOf(from)) problems.push(error("SLV3120", until.path, "it is over before it begins"));
    else if (timeOf(from) >= timeOf(sunset) && lifeCycle.get("afterSunset").text !== "serve")
      problems.push(warning("SLV3120", from.path, "it begins after the end, when everything is refused"));
  }
  return problems;
}

/** Not a number where there is no time: it compares with nothing. */
const timeOf = ({ text }: Cursor): number => Date.parse(text ?? "");

function checkUse(lifeCycle: Cursor): DocumentProblem[] {
  const needs = [
    ["docs", "deprecated"],
    ["policy", "sunset"],
    ["afterSunset", "sunset"],
  ] as const;
  const problems: DocumentProblem[] = needs.flatMap(([key, of]) => {
    const one = lifeCycle.get(key);
    if (!one.exists || lifeCycle.get(of).exists) return [];
    return [error("SLV3009", one.path, `\`${key}\` has no meaning without \`${of}\``, { at: "key" })];
  });
  if (lifeCycle.keys.length === 0) problems.push(error("SLV2002", lifeCycle.path, "`lifecycle` says nothing"));
  if (
    lifeCycle.get("brownouts").items.length > 0 &&
    !lifeCycle.get("deprecated").exists &&
    !lifeCycle.get("sunset").exists
  )
    problems.push(
      warning("SLV3120", lifeCycle.get("brownouts").path, "callers are told of neither a deprecation nor an end", {
        at: "key",
      }),
    );
  return problems;
}

/** A path is in the form of `rewrite`; a URL stands as it is. */
function checkSuccessor(route: Cursor, successor: Cursor): DocumentProblem[] {
  const { text } = successor;
  if (text === undefined || !text.startsWith("/")) return [];
  const own = parsePath(text);
  const found = matchPattern(route);
  if (own.pattern === undefined) return [error("SLV2001", successor.path, `this is not a path: ${own.fault}`)];
  if (found.pattern === undefined) return [];
  const known = paramsOf(found.pattern);
  const problems = holesOf(parseTemplate(text).parts)
    .filter(([param]) => param !== undefined && !known.includes(param))
    .map(([param]) => unknownName("SLV3004", "path parameter", param ?? "", known, successor.path));
  if (own.pattern.tail && !found.pattern.tail)
    problems.push(error("SLV3004", successor.path, "`successor` ends in * but `match.path` does not"));
  return problems;
}
