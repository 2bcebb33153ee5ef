/** Puts the user's own code beside the modules of a gateway, which loads it by the file that names all of it. */
import { readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { bundleCode } from "./bundle-code.ts";
import type { CodeSource } from "./check-code.ts";

/** Module of the gateway that names its code. */
export const CODE_INDEX = "deployed-code.mjs";
const CODE_MODULE = /^deployed-code-.+\.mjs$/;

/**
 * @param folder of the gateway's modules, or of code alone, absolute; code that was there is removed
 * @returns names of the files with code
 * @throws CodeFault, NoBundler
 */
export function writeCode({ folder: from, files }: CodeSource, folder: string): string[] {
  for (const name of codeModules(folder)) rmSync(path.join(folder, name));
  const named = files.length === 0 ? {} : bundleFiles(from, files, folder);
  const entries = Object.entries(named).map(
    ([file, module]) => `  ${JSON.stringify(file)}: () => import(${JSON.stringify(`./${module}`)}),\n`,
  );
  writeFileSync(path.join(folder, CODE_INDEX), `export const modules = {\n${entries.join("")}};\n`);
  return codeModules(folder);
}

/** Names of the modules with code in a folder, but for the one that names them. */
function codeModules(folder: string): string[] {
  return readdirSync(folder).filter((name) => CODE_MODULE.test(name));
}

/** Names stay readable, and so do the places in stacks that operators see: nothing is minified. */
function bundleFiles(from: string, files: readonly string[], folder: string): Record<string, string> {
  const { outputs } = bundleCode(from, {
    entryPoints: [...new Set(files.map((file) => ownPath(from, file)))],
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    entryNames: "deployed-code-[name]-[hash]",
    chunkNames: "deployed-code-[name]-[hash]",
    splitting: true,
  });
  const modules = new Map(
    Object.entries(outputs).map(([output, { entryPoint }]) => [entryPoint, path.basename(output)]),
  );
  return Object.fromEntries(
    files.flatMap((file) => {
      const module = modules.get(ownPath(from, file));
      return module === undefined ? [] : [[file, module]];
    }),
  );
}

/** Where a file is that may be a link: the bundler knows files by that. */
function ownPath(folder: string, file: string): string {
  const own = path.relative(realpathSync(folder), realpathSync(path.join(folder, file)));
  return own.split(path.sep).join("/");
}
