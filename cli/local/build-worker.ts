/** Bundles with esbuild, which is loaded only when something is built: an installed package has its bundles in dist/. */
import type { BuildOptions } from "esbuild";
import type { WorkerDefinition } from "./wrangler-config.ts";

export interface Bundle {
  readonly file: string;
  readonly bytes: number;
}

/**
 * Bundles a Worker to one ES module, as wrangler does: conditions workerd, worker, browser; `cloudflare:*` and `node:*`
 * are the runtime's own; `.txt`, `.html`, `.sql` are imported as text.
 * @param outFile where the module goes; folders are made
 * @throws Error with esbuild's own message when the sources do not bundle
 */
export async function buildWorker(
  worker: WorkerDefinition,
  outFile: string,
  options: { minify?: boolean } = {},
): Promise<Bundle> {
  return bundle({
    entryPoints: [worker.main],
    outfile: outFile,
    platform: "neutral",
    mainFields: ["browser", "module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    define: { "process.env.NODE_ENV": '"production"', "navigator.userAgent": '"Cloudflare-Workers"', ...worker.define },
    alias: { ...worker.alias },
    loader: { ".txt": "text", ".html": "text", ".sql": "text" },
    minify: options.minify ?? false,
  });
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
  return bundle({
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
}

async function bundle(options: BuildOptions & { outfile: string }): Promise<Bundle> {
  const esbuild = await loadEsbuild();
  const result = await esbuild.build({
    bundle: true,
    format: "esm",
    target: "es2024",
    legalComments: "none",
    logLevel: "silent",
    metafile: true,
    ...options,
  });
  const bytes = Object.values(result.metafile?.outputs ?? {}).reduce((sum, output) => sum + output.bytes, 0);
  return { file: options.outfile, bytes };
}

async function loadEsbuild(): Promise<typeof import("esbuild")> {
  try {
    return await import("esbuild");
  } catch (error) {
    throw new Error("building from source needs the package esbuild (npm install esbuild)", { cause: error });
  }
}
