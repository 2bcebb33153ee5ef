/** Edits of a body that is JSON, made while it passes. */
import { limits } from "../../limits.ts";
import { HeldOutput } from "./held-output.ts";
import type { OpenNames } from "./open-names.ts";
import type { EditNode, Made, Renaming, StreamProgram } from "./program.ts";
import { DROP, JsonScanner, JsonStreamError, LIST, MAPPING, PASS, SCALAR, TRACK, type Use } from "./scanner.ts";

type Container = typeof MAPPING | typeof LIST;

/** A mapping or list that is open, and tracked. */
interface Frame {
  readonly node: EditNode;
  readonly kind: Container;
  /** Under which it stands in the mapping that it is in, with its quotes. */
  readonly name: Uint8Array | undefined;
  /** Of the next member of a list. */
  index: number;
  /** Members that were written. */
  count: number;
  /** Whether its bracket was: of what may be kept, that waits for what is. */
  isWritten: boolean;
  /** What it has of what it may get otherwise. */
  readonly has: Set<EditNode> | undefined;
  /** Old names of it that came. */
  came: Set<Renaming> | undefined;
}

/** A member that has the new name of one that may still come. */
interface Doubt {
  readonly frame: Frame;
  readonly renaming: Renaming;
  from: number;
  /** Absent: it is being written. */
  to?: number;
  isFirst: boolean;
}

const { streamedOutputBytes, streamedHoldBytesMax, streamedGrowthMax, bodyBytesMax } = limits.reshape;

export class StreamEditor {
  readonly #program: StreamProgram;
  readonly #values: readonly Uint8Array[];
  readonly #output = new HeldOutput();
  readonly #scanner: JsonScanner;
  readonly #frames: Frame[] = [];
  /** Those that came first are first. */
  #doubts: Doubt[] = [];
  #read = 0;
  #put = 0;
  /** Of the member whose value comes next; with its quotes. */
  #name: Uint8Array | undefined;
  #node: EditNode;
  #renaming: Renaming | undefined;
  #isDoubled: Renaming | undefined;

  /** @param values of the program, as texts of JSON in UTF-8 */
  constructor(program: StreamProgram, values: readonly Uint8Array[]) {
    this.#program = program;
    this.#values = values;
    this.#node = program.root;
    this.#scanner = new JsonScanner(this);
    if (program.wrap !== undefined) this.#output.write(encoder.encode(`{${JSON.stringify(program.wrap)}:`));
  }

