/** Which secrets a document refers to, and where. */
import type { Path } from "./problem.ts";
import { referencesIn } from "./references.ts";

export interface SecretUse {
  readonly name: string;
  /** Every place, in the order of the document. */
  readonly paths: readonly Path[];
}

/** @param document as it was checked. @returns by name, in the order of the alphabet */
export function secretUses(document: unknown): SecretUse[] {
  const found = new Map<string, Path[]>();
  walk(document, [], (name, path) => {
    const paths = found.get(name);
    if (paths === undefined) found.set(name, [path]);
    else paths.push(path);
  });
  return [...found].map(([name, paths]) => ({ name, paths })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function walk(value: unknown, path: Path, tell: (name: string, path: Path) => void): void {
  if (typeof value === "string") {
    for (const { kind, name } of referencesIn(value)) if (kind === "secret") tell(name, path);
  } else if (Array.isArray(value)) {
    for (const [at, one] of value.entries()) walk(one, [...path, at], tell);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, one] of Object.entries(value)) walk(one, [...path, key], tell);
  }
}
