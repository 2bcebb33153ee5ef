/** Tests of the public suite that are known not to pass: the tables of docs/cache-conformance.md. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { root } from "../system.ts";

/** @param section heading of the table, such as "Required tests" */
export function knownFailures(section: string): string[] {
  const text = readFileSync(path.join(root, "docs", "cache-conformance.md"), "utf8");
  const from = text.indexOf(`\n## ${section}\n`);
  if (from < 0) throw new Error(`docs/cache-conformance.md has no section ${section}`);
  const end = text.indexOf("\n## ", from + 1);
  const lines = text.slice(from, end < 0 ? undefined : end).split("\n");
  return lines.flatMap((line) => /^\| `([^`]+)` /.exec(line)?.[1] ?? []);
}
