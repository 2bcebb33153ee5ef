/** Which edits of a body can be made while it passes. */
import { leavesOf } from "../own-body.ts";
import type { JsonEdits, JsonTemplate } from "../reshape.ts";
import { parseValueTemplate } from "../value-template.ts";
import { countsMembers, findsMembers, type Key, mayHold, type Segment, segmentsOf } from "./places.ts";

type Segments = readonly Segment[];

/** Edits whose places are steps. */
export interface StreamEdits {
  /** Absent: all is kept. */
  readonly pick?: readonly Segments[];
  readonly remove: readonly Segments[];
  readonly rename: readonly StreamRename[];
  readonly set: readonly StreamSet[];
  readonly wrap?: string;
}

export interface StreamRename {
  /** The last step leads to the old name. */
  readonly path: Segments;
  readonly from: string;
  readonly to: string;
}

export interface StreamSet {
  readonly path: Segments;
  /** What is not there is made, with the mappings on the way. */
  readonly makes: boolean;
  readonly value: JsonTemplate;
}

/** @returns the edits; or, for those who read it, why a body has to be held whole for them */
export function streamEdits(edits: JsonEdits): StreamEdits | string {
  const { pick, remove = [], rename = {}, set = {}, wrap, template } = edits;
  if (template !== undefined) return "`template` makes another body of it";
  const places = [...(pick ?? []), ...remove, ...Object.keys(rename), ...Object.keys(set)];
  const other = places.find((place) => segmentsOf(place) === undefined);
  if (other !== undefined) return `${other} looks at values, or counts from the end`;
  const told = Object.entries(set).find(([, value]) => leavesOf(value).some(isOfBody));
  if (told !== undefined) return `what is set at ${told[0]} is of the body itself`;
  const taken: StreamEdits = {
    ...(pick !== undefined && !pick.includes("$") && { pick: pick.map(pathOf) }),
    remove: remove.map(pathOf).filter((path) => path.length > 0),
    rename: Object.entries(rename).flatMap(([place, to]) => renameOf(pathOf(place), to)),
    set: Object.entries(set).map(([place, value]) => ({ path: pathOf(place), makes: !place.startsWith("$"), value })),
    ...(wrap !== undefined && { wrap }),
  };
  return reasonToHold(taken) ?? taken;
}

const pathOf = (place: string): Segments => segmentsOf(place) ?? [];

/** What a list has is not renamed, nor what has its new name already. */
function renameOf(path: Segments, to: string): StreamRename[] {
  const key = path.at(-1)?.key;
  if (key === undefined || key.kind === "index") return [];
  if (key.kind === "any") return [{ path, from: "", to }];
  return key.name === to ? [] : [{ path, from: key.name, to }];
}

const isOfBody = (leaf: { readonly text: string } | { readonly cel: string }): boolean =>
  "text" in leaf && parseValueTemplate(leaf.text).some((piece) => typeof piece !== "string" && piece[0] === "body");

/** Edits are made one after the other; while a body passes, all at once. What then would not come to the same is held. */
function reasonToHold({ pick, remove, rename, set }: StreamEdits): string | undefined {
  if (set.some(({ path }) => path.length === 0)) return "`set` replaces all of it";
  if (rename.some(({ path }) => path.at(-1)?.key.kind === "any"))
    return "`rename` finds several members of one mapping";
  const later = [...rename.map(({ path }) => path), ...set.map(({ path }) => path)];
  const counted = pick === undefined ? later : [...remove, ...later];
  if ((pick !== undefined || remove.some(findsMembers)) && counted.some(countsMembers))
    return "members of lists are counted after others went";
  const whole = [...remove, ...later, ...rename.map(renamed)];
  if (pick?.some((kept) => whole.some((path) => mayHold(path, kept, true))))
    return "of what is edited only a part is picked";
  if (rename.some((one) => rename.some((other) => one !== other && renamesMeet(one, other)) || setsMeet(one, set)))
    return "what is renamed is edited again";
  const sets = set.map(({ path }) => path.map(appended));
  if (sets.some((one, at) => sets.some((other, place) => place !== at && mayHold(one, other))))
    return "one `set` is within another";
  return undefined;
}

const withName = (path: Segments, name: string): Segments => [
  ...path.slice(0, -1),
  { deep: path.at(-1)?.deep ?? false, key: { kind: "name", name } },
];

const renamed = ({ path, to }: StreamRename): Segments => withName(path, to);

function renamesMeet(one: StreamRename, other: StreamRename): boolean {
  const [mine, its] = [one, other].map((each) => [withName(each.path, each.from), renamed(each)]);
  return (mine ?? []).some((path) => (its ?? []).some((found) => mayHold(path, found)));
}

const setsMeet = (one: StreamRename, set: readonly StreamSet[]): boolean =>
  [withName(one.path, one.from), renamed(one)].some((path) => set.some((other) => mayHold(path, other.path)));

/** Whatever number a member that is appended gets. */
const appended = (segment: Segment): Segment =>
  segment.key.kind === "token" && segment.key.name === "-" ? { ...segment, key: ANY } : segment;

const ANY: Key = { kind: "any" };
