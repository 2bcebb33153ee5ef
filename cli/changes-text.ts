/** Changes of a document for people. */
import { printable } from "../shared/config/code-frame.ts";
import type { Change } from "../shared/plan/changes/find-changes.ts";
import { partKey } from "../shared/plan/changes/parts.ts";
import { howOf } from "../shared/plan/changes/summary.ts";
import { type Cell, columns, type Style, style } from "./output.ts";

const SIGNS = { added: "+", removed: "-", changed: "~" } as const;
const SIGN_STYLES: Readonly<Record<keyof typeof SIGNS, Style>> = { added: "ok", removed: "bad", changed: "warn" };
const VALUE_CHARS = 60;

/** By what they belong to, with their values and what they mean; what widens is marked with `!`. */
export function changesText(changes: readonly Change[], stream: NodeJS.WriteStream = process.stdout): string {
  const groups = new Map<string, Change[]>();
  for (const change of changes) groups.set(partKey(change), [...(groups.get(partKey(change)) ?? []), change]);
  return [...groups]
    .map(([key, members]) => `${style("bold", printable(key), stream)}\n${columns(members.map(cellsOf))}`)
    .join("\n\n");
}

function cellsOf(change: Change): (string | Cell)[] {
  const { place, was, is, effect, text } = change;
  const how = howOf(change);
  const what = place === "" ? "all of it" : place;
  const values = how === "changed" ? `${shortText(was)} -> ${shortText(is)}` : shortText(how === "added" ? is : was);
  const meaning = text === undefined ? "" : `${effect === "widens" ? "! " : ""}${text}`;
  const mark: Cell = effect === "widens" ? { text: meaning, style: "warn" } : { text: meaning, style: "dim" };
  return [{ text: `  ${SIGNS[how]}`, style: SIGN_STYLES[how] }, what, values, mark];
}

function shortText(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > VALUE_CHARS ? `${text.slice(0, VALUE_CHARS - 3)}...` : text;
}

/** `3 changes, 1 widens` */
export function countText(changes: readonly Change[]): string {
  const widening = changes.filter(({ effect }) => effect === "widens").length;
  const all = `${changes.length} ${changes.length === 1 ? "change" : "changes"}`;
  return widening === 0 ? all : `${all}, ${widening} ${widening === 1 ? "widens" : "widen"} what somebody may do (!)`;
}
