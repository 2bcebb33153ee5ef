/** How long a command takes from its start to its end, beside a Node that does nothing. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buildCli } from "../cli/local/build-cli.ts";
import { packageRoot } from "../cli/local/package-root.ts";
import type { Bench, Figure } from "./support/bench.ts";
import { spreadOf } from "./support/compare.ts";

const FILE = "examples/shop/selvage.yaml";
/** In this package, where bundles find it. */
const BUILT = ".vitest/bench-cli";

interface Command {
  readonly name: string;
  readonly args: readonly string[];
  /** Beside what all have. */
  readonly environment?: Readonly<Record<string, string>>;
}

const selvage = (name: string, line: string, environment = {}): Command => ({
  ...{ name, args: ["bin/selvage.mjs", ...line.split(" ")], environment },
});
const NODE: Command = { name: "node", args: ["-e", "0"] };
const COMMANDS: readonly Command[] = [
  NODE,
  selvage("version", "--version"),
  selvage("help", "help"),
  selvage("status", "status --control http://127.0.0.1:9 --token none"),
  selvage("check", `check ${FILE}`),
  selvage("routes", `routes --file ${FILE}`),
  selvage("explain", `explain GET /load/orders/1 --as a --file ${FILE}`),
  selvage("check_uncached", `check ${FILE}`, { NODE_DISABLE_COMPILE_CACHE: "1" }),
  selvage("check_sources", `check ${FILE}`, { SELVAGE_BUILT: "" }),
];

const bench: Bench = {
  question: "How long does a command take, beside a Node that does nothing?",
  run: async ({ quick, rounds = quick ? 5 : 25, say }) => {
    await buildCli(path.join(packageRoot, BUILT));
    const cache = mkdtempSync(path.join(tmpdir(), "selvage-bench-"));
    const times = new Map(COMMANDS.map(({ name }) => [name, [] as number[]]));
    say(`${rounds} rounds of ${COMMANDS.length} commands`);
    try {
      // The first two fill the cache of what is compiled.
      for (let round = -2; round < rounds; round++)
        for (const command of COMMANDS) {
          const ms = timeOf(command, cache);
          if (round >= 0) times.get(command.name)?.push(ms);
        }
    } finally {
      for (const folder of [cache, path.join(packageRoot, BUILT)]) rmSync(folder, { recursive: true, force: true });
    }
    return [...times].map(
      ([name, all]): Figure => ({ name: `${name}_ms`, what: `${name}, ms`, spread: spreadOf(all) }),
    );
  },
};
export default bench;

function timeOf({ args, environment }: Command, cache: string): number {
  const env = { ...process.env, SELVAGE_BUILT: BUILT, XDG_CACHE_HOME: cache, NO_COLOR: "1", ...environment };
  const startMs = performance.now();
  const { status } = spawnSync(process.execPath, args, { cwd: packageRoot, env, stdio: "ignore" });
  if (status === null) throw new Error(`${args.join(" ")} was ended`);
  return performance.now() - startMs;
}