  /**
   * @param from where it begins to read
   * @returns how far it read: less than all when what it made should be taken first
   * @throws JsonStreamError where the body cannot be edited
   */
  write(chunk: Uint8Array, from: number): number {
    const to = this.#scanner.write(chunk, from);
    this.#read += to - from;
    if (this.#doubts.length > 0 && this.isFull)
      throw bounds(`what stands before a name that another one gets has more than ${streamedHoldBytesMax} bytes`);
    return to;
  }

  /** The body is whole. @throws JsonStreamError where it is not */
  end(): void {
    this.#scanner.end();
    if (this.#program.wrap !== undefined) this.#output.byte(CLOSE_MAPPING);
  }

  /** What is made of what was read, as far as nothing that comes can change it. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#output.take(this.#doubts[0]?.from ?? this.#output.end);
  }

  get isFull(): boolean {
    return this.#output.waiting >= streamedOutputBytes + (this.#doubts.length === 0 ? 0 : streamedHoldBytesMax);
  }

  copy(chunk: Uint8Array, from: number, to: number): void {
    this.#output.copy(chunk, from, to);
  }

  name(names: OpenNames, raw: Uint8Array | undefined): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) return;
    const { node } = frame;
    this.#node = node.names.find(({ name }) => names.is(name))?.node ?? node.otherName;
    this.#renaming = node.renames.find(({ from }) => names.is(from));
    this.#isDoubled = node.renames.find(({ to }) => names.is(to));
    // What is dropped needs none.
    const isOut = (!this.#node.isKept && !this.#node.isPart) || this.#node.isRemoved;
    this.#name = isOut ? undefined : (this.#renaming?.text ?? quoted(raw ?? names.bytes.slice(names.start, names.end)));
  }

  value(kind: typeof SCALAR | Container): Use {
    const frame = this.#frames.at(-1);
    if (frame === undefined) return this.#root(kind);
    if (frame.kind === LIST) {
      const { node } = frame;
      this.#node = node.indexes.get(frame.index++) ?? node.otherIndex;
      this.#name = this.#renaming = this.#isDoubled = undefined;
    }
    const node = this.#node;
    this.#settle(frame);
    if (node.isRemoved) {
      if (node.isKept) this.#writeOpen();
      return DROP;
    }
    if (!node.isKept) return node.isPart && kind !== SCALAR ? this.#open(kind, false) : DROP;
    if (this.#isDoubled !== undefined && frame.came?.has(this.#isDoubled) === true) return DROP;
    return this.#keep(frame, node, kind);
  }

  close(): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) return;
    if (frame.isWritten) this.#finish(frame);
    this.#frames.pop();
    if (this.#doubts.length > 0) this.#doubts = this.#doubts.filter((doubt) => doubt.frame !== frame);
  }

  #root(kind: typeof SCALAR | Container): Use {
    const { root } = this.#program;
    if (kind !== SCALAR) {
      if (root.isKept && root.isLeaf) return PASS;
      this.#output.byte(kind === MAPPING ? OPEN_MAPPING : OPEN_LIST);
      return this.#open(kind, true);
    }
    if (root.isKept) return PASS;
    // Of what has no members nothing is picked.
    this.#output.byte(OPEN_MAPPING);
    this.#finish(frameOf(root, MAPPING, undefined, true));
    return DROP;
  }

  #open(kind: Container, isWritten: boolean): Use {
    this.#frames.push(frameOf(this.#node, kind, this.#name, isWritten));
    return TRACK;
  }

  #keep(frame: Frame, node: EditNode, kind: typeof SCALAR | Container): Use {
    this.#writeOpen();
    if (this.#renaming !== undefined) this.#rename(frame, this.#renaming);
    const from = this.#output.end;
    const isFirst = frame.count === 0;
    this.#writeMember(frame, this.#name);
    frame.has?.add(node);
    if (this.#isDoubled !== undefined) this.#doubts.push({ frame, renaming: this.#isDoubled, from, isFirst });
    if (node.set !== undefined) {
      this.#writeValue(node.set);
      return DROP;
    }
    if (kind === SCALAR || node.isLeaf) return PASS;
    this.#output.byte(kind === MAPPING ? OPEN_MAPPING : OPEN_LIST);
    return this.#open(kind, true);
  }

  /** Mappings and lists on the way here that had to wait for something in them that is kept. */
  #writeOpen(): void {
    if (this.#frames.at(-1)?.isWritten === true) return;
    for (const [depth, frame] of this.#frames.entries()) {
      if (frame.isWritten) continue;
      const outer = this.#frames[depth - 1];
      if (outer !== undefined) {
        this.#writeMember(outer, frame.name);
        outer.has?.add(frame.node);
      }
      this.#output.byte(frame.kind === MAPPING ? OPEN_MAPPING : OPEN_LIST);
      frame.isWritten = true;
    }
  }

  #writeMember(frame: Frame, name: Uint8Array | undefined): void {
    if (frame.count++ > 0) this.#output.byte(COMMA);
    if (frame.kind === LIST || name === undefined) return;
    this.#output.write(name);
    this.#output.byte(COLON);
  }

  #writeValue(index: number): void {
    const value = this.#values[index] ?? NULL;
    this.#put += value.length;
    if (this.#put > bodyBytesMax + streamedGrowthMax * this.#read)
      throw bounds(`what is set has ${this.#put} bytes, after ${this.#read} that came`);
    this.#output.write(value);
  }

  /** What is not there is made. */
  #finish(frame: Frame): void {
    const { node, kind } = frame;
    if (kind === LIST)
      for (const value of node.appends) {
        this.#writeMember(frame, undefined);
        this.#writeValue(value);
      }
    else
      for (const { node: member, made } of node.makes)
        if (frame.has?.has(member) !== true) {
          this.#writeMember(frame, made.name);
          this.#make(made);
        }
    this.#output.byte(kind === MAPPING ? CLOSE_MAPPING : CLOSE_LIST);
  }

  #make({ content }: Made): void {
    if (typeof content === "number") {
      this.#writeValue(content);
      return;
    }
    this.#output.byte(OPEN_MAPPING);
    for (const [at, inner] of content.entries()) {
      if (at > 0) this.#output.byte(COMMA);
      this.#output.write(inner.name);
      this.#output.byte(COLON);
      this.#make(inner);
    }
    this.#output.byte(CLOSE_MAPPING);
  }

  /** The member before ended here. */
  #settle(frame: Frame): void {
    const last = this.#doubts.at(-1);
    if (last !== undefined && last.frame === frame) last.to ??= this.#output.end;
  }

  /** Whatever has the new name goes. */
  #rename(frame: Frame, renaming: Renaming): void {
    frame.came ??= new Set();
    frame.came.add(renaming);
    const doubt = this.#doubts.find((one) => one.frame === frame && one.renaming === renaming);
    if (doubt?.to === undefined) return;
    const { from, to, isFirst } = doubt;
    const end = isFirst && this.#output.byteAt(to) === COMMA ? to + 1 : to;
    this.#output.cut(from, end);
    frame.count--;
    this.#doubts = this.#doubts.filter((one) => one !== doubt);
    for (const other of this.#doubts) {
      if (other.from < to) continue;
      other.isFirst ||= isFirst && other.from === to;
      other.from = Math.max(from, other.from - (end - from));
      if (other.to !== undefined) other.to -= end - from;
    }
  }
}

const frameOf = (node: EditNode, kind: Container, name: Uint8Array | undefined, isWritten: boolean): Frame => ({
  node,
  kind,
  name,
  index: 0,
  count: 0,
  isWritten,
  has: node.makes.length > 0 ? new Set() : undefined,
  came: undefined,
});

function quoted(name: Uint8Array): Uint8Array {
  const text = new Uint8Array(name.length + 2);
  text[0] = QUOTE;
  text.set(name, 1);
  text[name.length + 1] = QUOTE;
  return text;
}

const bounds = (reason: string): JsonStreamError => new JsonStreamError({ fault: "bounds", reason });

const encoder = new TextEncoder();
const NULL = encoder.encode("null");
const [QUOTE, COMMA, COLON] = [0x22, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_MAPPING, CLOSE_MAPPING] = [0x5b, 0x5d, 0x7b, 0x7d];
