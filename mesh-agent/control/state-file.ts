/** One file of the state folder: read once at start, replaced whole and durably on each change. */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isSealed, type StateBox, UnreadableState } from "./state-box.ts";

/** Makes the folder for this user alone. @throws with a plain sentence when it cannot */
export function makeStateFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Error(`cannot make the state folder ${folder}: ${(error as Error).message}`);
  }
}

/** Opens a file of one agent's state. @param parse throws when the value is not what the file holds */
export type OpenState = <T>(name: string, parse: (value: unknown) => T) => StateFile<T>;

export const stateIn =
  (folder: string, box?: StateBox): OpenState =>
  (name, parse) =>
    new StateFile(folder, name, parse, box);

export class StateFile<T> {
  readonly path: string;
  readonly #name: string;
  readonly #box: StateBox | undefined;
  readonly #parse: (value: unknown) => T;
  #pending: string | undefined;
  #writing: Promise<void> | undefined;
  /** There is one that could not be read: whoever has its key may still want it. */
  #isUnreadable = false;

  /**
   * @param parse throws when the value is not what this file holds
   * @param box absent: it is for others, too, and holds no secret
   */
  constructor(folder: string, name: string, parse: (value: unknown) => T, box?: StateBox) {
    this.path = join(folder, name);
    this.#name = name;
    this.#parse = parse;
    this.#box = box;
  }

  /**
   * @returns undefined when there is none
   * @throws when it exists but cannot be read or is broken
   */
  load(): T | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new Error(`cannot read ${this.path}: ${(error as Error).message}`);
    }
    try {
      return this.#read(text);
    } catch (error) {
      this.#isUnreadable = true;
      const { message } = error as Error;
      const isTold = error instanceof UnreadableState;
      throw new UnreadableState(isTold ? `${dirname(this.path)}: ${message}` : `${this.path} is broken: ${message}`);
    }
  }

  /** What an older agent left in clear, or what is under a former key, is sealed at once. */
  #read(text: string): T {
    const value: unknown = JSON.parse(text);
    if (this.#box === undefined) return this.#parse(value);
    const opened = isSealed(value) ? this.#box.open(this.#name, value) : undefined;
    const parsed = this.#parse(opened === undefined ? value : JSON.parse(opened.text));
    if (opened === undefined || opened.isFormer) this.#trySealing(parsed);
    return parsed;
  }

  /** What can be read can be used, also from a disk that takes nothing now. */
  #trySealing(value: T): void {
    try {
      this.saveNow(value);
    } catch {
      // The next change is written sealed, or told to have failed.
    }
  }

  #seal(text: string): string {
    return this.#box === undefined ? text : this.#box.seal(this.#name, text);
  }

  /** What could not be read stays beside it. */
  #keepAside(): void {
    if (!this.#isUnreadable) return;
    this.#isUnreadable = false;
    renameSync(this.path, `${this.path}.unreadable`);
  }

  /** Replaces the content before it returns: for what must not be lost. */
  saveNow(value: T): void {
    const temporary = `${this.path}.${process.pid}.tmp`;
    const file = openSync(temporary, "w", 0o600);
    try {
      // Not `writeSync`, which takes a part of the text for success when the disk is full.
      writeFileSync(file, this.#seal(JSON.stringify(value)));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    this.#keepAside();
    renameSync(temporary, this.path);
    const folder = openSync(dirname(this.path), "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  /** Replaces the content soon; of values that come faster than the disk only the last is kept. */
  save(value: T): Promise<void> {
    this.#pending = JSON.stringify(value);
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** When it was last replaced, milliseconds since the epoch; undefined: there is none. */
  savedMs(): number | undefined {
    return statSync(this.path, { throwIfNoEntry: false })?.mtimeMs;
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }

  async #drain(): Promise<void> {
    while (this.#pending !== undefined) {
      const text = this.#seal(this.#pending);
      this.#pending = undefined;
      const temporary = `${this.path}.${process.pid}.next`;
      const file = await open(temporary, "w", 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      this.#keepAside();
      await rename(temporary, this.path);
    }
  }
}
