/**
 * `npm run -s bench -- NAME [--quick] [--json]`: runs one file of bench/. With --json the last line on stdout is one
 * object: each figure's median under its name, its spread under `<name>_min` and `<name>_max`.
 */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { ExitError, program, runProgram } from "../scripts/support/program.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";

const folder = import.meta.dirname;

const command = program("bench")
  .description("Answers one question of bench/ by measuring.")
  .argument("<name>", "file bench/NAME.ts")
  .option("--quick", "short runs: a first impression", false)
  .option("--rounds <number>", "rounds instead of the benchmark's own number of them", Number)
  .option("--only <parts>", "parts of a benchmark that has some, with commas", (text: string) => text.split(","))
  .option("--json", "figures as one JSON object on the last line", false)
  .action(async (name: string, { json, ...flags }: Omit<BenchOptions, "say"> & { json: boolean }) => {
    if (process.platform !== "linux") throw new ExitError(1, "benchmarks read CPU time from /proc: Linux only");
    const bench = await load(name);
    process.stderr.write(`${bench.question}\n`);
    const figures = await bench.run({ ...flags, say: (line) => void process.stderr.write(`  ${line}\n`) });
    process.stdout.write(json ? `${JSON.stringify(toObject(figures))}\n` : table(figures));
    process.exit(0);
  });

async function load(name: string): Promise<Bench> {
  const file = path.join(folder, `${name}.ts`);
  if (!/^[\w-]+$/.test(name) || name === "run" || !existsSync(file)) {
    const names = readdirSync(folder).filter((entry) => entry.endsWith(".ts") && entry !== "run.ts");
    throw new ExitError(2, `no benchmark ${name}; there are ${names.map((entry) => entry.slice(0, -3)).join(", ")}`);
  }
  return ((await import(file)) as { default: Bench }).default;
}

function toObject(figures: readonly Figure[]): Record<string, number> {
  const object: Record<string, number> = {};
  for (const { name, spread } of figures) {
    object[name] = rounded(spread.median);
    object[`${name}_min`] = rounded(spread.min);
    object[`${name}_max`] = rounded(spread.max);
  }
  return object;
}

function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, spread }) => [
    what,
    String(rounded(spread.median)),
    `${rounded(spread.min)} to ${rounded(spread.max)}`,
  ]);
  const header = ["", "median", "spread"];
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `${row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join("  ")}\n`;
  return `\n${[header, ...rows].map(line).join("")}`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

await runProgram(command);
