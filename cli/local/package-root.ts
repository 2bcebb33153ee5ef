import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/** Folder of this package, whether its sources run or its bundles in dist/. */
export const packageRoot: string = findRoot(import.meta.dirname);

/** Version of this package. */
export const packageVersion: string = readPackage(packageRoot).version ?? "0.0.0";

/**
 * Folder of bundles that are taken as they are: of the built package, or in a checkout the one that SELVAGE_BUILT names (from its
 * root), as `npm run build` makes it. Undefined: they are made from the sources.
 */
export function builtFolder(): string | undefined {
  if (!existsSync(path.join(packageRoot, "cli", "main.ts"))) return path.join(packageRoot, "dist");
  const { SELVAGE_BUILT } = process.env;
  return SELVAGE_BUILT ? path.resolve(packageRoot, SELVAGE_BUILT) : undefined;
}

function findRoot(from: string): string {
  for (let folder = from; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, "package.json")) && readPackage(folder).name === "selvage") return folder;
    if (folder === path.dirname(folder)) throw new Error(`no package "selvage" around ${from}`);
  }
}

function readPackage(folder: string): { name?: string; version?: string } {
  return JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as { name?: string; version?: string };
}
