/** `npm run test:long -- NAME`: the tests that take longer, test/long/NAME.test.ts, run by hand. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { packageRoot } from "../cli/local/package-root.ts";
import { ExitError, program, runProgram } from "./support/program.ts";

const folder = path.join(packageRoot, "test", "long");
const SUFFIX = ".test.ts";

const command = program("test:long")
  .description("Runs one of the long tests.")
  .argument("<name>", `file test/long/NAME${SUFFIX}`)
  .action((name: string) => {
    const file = path.join(folder, `${name}${SUFFIX}`);
    if (!/^[\w-]+$/.test(name) || !existsSync(file)) throw new ExitError(2, `no long test ${name}; ${known()}`);
    const vitest = path.join(path.dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
    const config = path.join(packageRoot, "test", "long", "vitest.config.ts");
    const { status } = spawnSync(process.execPath, [vitest, "run", "--config", config, file], { stdio: "inherit" });
    process.exitCode = status ?? 1;
  });

function known(): string {
  const names = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(SUFFIX)) : [];
  if (names.length === 0) return "there is none yet";
  return `there are ${names.map((file) => file.slice(0, -SUFFIX.length)).join(", ")}`;
}

await runProgram(command);
