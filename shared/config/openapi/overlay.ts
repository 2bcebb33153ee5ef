/**
 * The Overlay Specification 1.0 and 1.1 (OpenAPI Initiative): actions that change a description, in their order. Values that are
 * changed are copied first, so that what files share, and the files themselves, stay as they are.
 */
import { isContainer } from "../../http/exact-json.ts";
import { limits } from "../../limits.ts";
import { Cursor } from "../cursor.ts";
import { type DocumentProblem, error, type Path, warning } from "../problem.ts";
import { quote } from "../schema-problems.ts";
import type { Origins } from "./origins.ts";
import { type Merging, mergeInto, ownCopy } from "./overlay-merge.ts";
import { findPlaces, type Location } from "./overlay-path.ts";
import type { SourceFile } from "./source-file.ts";

const FIELDS = ["overlay", "info", "extends", "actions"];
const ACTION_FIELDS = ["target", "description", "update", "remove", "copy"];

/**
 * @param root the description, which stays as it is
 * @returns the changed description, and what is wrong with the overlay, with places
 */
export function applyOverlay(
  root: unknown,
  overlay: SourceFile,
  origins: Origins,
): { readonly root: unknown; readonly problems: DocumentProblem[] } {
  const top = new Cursor(overlay.value);
  const problems: DocumentProblem[] = checkForm(top);
  origins.add(overlay);
  let changed = root;
  if (!problems.some(({ severity }) => severity === "error"))
    for (const action of top.get("actions").items) {
      const outcome = applyAction(changed, action, overlay, origins);
      if (typeof outcome === "object" && "problem" in outcome) problems.push(outcome.problem);
      else changed = outcome.root;
    }
  return { root: changed, problems: problems.map((one) => ({ ...one, ...overlay.find(one.path, one.at) })) };
}

function checkForm(top: Cursor): DocumentProblem[] {
  const version = top.get("overlay");
  if (version.text === undefined)
    return [broken([], "this is no overlay: `overlay` is missing", { expected: "`overlay: 1.1.0`" })];
  if (!/^1\.[01]\.\d+/.test(version.text))
    return [broken(version.path, `overlays of version ${version.text} are not read`, { expected: "1.0.0 or 1.1.0" })];
  const { actionsMax } = limits.openapi;
  const actions = top.get("actions");
  if (actions.items.length === 0) return [broken(actions.path, "an overlay needs `actions`: a list of at least one")];
  if (actions.items.length > actionsMax) return [broken(actions.path, `an overlay has at most ${actionsMax} actions`)];
  return [...unknownFields(top, FIELDS), ...actions.items.flatMap(checkAction)];
}

