/** A Worker as a folder that `wrangler deploy` takes: its ES modules and their configuration. */
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { parse, stringify } from "smol-toml";
import { buildWorker, ENTRY_MODULE, type WorkerBundle } from "./build-worker.ts";
import { packageRoot } from "./package-root.ts";
import { readWorkerDefinition } from "./wrangler-config.ts";

export const CONFIG_FILE = "wrangler.toml";

/**
 * Builds a Worker of the sources.
 * @param config its wrangler.toml, from the root of the package
 * @param folder where it goes, absolute; whatever is there is removed
 */
export async function buildWorkerFolder(config: string, folder: string): Promise<WorkerBundle> {
  const configFile = path.join(packageRoot, config);
  const bundle = await buildWorker(readWorkerDefinition(configFile), folder, { minify: true });
  const { minify: _, ...settings } = parse(readFileSync(configFile, "utf8"));
  const built = {
    ...settings,
    main: ENTRY_MODULE,
    no_bundle: true,
    find_additional_modules: true,
    rules: [{ type: "ESModule", globs: [`*${path.extname(ENTRY_MODULE)}`] }],
  };
  writeFileSync(path.join(folder, CONFIG_FILE), `# Generated from ${config}.\n${stringify(built)}`);
  return bundle;
}

/**
 * Makes a folder of the gateway: from the sources of a checkout, or from the bundle of the built package.
 * @param folder absolute; a configuration that is there stays, everything else is removed
 */
export async function makeGatewayFolder(folder: string): Promise<void> {
  const configFile = path.join(folder, CONFIG_FILE);
  const kept = existsSync(configFile) ? readFileSync(configFile, "utf8") : undefined;
  const built = path.join(packageRoot, "dist", "gateway");
  if (existsSync(path.join(packageRoot, "workers/gateway/index.ts"))) await buildWorkerFolder(CONFIG_FILE, folder);
  else cpSync(built, folder, { recursive: true });
  if (kept !== undefined) writeFileSync(configFile, kept);
}

/** Whether a folder can be made anew: it is empty, is not there, or was made by this. */
export function isReplaceable(folder: string): boolean {
  return !existsSync(folder) || readdirSync(folder).length === 0 || existsSync(path.join(folder, ENTRY_MODULE));
}

/** A line with what files together weigh. */
export function sizeLine(what: string, files: readonly string[]): string {
  const contents = files.map((file) => readFileSync(file));
  const bytes = contents.reduce((sum, content) => sum + content.length, 0);
  const gzip = contents.reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0);
  return `${what.padEnd(28)} ${kibibytes(bytes).padStart(12)}   gzip ${kibibytes(gzip).padStart(11)}`;
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
