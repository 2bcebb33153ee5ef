import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

/** Files of the project: path with slashes, from its root, to text. */
export type Tree = ReadonlyMap<string, string>;

/** Something that breaks a law. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  /** Number of the law in ARCHITECTURE.md, or the name of a rule of the house. */
  readonly law: string;
  /** What is wrong and what to do. */
  readonly message: string;
}

const SKIPPED = new Set(["node_modules", "dist", ".git", ".selvage", ".wrangler", "coverage", ".vitest"]);
const TEXT = /\.(ts|tsx|mjs|cjs|js|json|md|yaml|yml|toml|capnp|css|html)$|(^|\/)(LICENSE|run|\.npmrc|\.gitignore)$/;

/** Reads every text file below `root`, without what is installed or made. */
export function readTree(root: string): Tree {
  const tree = new Map<string, string>();
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name)) walk(path);
      } else if (entry.isFile() && TEXT.test(path)) tree.set(path, readFileSync(join(root, path), "utf8"));
    }
  };
  walk("");
  return tree;
}
