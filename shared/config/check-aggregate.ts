/** Checks of composed answers: targets, templates, and parts that wait for each other. */
import { limits } from "../limits.ts";
import { normalisePath } from "../route/normalise-path.ts";
import { paramsOf, parsePath } from "../route/parse-path.ts";
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { nearestName } from "./nearest-name.ts";
import { type DocumentProblem, error, type Path, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { holesOf, parseTemplate, splitPartUrl } from "./template.ts";

/** First names of holes that are not parts. */
export const templateRoots = ["identity", "path", "query"] as const;
const identityMembers = ["sub", "issuer", "method", "consumer", "plan", "claims"];

export function checkAggregate(route: Cursor, services: readonly string[]): DocumentProblem[] {
  const aggregate = route.get("aggregate");
  const parts = aggregate.entries;
  const { aggregatePartsMax } = limits.gateway;
  if (aggregate.exists && typeof aggregate.value === "object" && parts.length === 0)
    return [error("SLV2005", aggregate.path, "`aggregate` has no part")];
  const problems = parts.flatMap(([name, part]) => [
    ...checkPartName(name, part),
    ...checkPartTarget(part, services),
    ...checkHoles(route, part, aggregate.keys),
  ]);
  if (parts.length > aggregatePartsMax)
    problems.push(
      error(
        "SLV1003",
        aggregate.path,
        `an aggregate has at most ${aggregatePartsMax} parts, this one has ${parts.length}`,
      ),
    );
  return [...problems, ...checkMethods(route), ...checkCycles(aggregate)];
}

function checkMethods(route: Cursor): DocumentProblem[] {
  if (!route.get("aggregate").exists) return [];
  return route
    .get("match", "methods")
    .items.filter((method) => method.text !== undefined && method.text !== "GET" && method.text !== "HEAD")
    .map((method) =>
      warning("SLV3009", method.path, `a composed answer takes GET and HEAD only, ${method.text} is refused`),
    );
}

function checkPartName(name: string, part: Cursor): DocumentProblem[] {
  if (!(templateRoots as readonly string[]).includes(name)) return [];
  return [
    error("SLV2004", part.path, `a part cannot be called ${quote(name)}: templates use that name for the request`, {
      at: "key",
    }),
  ];
}

function checkPartTarget(part: Cursor, services: readonly string[]): DocumentProblem[] {
  const get = part.get("get");
  const split = get.text === undefined ? undefined : splitPartUrl(get.text);
  if (split === undefined || !("service" in split.target) || services.includes(split.target.service)) return [];
  return [unknownName("SLV3001", "service or upstream", split.target.service, services, get.path)];
}

function checkHoles(route: Cursor, part: Cursor, parts: readonly string[]): DocumentProblem[] {
  const get = part.get("get");
  const split = get.text === undefined ? undefined : splitPartUrl(get.text);
  if (split === undefined) return [];
  const { parts: template, fault } = parseTemplate(split.path);
  if (fault !== undefined) return [error("SLV2001", get.path, `${quote(split.path)} is not a template: ${fault}`)];
  const example = template.map((piece) => (typeof piece === "string" ? piece : "x")).join("");
  const { refused } = normalisePath(example.split("?", 1)[0] ?? "");
  if (refused !== undefined) return [error("SLV2001", get.path, `${quote(split.path)} is not a path: it ${refused}`)];
  return holesOf(template).flatMap((hole) => checkHole(hole, get.path, route, parts));
}

function checkHole(hole: readonly string[], path: Path, route: Cursor, parts: readonly string[]): DocumentProblem[] {
  const [root = "", member, ...rest] = hole;
  const shown = `{${hole.join(".")}}`;
  const fail = (message: string, expected: string, near?: string): DocumentProblem[] => [
    error("SLV3004", path, `${shown}: ${message}`, {
      expected,
      ...(near !== undefined && { suggestion: `{${near}}` }),
    }),
  ];
  if (parts.includes(root)) return [];
  if (root === "identity") return checkIdentityHole(member, rest, route, fail);
  if (root === "query")
    return member !== undefined && rest.length === 0 ? [] : fail("a query parameter has one name", "{query.NAME}");
  if (root === "path") {
    const pattern = parsePath(route.get("match", "path").text ?? "").pattern;
    const known = pattern === undefined ? undefined : paramsOf(pattern);
    if (known === undefined || (member !== undefined && rest.length === 0 && known.includes(member))) return [];
    const near = nearestName(member ?? "", known);
    const expected =
      known.length === 0 ? "a path without parameters has none" : known.map((name) => `{path.${name}}`).join(" or ");
    return fail("match.path has no such parameter", expected, near && `path.${near}`);
  }
  const near = nearestName(root, [...parts, ...templateRoots]);
  const names = [...templateRoots, ...parts].join(", ");
  return fail(`nothing is called ${quote(root)} here`, `one of ${names}`, near && [near, ...hole.slice(1)].join("."));
}

function checkIdentityHole(
  member: string | undefined,
  rest: readonly string[],
  route: Cursor,
  fail: (message: string, expected: string, near?: string) => DocumentProblem[],
): DocumentProblem[] {
  if (!route.get("auth").exists) return fail("the route has no `auth`, so there is no identity", "a route with `auth`");
  const plain =
    member === "claims"
      ? rest.length > 0
      : member !== undefined && identityMembers.includes(member) && rest.length === 0;
  if (plain) return [];
  const near = nearestName(member ?? "", identityMembers) ?? (member === undefined ? "sub" : `claims.${member}`);
  return fail(
    "an identity has no such member",
    "{identity.sub}, {identity.issuer}, {identity.method}, {identity.consumer}, {identity.plan} or {identity.claims.NAME}",
    `identity.${near}`,
  );
}

/** Parts that a template of this part names. */
export function dependenciesOf(get: string, parts: readonly string[]): string[] {
  const split = splitPartUrl(get);
  if (split === undefined) return [];
  const roots = holesOf(parseTemplate(split.path).parts).map(([root]) => root);
  return parts.filter((name) => roots.includes(name));
}

function checkCycles(aggregate: Cursor): DocumentProblem[] {
  const names = aggregate.keys;
  const waitsFor = new Map(names.map((name) => [name, dependenciesOf(aggregate.get(name, "get").text ?? "", names)]));
  const settled = new Set<string>();
  for (let before = -1; before !== settled.size; ) {
    before = settled.size;
    for (const name of names) if (waitsFor.get(name)?.every((other) => settled.has(other))) settled.add(name);
  }
  const cycle = cycleFrom(
    names.find((name) => !settled.has(name)),
    waitsFor,
    settled,
  );
  if (cycle.length === 0) return [];
  const [first = ""] = cycle;
  return [
    error("SLV3005", [...aggregate.path, first, "get"], `parts wait for each other: ${[...cycle, first].join(" -> ")}`),
  ];
}

/** One cycle among the parts that never settle: following what they wait for must come back. */
function cycleFrom(
  start: string | undefined,
  waitsFor: ReadonlyMap<string, string[]>,
  settled: ReadonlySet<string>,
): string[] {
  const trail: string[] = [];
  for (let name = start; name !== undefined; name = waitsFor.get(name)?.find((other) => !settled.has(other))) {
    const at = trail.indexOf(name);
    if (at >= 0) return trail.slice(at);
    trail.push(name);
  }
  return [];
}
