/** A Worker as a folder that `wrangler deploy` takes: its ES modules and their configuration. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { parse, stringify } from "smol-toml";
import { CODE_INDEX } from "../code/write-code.ts";
import { buildWorker, ENTRY_MODULE, type WorkerBundle } from "./build-worker.ts";
import { builtFolder, packageRoot } from "./package-root.ts";
import { readWorkerDefinition } from "./wrangler-config.ts";

export const CONFIG_FILE = "wrangler.toml";

/**
 * Builds a Worker of the sources.
 * @param config its wrangler.toml, from the root of the package
 * @param folder where it goes, absolute; whatever is there is removed
 */
export async function buildWorkerFolder(config: string, folder: string): Promise<WorkerBundle> {
  const configFile = path.join(packageRoot, config);
  const bundle = await buildWorker(readWorkerDefinition(configFile), folder);
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
 * @param folder absolute; modules that are there are replaced, a configuration and everything else stay
 */
export async function makeGatewayFolder(folder: string): Promise<void> {
  const made = mkdtempSync(path.join(tmpdir(), "selvage-gateway-"));
  try {
    const built = builtFolder();
    if (built === undefined) await buildWorkerFolder(CONFIG_FILE, made);
    else cpSync(path.join(built, "gateway"), made, { recursive: true });
    if (existsSync(path.join(folder, CONFIG_FILE))) rmSync(path.join(made, CONFIG_FILE));
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(folder).filter(isModule)) rmSync(path.join(folder, name));
    cpSync(made, folder, { recursive: true });
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

const isModule = (name: string): boolean => path.extname(name) === path.extname(ENTRY_MODULE);

/** Whether modules in a folder can be replaced: it is empty, is not there, or was made by this. */
export function isReplaceable(folder: string): boolean {
  if (!existsSync(folder)) return true;
  const names = readdirSync(folder);
  return names.length === 0 || [ENTRY_MODULE, CODE_INDEX].every((name) => names.includes(name));
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
