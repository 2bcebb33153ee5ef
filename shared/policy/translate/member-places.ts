/** Which members of a body are lists, and which are no text: by paths such as `/order/item`, or `//item` anywhere. */

import { parsePointer } from "../../http/json-pointer.ts";
import { rawNumber } from "../../http/raw-number.ts";
import { type Translation, Untranslatable, type ValueType } from "./translation.ts";

/** What is said of one place. One that nothing is said of is shared by all. */
export interface MemberPlace {
  readonly isList: boolean;
  readonly type: ValueType;
  /** Names below it that are lists. */
  readonly lists: readonly string[];
  below(name: string): MemberPlace;
}

interface Node {
  isList?: true;
  type?: ValueType;
  readonly below: Map<string, Node>;
}

/** The outermost place. */
export function memberPlaces({ arrays = [], types = {} }: Pick<Translation, "arrays" | "types">): MemberPlace {
  const root: Node = { below: new Map() };
  const anywhere = new Map<string, Node>();
  const nodeOf = (path: string): Node => {
    if (path.startsWith("//")) return nextNode(anywhere, parsePointer(path.slice(1))?.[0] ?? "");
    return (parsePointer(path) ?? []).reduce((node, name) => nextNode(node.below, name), root);
  };
  for (const path of arrays) nodeOf(path).isList = true;
  for (const [path, type] of Object.entries(types)) nodeOf(path).type = type;
  const placeOf = (node: Node | undefined, any: Node | undefined): MemberPlace => ({
    isList: node?.isList ?? any?.isList ?? false,
    type: node?.type ?? any?.type ?? "text",
    lists: [...(node?.below ?? [])].flatMap(([name, { isList }]) => (isList === true ? name : [])),
    below: (name) => {
      const [here, there] = [node?.below.get(name), anywhere.get(name)];
      return here === undefined && there === undefined ? unsaid : placeOf(here, there);
    },
  });
  const unsaid: MemberPlace = placeOf(undefined, undefined);
  return placeOf(root, undefined);
}

function nextNode(nodes: Map<string, Node>, name: string): Node {
  const known = nodes.get(name);
  if (known !== undefined) return known;
  const made: Node = { below: new Map() };
  nodes.set(name, made);
  return made;
}

const NUMBER = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?$/;

/**
 * A text as what it is said to be. Numbers keep all their digits; an empty text is no value.
 * @throws Untranslatable where it is none
 */
export function typedValue(text: string, type: ValueType): unknown {
  if (type === "text") return text;
  const trimmed = text.trim();
  if (trimmed === "") return null;
  if (type === "boolean") {
    if (trimmed === "true" || trimmed === "1") return true;
    if (trimmed === "false" || trimmed === "0") return false;
    throw new Untranslatable("form", `${JSON.stringify(trimmed.slice(0, 40))} is no truth value`);
  }
  const [match, sign, whole = "", fraction = "", exponent] = NUMBER.exec(trimmed) ?? [];
  if (match === undefined || whole + fraction === "" || match.length > NUMBER_CHARS_MAX)
    throw new Untranslatable("form", `${JSON.stringify(trimmed.slice(0, 40))} is no number`);
  const digits = whole.replace(/^0+(?=[0-9])/, "") || "0";
  const literal = `${sign === "-" ? "-" : ""}${digits}${fraction === "" ? "" : `.${fraction}`}${exponent === undefined ? "" : `e${exponent}`}`;
  return String(Number(literal)) === literal ? Number(literal) : rawNumber(literal);
}

/** Longer ones are no quantity of anything. */
const NUMBER_CHARS_MAX = 400;
