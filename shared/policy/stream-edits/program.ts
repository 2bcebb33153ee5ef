/** Edits of a body as what is done at each kind of place, so that each name and bracket is looked at once. */
import { limits } from "../../limits.ts";
import type { JsonEdits, JsonTemplate } from "../reshape.ts";
import { type StreamEdits, streamEdits } from "./can-stream.ts";
import { leadsTo, type MemberKey, type Segment } from "./places.ts";

export interface StreamProgram {
  readonly root: EditNode;
  /** What `set` puts there; nodes name them by their index. */
  readonly values: readonly JsonTemplate[];
  readonly wrap?: string;
}

/** What is done with a member of a mapping or list, and with what is in it. */
export interface EditNode {
  /** It goes on whole, but for what is edited in it. */
  readonly isKept: boolean;
  /** Something in it may be kept, and then it. */
  readonly isPart: boolean;
  readonly isRemoved: boolean;
  /** Index of the value that stands there from then on. */
  readonly set?: number;
  /** Nothing in it is told apart. */
  readonly isLeaf: boolean;
  readonly names: readonly { readonly name: Uint8Array; readonly node: EditNode }[];
  readonly otherName: EditNode;
  readonly indexes: ReadonlyMap<number, EditNode>;
  readonly otherIndex: EditNode;
  readonly renames: readonly Renaming[];
  /** What a mapping gets that has no such member. */
  readonly makes: readonly { readonly node: EditNode; readonly made: Made }[];
  /** Indexes of values that are appended to a list. */
  readonly appends: readonly number[];
}

/** In one mapping, in UTF-8. */
export interface Renaming {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  /** The new name as JSON. */
  readonly text: Uint8Array;
}

/** A member that is made: a value, or a mapping. */
export interface Made {
  readonly name: Uint8Array;
  readonly content: number | readonly Made[];
}

/** @returns undefined: a body has to be held whole for them */
export function streamProgram(edits: JsonEdits): StreamProgram | undefined {
  const found = streamEdits(edits);
  if (typeof found === "string") return undefined;
  const root = new ProgramMaker(found).root();
  if (root === undefined) return undefined;
  const values = found.set.map(({ value }) => value);
  return found.wrap === undefined ? { root, values } : { root, values, wrap: found.wrap };
}

type Stage = "pick" | "remove" | "rename" | "set";

interface StagedPath {
  readonly stage: Stage;
  readonly path: readonly Segment[];
  /** Of its stage. */
  readonly index: number;
}

/** How far a path has come. */
interface Position {
  readonly path: number;
  readonly offset: number;
}

type Draft = { -readonly [Key in keyof EditNode]: EditNode[Key] };

const encoder = new TextEncoder();

class ProgramMaker {
  readonly #edits: StreamEdits;
  readonly #paths: readonly StagedPath[];
  readonly #nodes = new Map<string, EditNode>();

