import path from "node:path";
import { type Bundle, buildProgram } from "./build-worker.ts";
import { packageRoot } from "./package-root.ts";

/** Programs that are found where they are installed, and only by those who use them. */
const EXTERNAL = ["esbuild", "rolldown", "workerd"];

/** A program of this package as `NAME.mjs` and its parts. @param entry its module, from the package's root @param folder within this package */
export function buildOwnProgram(name: string, entry: string, folder: string): Promise<Bundle> {
  const out = path.join(folder, `${name}.mjs`);
  return buildProgram(path.join(packageRoot, entry), out, { external: EXTERNAL, split: true });
}

/** `selvage` itself. */
export const buildCli = (folder: string): Promise<Bundle> => buildOwnProgram("cli", "cli/main.ts", folder);
