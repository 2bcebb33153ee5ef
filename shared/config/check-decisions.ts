/** Checks of decision points, and of what routes ask of them. */
import { HOP_BY_HOP } from "../http/header-names.ts";
import { paramsOf } from "../route/parse-path.ts";
import { checkParts } from "./check-introspection.ts";
import { unknownName } from "./check-mesh.ts";
import { checkTransport } from "./check-transport.ts";
import type { Cursor } from "./cursor.ts";
import { matchPattern } from "./match-pattern.ts";
import { nearestName } from "./nearest-name.ts";
import { type DocumentProblem, error } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { holesOf, parseTemplate } from "./template.ts";

const OWN_FIELDS = new Set([...HOP_BY_HOP, "host", "content-length", "content-type", "accept", "x-request-id"]);

export function checkDecisions(top: Cursor): DocumentProblem[] {
  const points = top.get("gateway", "decisions");
  return [
    ...points.entries.flatMap(([, point]) => checkPoint(point.get("authzen"))),
    ...top.get("gateway", "routes").items.flatMap((route) => checkDecision(route, points.keys)),
  ];
}

function checkPoint(authzen: Cursor): DocumentProblem[] {
  const url = authzen.get("url");
  const fields = authzen
    .get("headers")
    .entries.flatMap(([name, { path }]) =>
      OWN_FIELDS.has(name.toLowerCase())
        ? [error("SLV3009", path, `the header ${name.toLowerCase()} is set by the gateway`, { at: "key" })]
        : [],
    );
  return [...checkTransport(url, "questions and their answers are sent"), ...checkParts(url), ...fields];
}

function checkDecision(route: Cursor, points: readonly string[]): DocumentProblem[] {
  const decision = route.get("auth", "decision");
  if (!decision.exists) return [];
  const by = decision.text === undefined ? decision.get("by") : decision;
  const problems: DocumentProblem[] = [];
  if (by.text !== undefined && !points.includes(by.text))
    problems.push(unknownName("SLV3002", "decision point", by.value, points, by.path));
  if (route.get("auth", "optional").value === true)
    problems.push(
      error("SLV3009", decision.path, "a decision is about somebody: leave `optional` or `decision` out", {
        at: "key",
      }),
    );
  return [...problems, ...textsOf(decision).flatMap((filling) => checkFilling(filling, route))];
}

function textsOf(decision: Cursor): Cursor[] {
  if (decision.text !== undefined) return [];
  const entities = ["subject", "action", "resource"].map((name) => decision.get(name));
  return [
    ...entities.flatMap((entity) => [entity.get("type"), entity.get("id"), entity.get("name")]),
    ...[...entities.map((entity) => entity.get("properties")), decision.get("context")].flatMap(({ entries }) =>
      entries.map(([, value]) => value),
    ),
  ].filter(({ text }) => text !== undefined);
}

function checkFilling(filling: Cursor, route: Cursor): DocumentProblem[] {
  const { text = "", path } = filling;
  const { parts, fault } = parseTemplate(text);
  if (fault !== undefined) return [error("SLV2001", path, `${quote(text)} is not a template: ${fault}`)];
  return holesOf(parts).flatMap((hole) => {
    const expected = refuseHole(hole, route);
    if (expected === undefined) return [];
    const [root = "", member = "", ...rest] = hole;
    const members = MEMBERS[root] ?? [];
    const near = MEMBERS[root] === undefined ? nearestName(root, ROOTS) : nearestName(member, members);
    const meant = MEMBERS[root] === undefined ? [near, member, ...rest] : [root, near, ...rest];
    return [
      error("SLV3004", path, `{${hole.join(".")}}: there is no such value`, {
        expected,
        ...(near !== undefined && { suggestion: `{${meant.filter((name) => name !== "").join(".")}}` }),
      }),
    ];
  });
}

/** Members that are values, by the first name of a hole. `claims` and `headers` need one more name. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  identity: ["sub", "issuer", "method", "consumer", "plan", "scopes", "groups", "claims"],
  request: ["method", "host", "path", "ip", "headers"],
  path: [],
  query: [],
};
const ROOTS = Object.keys(MEMBERS);
const CONTAINERS = ["claims", "headers"];

/** @returns what could stand there, where the hole names nothing */
function refuseHole([root = "", member, ...rest]: readonly string[], route: Cursor): string | undefined {
  if (root === "query") return member !== undefined && rest.length === 0 ? undefined : "{query.NAME}";
  if (root === "path") {
    const { pattern } = matchPattern(route);
    const params = pattern === undefined ? undefined : paramsOf(pattern);
    if (params === undefined || (member !== undefined && rest.length === 0 && params.includes(member)))
      return undefined;
    return params.map((name) => `{path.${name}}`).join(" or ") || "a path without parameters has none";
  }
  const members = Object.hasOwn(MEMBERS, root) ? MEMBERS[root] : undefined;
  if (members === undefined) return ROOTS.map((name) => `{${name}.NAME}`).join(", ");
  const isKnown = member !== undefined && members.includes(member);
  const names = CONTAINERS.includes(member ?? "") ? isNamed(member, rest) : rest.length === 0;
  if (isKnown && names) return undefined;
  return members.map((name) => `{${root}.${name}${CONTAINERS.includes(name) ? ".NAME" : ""}}`).join(", ");
}

/** Header fields are told in lower case and have no members of their own. */
function isNamed(container: string | undefined, [name, ...rest]: readonly string[]): boolean {
  if (name === undefined) return false;
  return container === "claims" || (rest.length === 0 && name === name.toLowerCase());
}
