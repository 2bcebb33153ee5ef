/** Bundles with esbuild, which is loaded only when something is built: an installed package has its bundles in dist/. */
import { copyFileSync, rmSync } from "node:fs";
import path from "node:path";
import type { BuildOptions, Metafile, Plugin } from "esbuild";
import { CODE_INDEX } from "../code/write-code.ts";
import type { WorkerDefinition } from "./wrangler-config.ts";

export interface Bundle {
  readonly file: string;
  readonly bytes: number;
}

/** The ES modules of a Worker. */
export interface WorkerBundle {
  /** Folder that holds the modules and nothing else, absolute. */
  readonly folder: string;
  /** File names: first the entry and all that it needs to start, the entry before the others. */
  readonly core: readonly string[];
  /** File names of those that are loaded when something asks for them. */
  readonly lazy: readonly string[];
}

/** Name of the module that a Worker begins with. */
export const ENTRY_MODULE = "worker.mjs";

/**
 * Bundles a Worker to ES modules: one to begin with, and those that it imports dynamically. Conditions are those of wrangler: workerd,
 * worker, browser; `cloudflare:*` and `node:*` are the runtime's own; `.txt`, `.html`, `.sql` are imported as text.
 * @param folder where the modules go, absolute; whatever is there is removed
 * @throws Error with esbuild's own message when the sources do not bundle
 */
export async function buildWorker(
  worker: WorkerDefinition,
  folder: string,
  options: { minify?: boolean } = {},
): Promise<WorkerBundle> {
  rmSync(folder, { recursive: true, force: true });
  const apart: string[] = [];
  const { outputs } = await bundle({
    entryPoints: { [path.parse(ENTRY_MODULE).name]: worker.main },
    outdir: folder,
    outExtension: { ".js": path.extname(ENTRY_MODULE) },
    splitting: true,
    chunkNames: "[name]-[hash]",
    platform: "neutral",
    mainFields: ["browser", "module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    define: { "process.env.NODE_ENV": '"production"', "navigator.userAgent": '"Cloudflare-Workers"', ...worker.define },
    alias: { ...worker.alias },
    loader: { ".txt": "text", ".html": "text", ".sql": "text" },
    minify: options.minify ?? false,
    plugins: [codeApart(apart)],
  });
  for (const file of apart) copyFileSync(file, path.join(folder, CODE_INDEX));
  const { core, lazy } = sortModules(outputs);
  return { folder, core, lazy: [...lazy, ...apart.map(() => CODE_INDEX)] };
}

/** What names the user's code stays a module of its own, which a deployment with code replaces. @param found gets its file */
function codeApart(found: string[]): Plugin {
  return {
    name: "code-apart",
    setup: (build) => {
      build.onResolve({ filter: /\/deployed-code\.mjs$/ }, ({ path: imported, resolveDir }) => {
        const file = path.resolve(resolveDir, imported);
        if (!found.includes(file)) found.push(file);
        return { path: `./${CODE_INDEX}`, external: true };
      });
    },
  };
}

/** Which modules the entry cannot start without. */
function sortModules(outputs: Metafile["outputs"]): Pick<WorkerBundle, "core" | "lazy"> {
  const byName = new Map(Object.entries(outputs).map(([file, output]) => [path.basename(file), output]));
  const core = new Set([ENTRY_MODULE]);
  for (const name of core)
    for (const { path: imported, kind } of byName.get(name)?.imports ?? [])
      if (kind === "import-statement" && byName.has(path.basename(imported))) core.add(path.basename(imported));
  return { core: [...core], lazy: [...byName.keys()].filter((name) => !core.has(name)).sort() };
}

/**
 * Bundles a Node program with its dependencies to one ES module.
 * @param entry entry module @param external packages that stay imports
 */
export async function buildProgram(
  entry: string,
  outFile: string,
  options: { minify?: boolean; external?: readonly string[] } = {},
): Promise<Bundle> {
  const { outputs } = await bundle({
    entryPoints: [entry],
    outfile: outFile,
    platform: "node",
    // Dependencies that are CommonJS call require(), which an ES module has not got by itself.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    external: [...(options.external ?? [])],
    minify: options.minify ?? false,
  });
  return { file: outFile, bytes: Object.values(outputs).reduce((sum, { bytes }) => sum + bytes, 0) };
}

async function bundle(options: BuildOptions): Promise<Metafile> {
  const esbuild = await loadEsbuild();
  const { metafile } = await esbuild.build({
    ...options,
    bundle: true,
    format: "esm",
    target: "es2024",
    legalComments: "none",
    logLevel: "silent",
    metafile: true,
  });
  return metafile;
}

async function loadEsbuild(): Promise<typeof import("esbuild")> {
  try {
    return await import("esbuild");
  } catch (error) {
    throw new Error("building from source needs the package esbuild (npm install esbuild)", { cause: error });
  }
}
