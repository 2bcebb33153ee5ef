/** Checks of edits of bodies: places that can be found, values that can be filled. */

import { parsePointer } from "../http/json-pointer.ts";
import { limits } from "../limits.ts";
import { parseJsonPath } from "../policy/json-path.ts";
import { checkJson } from "./check-json.ts";
import type { ValuePlace } from "./check-values.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, type Path, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export function checkJsonEdits(json: Cursor, place: ValuePlace): DocumentProblem[] {
  if (json.entries.length === 0) return [];
  const edits = json.keys.filter((key) => key !== "others");
  const listed = ["pick", "remove"].flatMap((edit) => json.get(edit).items.map(({ text, path }) => [text, path, edit]));
  const keyed = ["rename", "set"].flatMap((edit) =>
    json.get(edit).entries.map(([name, { path }]) => [name, path, edit]),
  );
  const problems = [
    ...([...listed, ...keyed] as [string | undefined, Path, string][]).flatMap(([text, path, edit]) =>
      checkPlace(text ?? "", path, edit),
    ),
    ...json.get("set").entries.flatMap(([, value]) => checkJson(value, place)),
    ...checkJson(json.get("template"), place),
  ];
  if (edits.length === 0) problems.push(warning("SLV3092", json.path, "`others` alone edits nothing", { at: "key" }));
  if (json.get("template").exists && edits.length > 1)
    problems.push(
      error("SLV3009", json.get("template").path, "`template` makes the whole body: no other edit stands beside it", {
        at: "key",
      }),
    );
  return problems;
}

function checkPlace(text: string, path: Path, edit: string): DocumentProblem[] {
  const at = edit === "rename" || edit === "set" ? ("key" as const) : ("value" as const);
  if (text.startsWith("$")) {
    const parsed = parseJsonPath(text);
    return typeof parsed === "string"
      ? [error("SLV3093", path, `${quote(text)} is no JSONPath: ${parsed}`, { at })]
      : [];
  }
  // The schema has said what it is not.
  if (!text.startsWith("/")) return [];
  const names = parsePointer(text);
  if (names === undefined)
    return [error("SLV3093", path, `${quote(text)} is no JSON pointer: a ~ is written ~0, a / in a name ~1`, { at })];
  const { pointerSegmentsMax } = limits.reshape;
  if (names.length <= pointerSegmentsMax) return [];
  return [
    error("SLV1003", path, `a pointer has at most ${pointerSegmentsMax} names, this one ${names.length}`, { at }),
  ];
}
