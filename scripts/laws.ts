/** Checks what a program can of the laws in ARCHITECTURE.md. Exit code 1 when one is broken. */
import { resolve } from "node:path";
import { checkFloors } from "./laws/floors.ts";
import { checkHouse } from "./laws/house.ts";
import { checkLockfile } from "./laws/lockfile.ts";
import { checkPurity } from "./laws/purity.ts";
import { type Finding, readTree, type Tree } from "./laws/tree.ts";

/** Everything that breaks a law, in the order of files and lines. @param root where the tree lies on this machine */
export function checkLaws(tree: Tree, root: string): Finding[] {
  const findings = [...checkFloors(tree), ...checkPurity(tree), ...checkHouse(tree, root), ...checkLockfile(tree)];
  return findings.sort((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1));
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, "..");
  const tree = readTree(root);
  const findings = checkLaws(tree, root);
  for (const { path, line, law, message } of findings) console.error(`${path}:${line}  ${law}: ${message}`);
  console.log(`${tree.size} files, ${findings.length} ${findings.length === 1 ? "breach" : "breaches"} of the laws`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