function checkAction(action: Cursor): DocumentProblem[] {
  const problems = unknownFields(action, ACTION_FIELDS);
  if (action.get("target").text === undefined)
    problems.push(broken(action.path, "an action needs a `target`", { expected: "a JSONPath (RFC 9535)" }));
  const remove = action.get("remove");
  if (remove.exists && typeof remove.value !== "boolean")
    problems.push(broken(remove.path, "`remove` is true or false"));
  const copy = action.get("copy");
  if (copy.exists && copy.text === undefined) problems.push(broken(copy.path, "`copy` is a JSONPath (RFC 9535)"));
  const modifiers = ["update", "copy", "remove"].filter(
    (key) => action.get(key).exists && action.get(key).value !== false,
  );
  if (modifiers.length === 0)
    problems.push(warning("SLV3147", action.path, "an action without `update`, `copy` and `remove` changes nothing"));
  if (modifiers.length > 1)
    problems.push(broken(action.path, `an action has one of ${modifiers.map((key) => `\`${key}\``).join(" and ")}`));
  return problems;
}

function unknownFields(cursor: Cursor, known: readonly string[]): DocumentProblem[] {
  return cursor.entries
    .filter(([key]) => !known.includes(key) && !key.startsWith("x-"))
    .map(([key, { path }]) => broken(path, `${quote(key)} means nothing in an overlay`, { at: "key" }));
}

const broken = (path: Path, message: string, details: Parameters<typeof error>[3] = {}): DocumentProblem =>
  error("SLV3146", path, message, details);

type Applied = { readonly root: unknown } | { readonly problem: DocumentProblem };

function applyAction(root: unknown, action: Cursor, file: SourceFile, origins: Origins): Applied {
  const target = action.get("target");
  const found = findPlaces(root, target.text ?? "");
  if (typeof found === "string") return { problem: broken(target.path, `the target is no JSONPath: ${found}`) };
  if (found.length === 0)
    return {
      problem: warning("SLV3147", target.path, `${quote(target.text ?? "")} finds nothing: nothing is changed`),
    };
  const merging: Merging = { origins, owned: new WeakSet() };
  if (action.get("remove").value === true) return { root: removeAll(root, found, merging) };
  const source = action.get("copy").exists ? copied(root, action.get("copy")) : { value: action.get("update").value };
  if ("problem" in source) return source;
  if (source.value === undefined) return { root };
  const kinds = new Set(found.map((location) => kindOf(valueAt(root, location))));
  if (kinds.size > 1)
    return {
      problem: broken(target.path, `the target finds ${[...kinds].join(" and ")}: an action changes one of them`),
    };
  let changed = root;
  for (const location of found) {
    const given = action.get("update").exists ? { file, path: action.get("update").path } : undefined;
    const merged = mergeInto(valueAt(changed, location), source.value, { ...merging, given });
    if (merged.fault !== undefined) return { problem: broken(action.path, `${pathText(location)}: ${merged.fault}`) };
    changed = replaced(changed, location, merged.value, { ...merging, given });
  }
  return { root: changed };
}

function copied(root: unknown, copy: Cursor): { readonly value: unknown } | { readonly problem: DocumentProblem } {
  const found = findPlaces(root, copy.text ?? "");
  if (typeof found === "string") return { problem: broken(copy.path, `\`copy\` is no JSONPath: ${found}`) };
  const [location, other] = found;
  if (location === undefined || other !== undefined)
    return { problem: broken(copy.path, `\`copy\` finds ${found.length} places: exactly one is copied`) };
  return { value: valueAt(root, location) };
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "lists";
  return isContainer(value) ? "objects" : "plain values";
}

function valueAt(root: unknown, location: Location): unknown {
  let value = root;
  for (const step of location) value = isContainer(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  return value;
}

const pathText = (location: Location): string =>
  `$${location.map((step) => (typeof step === "number" ? `[${step}]` : `['${step}']`)).join("")}`;

/** The whole with another value at a place. Only a scalar at it needs to be told of: containers know where they are from. */
function replaced(root: unknown, location: Location, value: unknown, merging: Merging): unknown {
  const [step, ...rest] = location;
  if (step === undefined) return value;
  if (!isContainer(root)) return root;
  const own = ownCopy(root, merging);
  own[step] = replaced(own[step], rest, value, merging);
  if (rest.length === 0 && merging.given !== undefined && !isContainer(value) && !Array.isArray(own))
    merging.origins.given(own, String(step), merging.given.file, merging.given.path);
  return own;
}

/** Later places first, so that indexes of lists stay what they were when they were found. */
function removeAll(root: unknown, found: readonly Location[], merging: Merging): unknown {
  let changed = root;
  const ordered = [...found].sort((a, b) => compare(b, a));
  for (const location of ordered) changed = removed(changed, location, merging);
  return changed;
}

function removed(root: unknown, location: Location, merging: Merging): unknown {
  const [step, ...rest] = location;
  if (step === undefined) return undefined;
  if (!isContainer(root) || !Object.hasOwn(root, step)) return root;
  const own = ownCopy(root, merging);
  if (rest.length > 0) own[step] = removed(own[step], rest, merging);
  else if (Array.isArray(own)) own.splice(Number(step), 1);
  else delete own[step];
  return own;
}

function compare(a: Location, b: Location): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const [left = "", right = ""] = [a[at], b[at]];
    if (left === right) continue;
    if (typeof left === "number" && typeof right === "number") return left - right;
    return String(left) < String(right) ? -1 : 1;
  }
  return a.length - b.length;
}
