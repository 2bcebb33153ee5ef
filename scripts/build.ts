/** `npm run build`: the bundles of the published package in dist/, with their sizes. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { parse, stringify } from "smol-toml";
import { type Bundle, buildProgram, buildWorker, ENTRY_MODULE, type WorkerBundle } from "../cli/local/build-worker.ts";
import { packageRoot } from "../cli/local/package-root.ts";
import { readWorkerDefinition } from "../cli/local/wrangler-config.ts";

const dist = path.join(packageRoot, "dist");
/** Programs that are found where they are installed, and only by those who use them. */
const EXTERNAL = ["esbuild", "workerd"];

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
const [gateway, control, agent, cli] = await Promise.all([
  worker("gateway", "wrangler.toml"),
  worker("control", "workers/control/wrangler.toml"),
  nodeProgram("agent", "mesh-agent/main.ts"),
  nodeProgram("cli", "cli/main.ts"),
]);
for (const built of [gateway, control]) tellWorker(built);
for (const { file } of [agent, cli]) tell(path.relative(packageRoot, file), [file]);

/** The configuration goes along, for `wrangler deploy -c` and for `selvage serve` of an installed package. */
async function worker(name: string, config: string): Promise<WorkerBundle> {
  const configFile = path.join(packageRoot, config);
  const bundle = await buildWorker(readWorkerDefinition(configFile), path.join(dist, name), { minify: true });
  const { minify: _, ...settings } = parse(readFileSync(configFile, "utf8"));
  const built = {
    ...settings,
    main: ENTRY_MODULE,
    no_bundle: true,
    find_additional_modules: true,
    rules: [{ type: "ESModule", globs: [`*${path.extname(ENTRY_MODULE)}`] }],
  };
  writeFileSync(
    path.join(bundle.folder, "wrangler.toml"),
    `# Generated from ${config} by npm run build.\n${stringify(built)}`,
  );
  return bundle;
}

function nodeProgram(name: string, entry: string): Promise<Bundle> {
  return buildProgram(path.join(packageRoot, entry), path.join(dist, `${name}.mjs`), { external: EXTERNAL });
}

function tellWorker({ folder, core, lazy }: WorkerBundle): void {
  const files = (names: readonly string[]): string[] => names.map((name) => path.join(folder, name));
  tell(`${path.relative(packageRoot, folder)}/`, files(core));
  for (const name of lazy) tell(`  ${name.replace(/-\w{8}\./, ".")}`, files([name]));
}

/** A line with what the files together weigh. */
function tell(what: string, files: readonly string[]): void {
  const contents = files.map((file) => readFileSync(file));
  const bytes = contents.reduce((sum, content) => sum + content.length, 0);
  const gzip = contents.reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0);
  process.stdout.write(`${what.padEnd(28)} ${kibibytes(bytes).padStart(12)}   gzip ${kibibytes(gzip).padStart(11)}\n`);
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
