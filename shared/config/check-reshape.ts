/** Checks of `transform`: names that can be edited, values that can be filled, edits that do something. */
import { HOP_BY_HOP, TXN_TOKEN } from "../http/header-names.ts";
import { ANSWER_ROOTS, REQUEST_ROOTS } from "../policy/value-template.ts";
import { checkJsonEdits } from "./check-json-edits.ts";
import { checkTranslation } from "./check-translation.ts";
import { checkExpression, checkValue, type ValuePlace } from "./check-values.ts";
import type { Cursor } from "./cursor.ts";
import { fixedHeader } from "./fixed-header.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export function checkTransform(route: Cursor): DocumentProblem[] {
  const request = route.get("transform", "request");
  return [
    ...checkHeaders(request.get("headers"), { route, roots: REQUEST_ROOTS }),
    ...checkQuery(request.get("query"), route),
    ...checkMethod(request.get("method"), route),
    ...checkTranslation(request, route, "request"),
    ...checkContent(request.get("json"), route),
    ...checkJsonEdits(request.get("json"), { route, roots: [...REQUEST_ROOTS, "body"] }),
    ...route.get("transform", "response").oneOrItems.flatMap((answer) => checkAnswer(answer, route)),
  ];
}

const FIXED_HEADERS = new Set([...HOP_BY_HOP, "host", "content-length", TXN_TOKEN, "traceparent", "tracestate"]);
const VALUES = ["set", "add", "append"];

interface Named {
  readonly edit: string;
  readonly name: string;
  readonly cursor: Cursor;
  readonly at: "key" | "value";
}

function checkHeaders(headers: Cursor, place: ValuePlace): DocumentProblem[] {
  const values = VALUES.flatMap((edit) => headers.get(edit).entries.map(([, value]) => value));
  const named = namesIn(headers, (name) => name.toLowerCase());
  return [
    ...named.flatMap(checkHeaderName),
    ...values.flatMap((value) => checkValue(value, place)),
    ...checkTwice(named, "header"),
  ];
}

/** Every name that an edit is about, in the order in which edits are made. */
function namesIn(edits: Cursor, nameOf: (name: string) => string): Named[] {
  const listed = ["allow", "remove"].flatMap((edit) =>
    edits.get(edit).items.map((cursor) => ({ edit, name: nameOf(cursor.text ?? ""), cursor, at: "value" as const })),
  );
  const renamed = edits.get("rename").entries.flatMap(([from, cursor]) => [
    { edit: "rename", name: nameOf(from), cursor, at: "key" as const },
    { edit: "rename to", name: nameOf(cursor.text ?? ""), cursor, at: "value" as const },
  ]);
  const valued = VALUES.flatMap((edit) =>
    edits.get(edit).entries.map(([name, cursor]) => ({ edit, name: nameOf(name), cursor, at: "key" as const })),
  );
  return [...listed, ...renamed, ...valued];
}

function checkHeaderName({ edit, name, cursor, at }: Named): DocumentProblem[] {
  if (FIXED_HEADERS.has(name) || name.startsWith("selvage-")) return [fixedHeader(name, cursor.path, at)];
  if (name !== "set-cookie" || !["rename", "rename to", "append"].includes(edit)) return [];
  const expected = "`add`, which makes a line of its own, or `remove`";
  return [error("SLV3091", cursor.path, "set-cookie is no list: its lines cannot be joined", { at, expected })];
}

/** Of one name, an edit that a later one undoes, or that an earlier one leaves nothing to do. */
function checkTwice(named: readonly Named[], what: string): DocumentProblem[] {
  return named.flatMap(({ edit, name, cursor, at }, index) => {
    const earlier = named.slice(0, index).find((one) => one.name === name && !isTogether(one.edit, edit));
    if (earlier === undefined) return [];
    if (earlier.edit === edit)
      return [error("SLV3006", cursor.path, `the ${what} ${name} is named twice in \`${edit}\``, { at })];
    const text = `\`${edit}\` and \`${earlier.edit}\` are about the same ${what} ${quote(name)}`;
    return [warning("SLV3092", cursor.path, text, { at, expected: "one of the two: the later one decides alone" })];
  });
}

/** What is there is removed, or replaced, and then another one added. */
function isTogether(earlier: string, later: string): boolean {
  if (earlier === "allow") return later !== "allow" && later !== "remove";
  if (earlier === "remove" && later === "set") return true;
  return (later === "add" || later === "append") && earlier !== later && earlier !== "rename";
}

function checkQuery(query: Cursor, route: Cursor): DocumentProblem[] {
  if (query.entries.length === 0) return [];
  if (route.get("aggregate").exists)
    return [
      error("SLV3009", query.path, "`query` has no meaning with `aggregate`: each part has its own query", {
        at: "key",
      }),
    ];
  const values = ["set", "add"].flatMap((edit) => query.get(edit).entries.map(([, value]) => value));
  return [
    ...values.flatMap((value) => checkValue(value, { route, roots: REQUEST_ROOTS })),
    ...checkTwice(
      namesIn(query, (name) => name),
      "parameter",
    ),
  ];
}

/** Parts of a composed answer have their own. */
function checkContent(json: Cursor, route: Cursor): DocumentProblem[] {
  if (!json.exists || !route.get("aggregate").exists) return [];
  const text = "`json` has no meaning with `aggregate`: each part has its own `body`";
  return [error("SLV3009", json.path, text, { at: "key" })];
}

function checkMethod(method: Cursor, route: Cursor): DocumentProblem[] {
  if (method.text === undefined) return [];
  const other = ["aggregate", "cache"].find((key) => route.get(key).exists && route.get(key).value !== false);
  if (other !== undefined) {
    const why = other === "cache" ? "what is kept is what the client asks for" : "each part has its own";
    return [error("SLV3009", method.path, `\`method\` cannot be used with \`${other}\`: ${why}`, { at: "key" })];
  }
  const served = route.get("match", "methods").texts;
  if (served.length === 0 || served.some((one) => one !== method.text)) return [];
  return [warning("SLV3092", method.path, `the route takes ${method.text} alone: nothing is changed`)];
}

function checkAnswer(answer: Cursor, route: Cursor): DocumentProblem[] {
  return [
    ...checkHeaders(answer.get("headers"), { route, roots: ANSWER_ROOTS }),
    ...checkExpression(answer.get("when", "cel"), true),
    ...checkStatuses(answer.get("statuses")),
    ...checkTranslation(answer, route, "answer"),
    ...checkJsonEdits(answer.get("json"), { route, roots: [...ANSWER_ROOTS, "body"] }),
  ];
}

/** Statuses that say something of how an answer is carried, which no other one can stand for. */
const FRAMED = ["204", "205", "206", "304"];

function checkStatuses(statuses: Cursor): DocumentProblem[] {
  return statuses.entries.flatMap(([from, to]) => {
    const problems: DocumentProblem[] = [];
    if (FRAMED.includes(from))
      problems.push(
        error("SLV3091", to.path, `${from} has no content, or a part of it: no other status can stand for it`, {
          at: "key",
        }),
      );
    if (to.value === 206 || to.value === 304)
      problems.push(error("SLV3091", to.path, `${to.value} answers a question that the client did not ask`));
    if (String(to.value) === from)
      problems.push(warning("SLV3092", to.path, `${from} stands for itself: nothing is changed`));
    return problems;
  });
}
