/** Runtime expressions of Arazzo as paths of a template, and its simple conditions as CEL. */
import { parsePointer } from "../../shared/http/json-pointer.ts";
import { type Loose, memberOf, objectOf, textOf } from "./loose.ts";

/** Where a value is: `["user", "id"]`; or why there is no such place. */
export type Place = { readonly names: readonly string[] } | { readonly lost: string };

export interface Names {
  /** Of the step that is being read; `$response` is its own answer. Absent: nobody's. */
  readonly own?: string;
  /** Where inputs come from. */
  readonly inputs: "body" | "query";
  /** Step to the name of its part. */
  readonly parts: ReadonlyMap<string, string>;
  /** Step to its outputs. */
  readonly outputs: ReadonlyMap<string, Loose>;
}

const lost = (reason: string): Place => ({ lost: reason });

/** A runtime expression or a Selector Object. */
export function placeOf(value: unknown, names: Names): Place {
  if (typeof value !== "string") return selectedPlace(objectOf(value), names);
  const [expression = "", pointer = ""] = splitOnce(value, "#");
  const below = parsePointer(pointer);
  if (below === undefined) return lost(`${value} has no JSON pointer`);
  const [root = "", ...rest] = expression.split(".");
  const place = rootPlace(root, rest, names, value);
  return "lost" in place ? place : checked([...place.names, ...below], value);
}

function rootPlace(root: string, rest: readonly string[], names: Names, whole: string): Place {
  if (root === "$inputs" && rest.length > 0) return { names: [names.inputs, rest.join(".")] };
  if (root === "$steps") return outputPlace(rest, names, whole);
  if (root === "$response" && rest[0] === "body" && names.own !== undefined)
    return { names: [names.own, ...rest.slice(1)] };
  return lost(`${whole} is nothing that a template can name`);
}

function outputPlace([step = "", word, ...rest]: readonly string[], names: Names, whole: string): Place {
  const part = names.parts.get(step);
  const output = rest.join(".");
  const outputs = names.outputs.get(step);
  if (part === undefined || word !== "outputs" || outputs === undefined || !Object.hasOwn(outputs, output))
    return lost(`${whole} is no output of a step of this workflow`);
  return placeOf(outputs[output], { ...names, own: part });
}

function selectedPlace(selector: Loose, names: Names): Place {
  const { context, selector: path } = selector;
  const type = textOf(selector.type) ?? textOf(memberOf(selector.type, "type"));
  if (typeof context !== "string" || typeof path !== "string") return lost("it is no expression");
  const place = placeOf(context, names);
  if ("lost" in place) return place;
  const below = type === "jsonpointer" ? parsePointer(path) : type === "jsonpath" ? jsonPathNames(path) : undefined;
  return below === undefined
    ? lost(`${type ?? "the selector"} ${path} is more than a path of names`)
    : checked([...place.names, ...below], path);
}

/** `$.items[0].id`, `$.items[*].id`: the names; undefined: it filters or searches. */
function jsonPathNames(path: string): string[] | undefined {
  if (!/^\$(?:\.[A-Za-z_][\w-]*|\[(?:\d+|\*|'[^']*')\]|\.\*)*$/.test(path)) return undefined;
  return [...path.matchAll(/\.([A-Za-z_][\w-]*|\*)|\[(?:(\d+|\*)|'([^']*)')\]/g)].map(
    ([, dotted, index, quoted]) => dotted ?? index ?? quoted ?? "",
  );
}

const NAME = /^(?:[A-Za-z0-9_$@][A-Za-z0-9_$@:-]*|\*)$/;

function checked(names: readonly string[], whole: string): Place {
  const odd = names.find((name) => !NAME.test(name));
  return odd === undefined ? { names } : lost(`${whole}: a template cannot name ${JSON.stringify(odd)}`);
}

export const holeOf = (names: readonly string[]): string => `{${names.join(".")}}`;

/** A text with expressions in braces, or one that is an expression as a whole. */
export function templateOf(text: string, names: Names): { readonly text: string } | { readonly lost: string } {
  if (/^\$(?:inputs|steps|response)\b/.test(text)) {
    const place = placeOf(text, names);
    return "lost" in place ? place : { text: holeOf(place.names) };
  }
  let failed: string | undefined;
  const filled = text.replaceAll(/\{(\$[^{}]+)\}/g, (_, expression: string) => {
    const place = placeOf(expression, names);
    if (!("lost" in place)) return holeOf(place.names);
    failed ??= place.lost;
    return "";
  });
  if (failed !== undefined) return { lost: failed };
  const plain = text.replaceAll(/\{(\$[^{}]+)\}/g, "");
  return /[{}]/.test(plain) ? { lost: `${text}: braces have a meaning in templates` } : { text: filled };
}

const TOKEN =
  /\s*(?:(\$[A-Za-z][\w.-]*(?:#(?:\/[^\s()!=<>&|]*)?)?)|('(?:[^']|'')*')|(-?\d+(?:\.\d+)?)|(true|false|null)|(&&|\|\||==|!=|<=|>=|[<>!()]))/y;

/** A simple condition over a step's own answer, in CEL of `expect`. `minds`: what the same words mean otherwise there. */
export function conditionOf(
  condition: string,
): { readonly cel: string; readonly minds?: string } | { readonly lost: string } {
  const words: string[] = [];
  let hasText = false;
  TOKEN.lastIndex = 0;
  for (let at = 0; condition.slice(at).trim() !== ""; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const [whole, expression, text, number, literal, operator] = TOKEN.exec(condition) ?? [];
    if (whole === undefined) return { lost: `${condition}: it is no simple condition` };
    hasText ||= text !== undefined;
    if (expression === undefined) words.push(text === undefined ? (number ?? literal ?? operator ?? "") : quoted(text));
    else {
      const named = answerName(expression);
      if (named === undefined) return { lost: `${condition}: ${expression} is nothing of the step's own answer` };
      words.push(named);
    }
  }
  const cel = words.join(" ").replaceAll("( ", "(").replaceAll(" )", ")").replaceAll("! ", "!");
  return { cel, ...(hasText && { minds: `${condition}: texts are compared with their case` }) };
}

const quoted = (text: string): string => JSON.stringify(text.slice(1, -1).replaceAll("''", "'"));

function answerName(expression: string): string | undefined {
  if (expression === "$statusCode") return "answer.status";
  const [source = "", pointer = ""] = splitOnce(expression, "#");
  const below = parsePointer(pointer);
  if (below === undefined || !/^\$response\.body(?:\.|$)/.test(source)) return undefined;
  const names = [...source.split(".").slice(2), ...below];
  return `answer.body${names.map((name) => (/^\d+$/.test(name) ? `[${name}]` : `[${JSON.stringify(name)}]`)).join("")}`;
}

function splitOnce(text: string, at: string): [string, string] {
  const found = text.indexOf(at);
  return found < 0 ? [text, ""] : [text.slice(0, found), text.slice(found + 1)];
}
