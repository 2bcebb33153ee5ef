/** Checks of bodies that the document itself holds. */
import { limits } from "../limits.ts";
import { leavesOf } from "../policy/own-body.ts";
import { checkExpression, checkText, type ValuePlace } from "./check-values.ts";
import { Cursor } from "./cursor.ts";
import { type DocumentProblem, error } from "./problem.ts";

/** @param json a value with texts that may have holes */
export function checkJson(json: Cursor, place: ValuePlace): DocumentProblem[] {
  if (!json.exists) return [];
  const leaves = leavesOf(json.value);
  return [
    ...checkLength(JSON.stringify(json.value)?.length ?? 0, json),
    ...leaves.flatMap((leaf) =>
      "text" in leaf
        ? checkText(leaf.text, json.path, place)
        : checkExpression(new Cursor(leaf.cel, json.path), place.roots.includes("response")),
    ),
  ];
}

export function checkLength(chars: number, { path }: Cursor): DocumentProblem[] {
  const { ownBodyCharsMax } = limits.reshape;
  if (chars <= ownBodyCharsMax) return [];
  return [
    error("SLV1003", path, `a body of the document has at most ${ownBodyCharsMax} characters, this one ${chars}`),
  ];
}
