/** Bundles the user's own code with esbuild, which has to be installed for that. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { BuildFailure, BuildOptions, Message, Metafile } from "esbuild";
import { packageRoot } from "../local/package-root.ts";

/** What code may import of the runtime: nothing, for that would be the gateway's own. */
const RUNTIME = ["cloudflare:*", "node:*"];

/** Why code cannot be bundled, for those who wrote it. */
export class CodeFault extends Error {
  override readonly name = "CodeFault";
}

/** esbuild is not installed. */
export class NoBundler extends Error {
  override readonly name = "NoBundler";
}

export interface Bundled {
  readonly outputs: Metafile["outputs"];
  /** Where nothing is written: what would be. */
  readonly texts: readonly string[];
}

/**
 * @param folder of the document, where files and packages are looked for
 * @param options what is bundled, and to where
 * @throws CodeFault, NoBundler
 */
export function bundleCode(folder: string, options: BuildOptions): Bundled {
  const { buildSync } = loadEsbuild();
  try {
    const result = buildSync({
      ...options,
      absWorkingDir: folder,
      bundle: true,
      format: "esm",
      target: "es2024",
      platform: "neutral",
      mainFields: ["browser", "module", "main"],
      conditions: ["workerd", "worker", "browser"],
      external: RUNTIME,
      alias: { "selvage/policy": policyModule() },
      define: { "process.env.NODE_ENV": '"production"' },
      legalComments: "none",
      logLevel: "silent",
      metafile: true,
    });
    refuseRuntime(result.metafile);
    return { outputs: result.metafile.outputs, texts: result.outputFiles?.map(({ text }) => text) ?? [] };
  } catch (cause) {
    if (cause instanceof CodeFault || !("errors" in (cause as object))) throw cause;
    throw new CodeFault((cause as BuildFailure).errors.map(messageText).join("; "), { cause });
  }
}

function refuseRuntime({ inputs }: Metafile): void {
  for (const [file, { imports }] of Object.entries(inputs))
    for (const { path: imported, external } of imports)
      if (external === true)
        throw new CodeFault(
          `${file} imports ${imported}: code has what workers have without imports, and \`services\``,
        );
}

function messageText({ text, location }: Message): string {
  return location === null ? text : `${location.file}:${location.line}: ${text}`;
}

/** The sources of a checkout, or what the package was built with. */
function policyModule(): string {
  const source = path.join(packageRoot, "workers/gateway/code/policy.ts");
  return existsSync(source) ? source : path.join(packageRoot, "dist/policy.js");
}

function loadEsbuild(): typeof import("esbuild") {
  try {
    return createRequire(import.meta.url)("esbuild") as typeof import("esbuild");
  } catch (cause) {
    throw new NoBundler("code of a document needs the package esbuild (npm install esbuild)", { cause });
  }
}