  constructor(edits: StreamEdits) {
    this.#edits = edits;
    const staged = (stage: Stage, paths: readonly (readonly Segment[])[]): StagedPath[] =>
      paths.map((path, index) => ({ stage, path, index }));
    this.#paths = [
      ...staged("pick", edits.pick ?? []),
      ...staged("remove", edits.remove),
      ...staged(
        "rename",
        edits.rename.map(({ path }) => path),
      ),
      ...staged(
        "set",
        edits.set.map(({ path }) => path),
      ),
    ];
  }

  /** @returns undefined: there are too many kinds of places */
  root(): EditNode | undefined {
    const root = this.#node(
      this.#paths.map((_, path) => ({ path, offset: 0 })),
      this.#edits.pick === undefined,
    );
    return this.#nodes.size > limits.reshape.streamedNodesMax ? undefined : root;
  }

  #node(positions: readonly Position[], isKept: boolean): EditNode {
    const state = `${isKept} ${positions.map(({ path, offset }) => `${path}.${offset}`).join(" ")}`;
    const known = this.#nodes.get(state);
    if (known !== undefined) return known;
    const ended = positions.filter((position) => this.#segment(position) === undefined);
    const open = positions.filter((position) => this.#segment(position) !== undefined);
    const set = ended.find(({ path }) => this.#paths[path]?.stage === "set");
    const draft = {
      isKept,
      isPart: !isKept && open.some(({ path }) => this.#paths[path]?.stage === "pick"),
      isRemoved: ended.some(({ path }) => this.#paths[path]?.stage === "remove"),
      ...(set !== undefined && { set: this.#paths[set.path]?.index ?? 0 }),
      isLeaf: open.length === 0,
    } as Draft;
    this.#nodes.set(state, draft);
    // Whoever asked is told that there are too many.
    const followed = this.#nodes.size > limits.reshape.streamedNodesMax ? [] : open;
    this.#addMembers(draft, followed, isKept);
    return draft;
  }

  #addMembers(draft: Draft, open: readonly Position[], isKept: boolean): void {
    const keys = open.flatMap((position) => this.#segment(position)?.key ?? []);
    const names = new Set(keys.flatMap((key) => ("name" in key ? key.name : [])));
    const indexes = new Set(keys.flatMap((key) => ("index" in key && key.index !== undefined ? key.index : [])));
    const after = (member: MemberKey): EditNode => this.#after(open, member, isKept);
    draft.names = [...names].map((name) => ({ name: encoder.encode(name), node: after(name) }));
    draft.indexes = new Map([...indexes].map((index) => [index, after(index)]));
    draft.otherName = open.length === 0 ? draft : this.#after(open, undefined, isKept);
    draft.otherIndex = open.length === 0 ? draft : this.#after(open, -1, isKept);
    draft.renames = open.flatMap((position) => this.#renaming(position));
    draft.makes = this.#makes(open).map((made) => ({ node: after(made.key), made: made.made }));
    draft.appends = open.flatMap((position) => this.#appended(position));
  }

  /** @param member undefined: a name that no path has */
  #after(open: readonly Position[], member: MemberKey | undefined, isKept: boolean): EditNode {
    const next: Position[] = [];
    for (const position of open) {
      const segment = this.#segment(position);
      if (segment === undefined) continue;
      const leads = member === undefined ? segment.key.kind === "any" : leadsTo(segment.key, member);
      if (segment.deep) next.push(position);
      if (leads) next.push({ path: position.path, offset: position.offset + 1 });
    }
    const isPicked = (position: Position): boolean => this.#paths[position.path]?.stage === "pick";
    const isWhole = isKept || next.some((one) => isPicked(one) && this.#segment(one) === undefined);
    const going = next.filter((one) => !(isWhole && isPicked(one)));
    return this.#node(going, isWhole);
  }

  #segment({ path, offset }: Position): Segment | undefined {
    return this.#paths[path]?.path[offset];
  }

  #isLast({ path, offset }: Position): boolean {
    return offset + 1 === this.#paths[path]?.path.length;
  }

  #renaming(position: Position): Renaming[] {
    const { stage, index } = this.#paths[position.path] ?? { index: 0 };
    const rename = this.#edits.rename[index];
    if (stage !== "rename" || rename === undefined || !this.#isLast(position)) return [];
    return [
      {
        from: encoder.encode(rename.from),
        to: encoder.encode(rename.to),
        text: encoder.encode(JSON.stringify(rename.to)),
      },
    ];
  }

  #makes(open: readonly Position[]): { readonly key: string; readonly made: Made }[] {
    const groups = new Map<string, Position[]>();
    for (const position of open) {
      const { stage, index = 0 } = this.#paths[position.path] ?? {};
      const key = this.#segment(position)?.key;
      if (stage !== "set" || this.#edits.set[index]?.makes !== true || key?.kind !== "token") continue;
      const group = groups.get(key.name);
      if (group === undefined) groups.set(key.name, [position]);
      else group.push(position);
    }
    return [...groups].map(([key, group]) => ({ key, made: this.#made(key, group) }));
  }

  #made(key: string, group: readonly Position[]): Made {
    const name = encoder.encode(JSON.stringify(key));
    const last = group.find((position) => this.#isLast(position));
    if (last !== undefined) return { name, content: this.#paths[last.path]?.index ?? 0 };
    const inside = group.map(({ path, offset }) => ({ path, offset: offset + 1 }));
    return { name, content: this.#makes(inside).map(({ made }) => made) };
  }

  #appended(position: Position): number[] {
    const { stage, index = 0 } = this.#paths[position.path] ?? {};
    const key = this.#segment(position)?.key;
    if (stage !== "set" || !this.#isLast(position) || key?.kind !== "token" || key.name !== "-") return [];
    return [index];
  }
}
