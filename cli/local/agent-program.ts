import { copyFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import { buildProgram } from "./build-worker.ts";
import { builtFolder, packageRoot } from "./package-root.ts";

/**
 * The agent as a few modules, which starts faster and holds less memory than a tree of sources: made from those of a checkout, or
 * that of the built package.
 * @param state state folder
 */
export async function prepareAgent(state: string): Promise<string> {
  const built = builtFolder();
  if (built !== undefined) return path.join(built, "agent.mjs");
  const source = path.join(packageRoot, "mesh-agent", "main.ts");
  const folder = path.join(state, "build");
  const { file } = await buildProgram(source, path.join(folder, "agent.mjs"), { split: true });
  // What agents load into applications is found above the bundle, as in the package.
  mkdirSync(path.join(folder, "bin"), { recursive: true });
  copyFileSync(path.join(packageRoot, "bin", "in-app.cjs"), path.join(folder, "bin", "in-app.cjs"));
  return file;
}
