/** Checks of what stands in the braces of a part, and of what its condition names. */
import { limits } from "../limits.ts";
import { normalisePath } from "../route/normalise-path.ts";
import { checkIdentityHole, checkRequestHole } from "./check-holes.ts";
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { parseValueText } from "./json-template.ts";
import { nearestName } from "./nearest-name.ts";
import { callsOf, conditionNames, declaresOtherMethods, holesOfPart, type PartHole } from "./part-call.ts";
import { type DocumentProblem, error, type Path } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export function checkPartHoles(route: Cursor, part: Cursor, aggregate: Cursor): DocumentProblem[] {
  const { holes, faults } = holesOfPart(part);
  const problems = faults.map(({ path, message, expected }) =>
    error("SLV2001", path, message, expected === undefined ? {} : { expected }),
  );
  const inLoop = part.get("forEach").exists;
  return [
    ...problems,
    ...checkPaths(part),
    ...holes.flatMap((hole) => checkHole(hole, route, aggregate, inLoop && hole.perItem)),
    ...checkNames(part, route, aggregate),
  ];
}

/** A path is made of single values, and has to be one whatever they are. */
function checkPaths(part: Cursor): DocumentProblem[] {
  return callsOf(part).flatMap(({ at, split }) => {
    if (split === undefined) return [];
    const { parts, fault } = parseValueText(split.path);
    if (fault !== undefined) return [];
    const plural = parts.find(
      (piece) => typeof piece !== "string" && (piece.includes("*") || piece.at(-1)?.endsWith("?")),
    );
    if (plural !== undefined && typeof plural !== "string")
      return [
        error("SLV2001", at.path, `{${plural.join(".")}}: a path needs exactly one value here`, {
          expected: "lists and what may be missing in `query`",
        }),
      ];
    const example = parts.map((piece) => (typeof piece === "string" ? piece : "x")).join("");
    const { refused } = normalisePath(example.split("?", 1)[0] ?? "");
    return refused === undefined
      ? []
      : [error("SLV2001", at.path, `${quote(split.path)} is not a path: it ${refused}`)];
  });
}

/** One hole of a part or of the answer. @param inLoop whether `item` and `index` have a meaning there */
export function checkHole(
  { names, path }: Pick<PartHole, "names" | "path">,
  route: Cursor,
  aggregate: Cursor,
  inLoop: boolean,
): DocumentProblem[] {
  const plain = names.map((name) => name.replace(/\?$/, ""));
  const [root = ""] = plain;
  if (names.length > limits.aggregate.pathNamesMax)
    return [error("SLV2001", path, `{${plain.join(".")}} has more than ${limits.aggregate.pathNamesMax} names`)];
  if (aggregate.keys.includes(root)) return checkPicked(plain, path, aggregate.get(root));
  if (inLoop && (root === "item" || (root === "index" && plain.length === 1))) return [];
  if (root === "identity") return checkIdentity(plain, path, route);
  if (root === "query" || root === "path") return checkRequestHole(plain, path, route);
  if (root === "body") return checkBody(plain, path, route);
  const known = [...aggregate.keys, "identity", "path", "query", "body", ...(inLoop ? ["item", "index"] : [])];
  const near = nearestName(root, known);
  return [
    error("SLV3004", path, `{${plain.join(".")}}: nothing is called ${quote(root)} here`, {
      expected: `one of ${known.join(", ")}`,
      ...(near !== undefined && { suggestion: `{${[near, ...plain.slice(1)].join(".")}}` }),
    }),
  ];
}

function checkIdentity(names: readonly string[], path: Path, route: Cursor): DocumentProblem[] {
  if (route.get("auth").exists) return checkIdentityHole(names, path);
  const message = "the route has no `auth`, so there is no identity";
  return [error("SLV3004", path, `{${names.join(".")}}: ${message}`, { expected: "a route with `auth`" })];
}

function checkBody(names: readonly string[], path: Path, route: Cursor): DocumentProblem[] {
  if (declaresOtherMethods(route)) return [];
  return [
    error("SLV3004", path, `{${names.join(".")}}: the route takes no request with a body`, {
      expected: "`match.methods` with POST or the like",
    }),
  ];
}

/** What `pick` leaves out is not there for others either. */
function checkPicked(names: readonly string[], path: Path, source: Cursor): DocumentProblem[] {
  const kept = source.get("pick").texts;
  const member = source.get("forEach").exists ? names[2] : names[1];
  if (kept.length === 0 || member === undefined || member === "*") return [];
  if (kept.some((one) => one === member || one.split(".", 1)[0] === member || one.startsWith("*"))) return [];
  const near = nearestName(member, kept);
  return [
    error("SLV3100", path, `{${names.join(".")}}: \`pick\` of ${quote(names[0] ?? "")} leaves ${quote(member)} out`, {
      expected: `one of ${kept.join(", ")}`,
      ...(near !== undefined && { suggestion: near }),
    }),
  ];
}

const CONDITION_ROOTS: readonly string[] = ["identity", "path", "query", "body", "request", "status"];

function checkNames(part: Cursor, route: Cursor, aggregate: Cursor): DocumentProblem[] {
  const when = part.get("when");
  const { names, statusOf } = conditionNames(part);
  const unknown = statusOf.filter((name) => !aggregate.keys.includes(name));
  const asked = unknown.map((name) => unknownName("SLV3004", "part", name, aggregate.keys, when.path));
  const named = names.flatMap((name) => {
    if (name === "body" && !aggregate.keys.includes(name)) return checkBody([name], when.path, route);
    if (aggregate.keys.includes(name) || CONDITION_ROOTS.includes(name)) return [];
    const known = [...aggregate.keys, ...CONDITION_ROOTS];
    const near = nearestName(name, known);
    return [
      error("SLV3004", when.path, `the condition names ${quote(name)}, and nothing is called so here`, {
        expected: `one of ${known.join(", ")}`,
        ...(near !== undefined && { suggestion: near }),
      }),
    ];
  });
  const afters = part.get("after").items.filter(({ text }) => text !== undefined && !aggregate.keys.includes(text));
  const awaited = afters.map(({ text, path }) => unknownName("SLV3004", "part", text, aggregate.keys, path));
  return [...named, ...asked, ...awaited];
}
