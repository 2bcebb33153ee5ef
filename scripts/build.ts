/** `npm run build`: the bundles of the published package in dist/, with their sizes. */
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { type Bundle, buildProgram, buildWorker } from "../cli/local/build-worker.ts";
import { packageRoot } from "../cli/local/package-root.ts";
import { readWorkerDefinition } from "../cli/local/wrangler-config.ts";

const dist = path.join(packageRoot, "dist");
/** Programs that are found where they are installed, and only by those who use them. */
const EXTERNAL = ["esbuild", "workerd"];

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
const bundles = await Promise.all([
  worker("gateway", "wrangler.toml"),
  worker("control", "workers/control/wrangler.toml"),
  nodeProgram("agent", "mesh-agent/main.ts"),
  nodeProgram("cli", "cli/main.ts"),
]);
for (const { file } of bundles) {
  const content = readFileSync(file);
  const size = kibibytes(content.length);
  const gzip = kibibytes(gzipSync(content, { level: 9 }).length);
  process.stdout.write(
    `${path.relative(packageRoot, file).padEnd(20)} ${size.padStart(12)}   gzip ${gzip.padStart(11)}\n`,
  );
}

/** The configuration goes along: `selvage serve` of an installed package reads it. */
function worker(name: string, config: string): Promise<Bundle> {
  const configFile = path.join(packageRoot, config);
  copyFileSync(configFile, path.join(dist, `${name}.toml`));
  return buildWorker(readWorkerDefinition(configFile), path.join(dist, `${name}.mjs`), { minify: true });
}

function nodeProgram(name: string, entry: string): Promise<Bundle> {
  return buildProgram(path.join(packageRoot, entry), path.join(dist, `${name}.mjs`), { external: EXTERNAL });
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
