/** `npm run build [-- FOLDER]`: the bundles of the published package in dist/, or in another folder of this package, with their sizes. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { buildCli, buildOwnProgram } from "../cli/local/build-cli.ts";
import type { WorkerBundle } from "../cli/local/build-worker.ts";
import { buildWorkerFolder, sizeLine } from "../cli/local/gateway-folder.ts";
import { packageRoot } from "../cli/local/package-root.ts";

const dist = path.resolve(packageRoot, process.argv[2] ?? "dist");

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
const [gateway, control, agent, cli] = await Promise.all([
  buildWorkerFolder("wrangler.toml", path.join(dist, "gateway")),
  buildWorkerFolder("workers/control/wrangler.toml", path.join(dist, "control")),
  buildOwnProgram("agent", "mesh-agent/main.ts", dist),
  buildCli(dist),
]);
compilePolicy();
for (const built of [gateway, control]) tellWorker(built);
for (const { file, parts } of [agent, cli]) tell(path.relative(packageRoot, file), [file, ...parts]);

/** `selvage/policy` with its types, which lean on those of hono alone. */
function compilePolicy(): void {
  const tsc = path.join(packageRoot, "node_modules/typescript/bin/tsc");
  const flags =
    "--ignoreConfig --declaration --target es2024 --module esnext --moduleResolution bundler --skipLibCheck";
  const files = ["--types", "node", "--outDir", dist, path.join(packageRoot, "workers/gateway/code/policy.ts")];
  execFileSync(process.execPath, [tsc, ...flags.split(" "), ...files], { cwd: packageRoot, stdio: "inherit" });
}

function tellWorker({ folder, core, lazy }: WorkerBundle): void {
  const files = (names: readonly string[]): string[] => names.map((name) => path.join(folder, name));
  tell(`${path.relative(packageRoot, folder)}/`, files(core));
  for (const name of lazy) tell(`  ${name.replace(/-\w{8}\./, ".")}`, files([name]));
}

function tell(what: string, files: readonly string[]): void {
  process.stdout.write(`${sizeLine(what, files)}\n`);
}
