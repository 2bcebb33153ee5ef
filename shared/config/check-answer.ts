/** Checks of `answer`: its template, the part that decides the status, and fields that it takes. */
import { HOP_BY_HOP } from "../http/header-names.ts";
import { limits } from "../limits.ts";
import { unknownName } from "./check-mesh.ts";
import { isOwnField } from "./check-part.ts";
import { checkHole } from "./check-part-holes.ts";
import type { Cursor } from "./cursor.ts";
import { parseJsonTemplate } from "./json-template.ts";
import { type DocumentProblem, error } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export function checkAnswer(route: Cursor): DocumentProblem[] {
  const [answer, aggregate] = [route.get("answer"), route.get("aggregate")];
  if (!answer.exists) return [];
  return [
    ...checkOutput(answer.get("output"), route, aggregate),
    ...checkFrom(answer.get("status", "from"), aggregate),
    ...checkFields(answer.get("headers"), aggregate),
    ...checkProblems(answer),
  ];
}

function checkOutput(output: Cursor, route: Cursor, aggregate: Cursor): DocumentProblem[] {
  if (!output.exists) return [];
  const { holes, faults } = parseJsonTemplate(output, true);
  return [
    ...faults.map(({ path, message, expected }) =>
      error("SLV2001", path, message, expected === undefined ? {} : { expected }),
    ),
    ...holes.flatMap((hole) => checkHole(hole, route, aggregate, hole.inEach)),
  ];
}

function checkFrom(from: Cursor, aggregate: Cursor): DocumentProblem[] {
  return from.text === undefined ? [] : checkSource(from.text, from, aggregate, "value", "status");
}

/** A part that has one answer. */
function checkSource(
  name: string,
  at: Cursor,
  aggregate: Cursor,
  place: "key" | "value",
  what: string,
): DocumentProblem[] {
  if (!aggregate.keys.includes(name)) return [unknownName("SLV3004", "part", name, aggregate.keys, at.path, place)];
  if (!aggregate.get(name, "forEach").exists) return [];
  return [
    error("SLV3104", at.path, `${quote(name)} is a call for each element of a list, and has no one ${what}`, {
      at: place,
    }),
  ];
}

/** What is of one part's content or connection, or says for whom an answer may be kept. */
const NOT_TAKEN = new Set([
  "content-type",
  "content-encoding",
  "content-range",
  "content-digest",
  "cache-control",
  "cdn-cache-control",
  "cloudflare-cdn-cache-control",
  "surrogate-control",
  "age",
  "vary",
  "set-cookie",
  "accept-ranges",
  "date",
]);

function checkFields(headers: Cursor, aggregate: Cursor): DocumentProblem[] {
  const names = headers.entries.flatMap(([, list]) => list.items);
  const { answerFieldsMax } = limits.aggregate;
  const problems = headers.entries.flatMap(([part, list]) => checkSource(part, list, aggregate, "key", "answer"));
  for (const { text, path } of names) {
    const lower = text?.toLowerCase() ?? "";
    if (NOT_TAKEN.has(lower) || HOP_BY_HOP.has(lower) || isOwnField(lower))
      problems.push(
        error("SLV3009", path, `${lower} of a part says nothing of the composed answer`, {
          expected: "`transform.response` for fields of its own",
        }),
      );
  }
  if (names.length > answerFieldsMax)
    problems.push(
      error("SLV1003", headers.path, `an answer takes at most ${answerFieldsMax} fields, this one ${names.length}`),
    );
  return problems;
}

/** `problems` is a member: the answer has to be an object. */
function checkProblems(answer: Cursor): DocumentProblem[] {
  const [problems, output] = [answer.get("problems"), answer.get("output")];
  if (problems.value !== true || !output.exists) return [];
  const isList =
    typeof output.value !== "object" ||
    Array.isArray(output.value) ||
    ["$flatten", "$each", "$join"].some((key) => output.get(key).exists);
  if (isList && (output.text === undefined || !/^\{.*\}$/.test(output.text)))
    return [error("SLV3009", problems.path, "`problems` is a member, and `output` is no object", { at: "key" })];
  if (!output.get("problems").exists) return [];
  return [error("SLV3009", problems.path, "`output` has a member of that name", { at: "key" })];
}
