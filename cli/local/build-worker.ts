/**
 * Bundles Workers with rolldown, which can make one module of all that a Worker begins with, and Node programs with esbuild. Both are
 * loaded only when something is built: an installed package has its bundles in dist/.
 */
import { copyFileSync, rmSync } from "node:fs";
import path from "node:path";
import type { OutputChunk, Plugin } from "rolldown";
import { CODE_INDEX } from "../code/write-code.ts";
import type { WorkerDefinition } from "./wrangler-config.ts";

export interface Bundle {
  /** What is started. */
  readonly file: string;
  /** Modules that it loads, beside it; none where it is one file. */
  readonly parts: readonly string[];
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
const CORE_CHUNK = "core";

/**
 * Bundles a Worker to ES modules: one that is all it begins with, and those that it imports dynamically. Conditions are those of
 * wrangler: workerd, worker, browser; `cloudflare:*` and `node:*` are the runtime's own; `.txt`, `.html`, `.sql` are imported as text.
 * @param folder where the modules go, absolute; whatever is there is removed
 * @throws Error with the bundler's own message when the sources do not bundle
 */
export async function buildWorker(worker: WorkerDefinition, folder: string): Promise<WorkerBundle> {
  rmSync(folder, { recursive: true, force: true });
  const apart: string[] = [];
  const { build } = await load(() => import("rolldown"), "rolldown");
  const { output } = await build({
    input: { [path.parse(ENTRY_MODULE).name]: worker.main },
    platform: "neutral",
    resolve: {
      mainFields: ["browser", "module", "main"],
      conditionNames: ["workerd", "worker", "browser"],
      alias: { ...worker.alias },
    },
    external: [/^cloudflare:/, /^node:/],
    transform: {
      target: "es2024",
      define: {
        "process.env.NODE_ENV": '"production"',
        "navigator.userAgent": '"Cloudflare-Workers"',
        ...worker.define,
      },
    },
    moduleTypes: { ".txt": "text", ".html": "text", ".sql": "text" },
    plugins: [codeApart(apart)],
    logLevel: "silent",
    output: {
      dir: folder,
      format: "esm",
      entryFileNames: `[name]${path.extname(ENTRY_MODULE)}`,
      hashCharacters: "hex",
      chunkFileNames: `[name]-[hash]${path.extname(ENTRY_MODULE)}`,
      comments: { legal: false },
      // The runtime reads all modules, those that nobody asks for too, before it answers first.
      minify: true,
      // What two lazy modules share with the core would else be a module of its own, each with its own names of imports and exports.
      codeSplitting: { groups: [{ name: CORE_CHUNK, tags: ["$initial"] }] },
    },
  });
  for (const file of apart) copyFileSync(file, path.join(folder, CODE_INDEX));
  const { core, lazy } = sortModules(output.filter((one) => one.type === "chunk"));
  return { folder, core, lazy: [...lazy, ...apart.map(() => CODE_INDEX)] };
}

/** What names the user's code stays a module of its own, which a deployment with code replaces. @param found gets its file */
function codeApart(found: string[]): Plugin {
  return {
    name: "code-apart",
    resolveId: {
      filter: { id: /\/deployed-code\.mjs$/ },
      handler: (imported, importer) => {
        const file = path.resolve(path.dirname(importer ?? "."), imported);
        if (!found.includes(file)) found.push(file);
        return { id: `./${CODE_INDEX}`, external: true };
      },
    },
  };
}

/** Which modules the entry cannot start without. */
function sortModules(chunks: readonly OutputChunk[]): Pick<WorkerBundle, "core" | "lazy"> {
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const core = new Set([ENTRY_MODULE]);
  for (const name of core)
    for (const imported of byName.get(name)?.imports ?? []) if (byName.has(imported)) core.add(imported);
  return { core: [...core], lazy: [...byName.keys()].filter((name) => !core.has(name)).sort() };
}

/**
 * Bundles a Node program with its dependencies to one ES module.
 * @param entry entry module @param external packages that stay imports @param split what it imports dynamically, and what modules
 * share, are modules of their own in a folder beside it (`agent-parts/` beside `agent.mjs`; whatever is there is removed): a
 * process keeps the source of what it has loaded
 */
export async function buildProgram(
  entry: string,
  outFile: string,
  options: { minify?: boolean; external?: readonly string[]; split?: boolean } = {},
): Promise<Bundle> {
  const { dir, name, ext } = path.parse(outFile);
  if (options.split) rmSync(path.join(dir, `${name}-parts`), { recursive: true, force: true });
  const esbuild = await load(() => import("esbuild"), "esbuild");
  const { metafile } = await esbuild.build({
    entryPoints: { [name]: entry },
    outdir: dir,
    outExtension: { ".js": ext },
    chunkNames: `${name}-parts/[name]-[hash]`,
    splitting: options.split ?? false,
    platform: "node",
    // Dependencies that are CommonJS call require(), which an ES module has not got by itself.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    external: [...(options.external ?? [])],
    minify: options.minify ?? false,
    bundle: true,
    format: "esm",
    target: "es2024",
    legalComments: "none",
    logLevel: "silent",
    metafile: true,
  });
  const files = Object.keys(metafile.outputs).map((file) => path.resolve(file));
  return { file: outFile, parts: files.filter((file) => file !== path.resolve(outFile)).sort() };
}

async function load<Bundler>(get: () => Promise<Bundler>, name: string): Promise<Bundler> {
  try {
    return await get();
  } catch (error) {
    throw new Error(`building from source needs the package ${name} (npm install ${name})`, { cause: error });
  }
}
