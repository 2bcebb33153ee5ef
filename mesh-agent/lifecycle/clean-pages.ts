/**
 * The greater part of an idle agent are pages of Node's own program that were read once. They are given back here and mapped anew, from the
 * kernel's page cache, when they are needed. It takes a call to the kernel, which Node has from 26.10 on (`node:ffi`); before, and where
 * there is no /proc, they stay.
 */
import { readFileSync } from "node:fs";

const MADV_DONTNEED = 4;
const NOT_WRITTEN = [/^Private_Dirty: +0 kB$/m, /^Anonymous: +0 kB$/m, /^Swap: +0 kB$/m];

/** Part of a process' address space, in bytes. */
export interface Mapping {
  readonly address: bigint;
  readonly bytes: bigint;
}

/** @returns 0: done */
type Advise = (address: bigint, bytes: bigint, advice: number) => number;

/** What is used of `node:ffi`. */
interface ForeignFunctions {
  readonly dlopen: (path: null, functions: object) => { readonly functions: { readonly madvise: Advise } };
}

export class Program {
  readonly #mappings: readonly Mapping[];
  readonly #advise: Advise;

  private constructor(mappings: readonly Mapping[], advise: Advise) {
    this.#mappings = mappings;
    this.#advise = advise;
  }

  /** @returns the program of this process; undefined where its pages cannot be given back */
  static own(): Program | undefined {
    if (process.platform !== "linux") return undefined;
    try {
      const foreign = process.getBuiltinModule("node:ffi") as ForeignFunctions | undefined;
      if (foreign === undefined) return undefined;
      const madvise = { arguments: ["u64", "u64", "i32"], return: "i32" };
      const { functions } = foreign.dlopen(null, { madvise });
      const mappings = cleanMappings(readFileSync("/proc/self/smaps", "latin1"), process.execPath);
      return new Program(mappings, functions.madvise);
    } catch {
      // It is experimental, and can be forbidden; nothing depends on it.
      return undefined;
    }
  }

  giveBackPages(): void {
    for (const { address, bytes } of this.#mappings) this.#advise(address, bytes, MADV_DONTNEED);
  }
}

/**
 * @param smaps text of /proc/PID/smaps @param file the program, as the kernel names it
 * @returns its mappings that nobody can write to, and of which nothing was written (what the loader has changed would be lost)
 */
export function cleanMappings(smaps: string, file: string): Mapping[] {
  const found: Mapping[] = [];
  for (const text of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [, from, to, name] = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \d+ +(.*)$/m.exec(text) ?? [];
    if (from === undefined || to === undefined || name !== file) continue;
    if (!NOT_WRITTEN.every((line) => line.test(text))) continue;
    const address = BigInt(`0x${from}`);
    found.push({ address, bytes: BigInt(`0x${to}`) - address });
  }
  return found;
}
