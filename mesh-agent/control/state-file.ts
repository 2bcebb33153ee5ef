/** One file of the state folder: read once at start, replaced whole and durably on each change. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Makes the folder for this user alone. @throws with a plain sentence when it cannot */
export function makeStateFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Error(`cannot make the state folder ${folder}: ${(error as Error).message}`);
  }
}

export class StateFile<T> {
  readonly path: string;
  readonly #parse: (value: unknown) => T;
  #pending: string | undefined;
  #writing: Promise<void> | undefined;

  /** @param parse throws when the value is not what this file holds */
  constructor(folder: string, name: string, parse: (value: unknown) => T) {
    this.path = join(folder, name);
    this.#parse = parse;
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
      return this.#parse(JSON.parse(text));
    } catch (error) {
      throw new Error(`${this.path} is broken: ${(error as Error).message}`);
    }
  }

  /** Replaces the content before it returns: for what must not be lost. */
  saveNow(value: T): void {
    const temporary = `${this.path}.${process.pid}.tmp`;
    const file = openSync(temporary, "w", 0o600);
    try {
      // Not `writeSync`, which takes a part of the text for success when the disk is full.
      writeFileSync(file, JSON.stringify(value));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
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

  remove(): void {
    rmSync(this.path, { force: true });
  }

  async #drain(): Promise<void> {
    while (this.#pending !== undefined) {
      const text = this.#pending;
      this.#pending = undefined;
      const temporary = `${this.path}.${process.pid}.next`;
      const file = await open(temporary, "w", 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.path);
    }
  }
}
