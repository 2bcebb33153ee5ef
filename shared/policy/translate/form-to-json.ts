/** What a form is as JSON: each field a member. A field that occurs twice is refused, unless it is said to be a list. */
import { limits } from "../../limits.ts";
import { type MemberPlace, memberPlaces, typedValue } from "./member-places.ts";
import { type FormField, isPrototypeName, type Translation, Untranslatable } from "./translation.ts";

const { nestedNamesMax } = limits.forms;

/** @throws Untranslatable */
export function formToJson(fields: readonly FormField[], translation: Translation): unknown {
  const root: Branch = new Map();
  for (const [name, value] of fields) put(root, translation.nested === true ? namesIn(name) : [name], value);
  return membersOf(root, memberPlaces(translation));
}

/** What is at one name: values as they came, or names below. */
type Branch = Map<string, string[] | Branch>;

/** `a[b][]` is `a`, `b` and the empty name. */
function namesIn(name: string): string[] {
  const [, first, rest] = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name) ?? [];
  if (first === undefined || rest === undefined)
    throw new Untranslatable("form", `the name ${JSON.stringify(name.slice(0, 40))} is not nested as names are`);
  const names = [
    first,
    ...rest
      .slice(1, -1)
      .split("][")
      .filter((_, at) => at > 0 || rest !== ""),
  ];
  if (names.length > nestedNamesMax)
    throw new Untranslatable("bounds", `a name has more than ${nestedNamesMax} names in it`);
  return names;
}

function put(root: Branch, names: readonly string[], value: string): void {
  const path = names.at(-1) === "" ? names.slice(0, -1) : names;
  let branch = root;
  for (const [at, name] of path.entries()) {
    if (
      isPrototypeName(name) ||
      (name === "prototype" && path[at - 1] === "constructor") ||
      (name === "" && path.length > 1)
    )
      throw new Untranslatable("form", `the name ${JSON.stringify(name.slice(0, 40))} is not taken`);
    const known = branch.get(name);
    if (at === path.length - 1) {
      if (known instanceof Map) throw twoThings(name);
      if (known === undefined) branch.set(name, [value]);
      else known.push(value);
    } else {
      if (Array.isArray(known)) throw twoThings(name);
      const next: Branch = known ?? new Map();
      branch.set(name, next);
      branch = next;
    }
  }
}

const twoThings = (name: string): Untranslatable =>
  new Untranslatable("form", `${JSON.stringify(name.slice(0, 40))} is a value and has names below it`);

function membersOf(branch: Branch, place: MemberPlace): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const [name, found] of branch) members[name] = fieldValue(name, found, place.below(name));
  for (const name of place.lists) if (!branch.has(name)) members[name] = [];
  return members;
}

function fieldValue(name: string, found: string[] | Branch, place: MemberPlace): unknown {
  if (found instanceof Map) return place.isList ? numbered(name, found, place) : membersOf(found, place);
  const values = found.map((value) => typedValue(value, place.type));
  if (place.isList) return values;
  if (values.length > 1)
    throw new Untranslatable(
      "form",
      `the field ${JSON.stringify(name.slice(0, 40))} occurs twice, and is said to be no list`,
    );
  return values[0];
}

/** A list whose members were named by their numbers, from 0 on. */
function numbered(name: string, branch: Branch, place: MemberPlace): unknown[] {
  return Array.from({ length: branch.size }, (_, at) => {
    const found = branch.get(String(at));
    if (found === undefined)
      throw new Untranslatable(
        "form",
        `the members of the list ${JSON.stringify(name.slice(0, 40))} are not numbered from 0`,
      );
    if (found instanceof Map) return membersOf(found, place);
    if (found.length > 1) throw new Untranslatable("form", `the field ${name.slice(0, 40)}[${at}] occurs twice`);
    return typedValue(found[0] ?? "", place.type);
  });
}
