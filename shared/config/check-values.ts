/** Checks of templates and expressions in the values of edits, direct answers and error pages. */
import { parseAnswerExpression, parseKeyExpression } from "../auth/condition.ts";
import { parseValueTemplate, singleNames } from "../policy/value-template.ts";
import { checkIdentityHole, checkRequestHole } from "./check-holes.ts";
import type { Cursor } from "./cursor.ts";
import { nearestName } from "./nearest-name.ts";
import { type DocumentProblem, error, type Path, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export interface ValuePlace {
  /** Of the gateway: no route's path is known. */
  readonly route?: Cursor;
  readonly roots: readonly string[];
}

const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  client: ["ip"],
  request: ["id", "method", "host", "path", "query", "scheme"],
  trace: ["id"],
  error: ["status", "title", "detail", "code"],
};

/** A text with holes, or `{ cel }`. */
export function checkValue(value: Cursor, place: ValuePlace): DocumentProblem[] {
  if (value.text !== undefined) return checkText(value.text, value.path, place);
  const cel = value.get("cel");
  return cel.text === undefined ? [] : checkExpression(cel, place.roots.includes("response"));
}

/** @param ofAnswer whether it sees the answer */
export function checkExpression(cel: Cursor, ofAnswer: boolean): DocumentProblem[] {
  if (cel.text === undefined || cel.text.trim() === "") return [];
  const parsed = ofAnswer ? parseAnswerExpression(cel.text) : parseKeyExpression(cel.text);
  if (typeof parsed !== "string") return [];
  return [error("SLV3013", cel.path, `${quote(cel.text)} cannot be used: ${parsed}`)];
}

export function checkText(text: string, path: Path, place: ValuePlace): DocumentProblem[] {
  const holes = parseValueTemplate(text).filter((piece) => typeof piece !== "string");
  return [...holes.flatMap((hole) => checkHole(hole, path, place)), ...checkSingleNames(text, path, place)];
}

function checkHole(hole: readonly string[], path: Path, { route, roots }: ValuePlace): DocumentProblem[] {
  const [root = "", ...names] = hole;
  if (!roots.includes(root)) {
    const near = nearestName(root, roots);
    const suggestion = near === undefined ? undefined : `{${[near, ...names].join(".")}}`;
    return [
      error("SLV3004", path, `{${hole.join(".")}}: nothing is called ${quote(root)} here`, {
        expected: roots.map((known) => `{${known}...}`).join(", "),
        ...(suggestion !== undefined && { suggestion }),
      }),
    ];
  }
  if (root === "identity") return [...checkIdentityHole(hole, path), ...checkKnown(path, route)];
  if (root === "path" || root === "query") return route === undefined ? [] : checkRequestHole(hole, path, route);
  if (root === "header") return names.length === 1 ? [] : [noMember(hole, path, "a field has one name")];
  if (root === "body") return [];
  if (root === "response") return checkResponseHole(hole, path);
  const known = MEMBERS[root] ?? [];
  return names.length === 1 && known.includes(names[0] ?? "")
    ? []
    : [noMember(hole, path, `${root} has ${known.join(", ")}`)];
}

function checkResponseHole(hole: readonly string[], path: Path): DocumentProblem[] {
  const [, member, ...names] = hole;
  const isKnown = (member === "status" && names.length === 0) || (member === "header" && names.length === 1);
  return isKnown ? [] : [noMember(hole, path, "response has status and header.NAME")];
}

/** On a route that asks nobody who they are. */
function checkKnown(path: Path, route: Cursor | undefined): DocumentProblem[] {
  if (route === undefined || route.get("auth").exists) return [];
  return [error("SLV3009", path, "the route has no `auth`, so there is no identity to fill in")];
}

function noMember(hole: readonly string[], path: Path, message: string): DocumentProblem {
  return error("SLV3004", path, `{${hole.join(".")}}: ${message}`);
}

function checkSingleNames(text: string, path: Path, { roots }: ValuePlace): DocumentProblem[] {
  return singleNames(text).map((name) =>
    warning("SLV3090", path, `{${name}} stands for itself: nothing is filled in`, {
      expected: `names joined by dots, such as ${roots.includes("path") ? `{path.${name}}` : "{request.host}"}`,
    }),
  );
}
