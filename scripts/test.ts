/**
 * The whole test run: the laws, the types, the format, then every vitest project. Each step runs whatever the others
 * said; the end names what failed. The last line is `N passed, N failed`: tests, and each step before them as one.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, relative, resolve } from "node:path";

interface Outcome {
  readonly passed: number;
  /** Names of what failed. */
  readonly failures: readonly string[];
}

/** What of vitest's JSON report is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const root = resolve(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "selvage-test-"));
const reportFile = join(scratch, "vitest.json");

const checks: readonly (readonly [name: string, command: readonly string[]])[] = [
  ["laws", ["node", "scripts/laws.ts"]],
  ["types of shared", ["tsc", "-p", "shared"]],
  ["types of workers", ["tsc", "-p", "workers"]],
  ["types of the rest", ["tsc", "-p", "."]],
  ["format", ["biome", "check", "--error-on-warnings", "."]],
];

/** Exit code of a command of `node_modules/.bin`, its output passed through. */
function run([command = "", ...args]: readonly string[]): Promise<number> {
  const path = join(root, "node_modules", ".bin") + delimiter + process.env.PATH;
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, PATH: path },
      shell: process.platform === "win32",
    });
    child.on("error", (error) => {
      console.error(`${command}: ${error.message}`);
      done(1);
    });
    child.on("exit", (code) => done(code ?? 1));
  });
}

async function step(name: string, work: () => Promise<Outcome>): Promise<Outcome> {
  console.log(`\n== ${name}`);
  const startedAt = Date.now();
  const outcome = await work();
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(`== ${name}: ${outcome.failures.length === 0 ? "ok" : "FAILED"} in ${seconds} s`);
  return outcome;
}

async function check(name: string, command: readonly string[]): Promise<Outcome> {
  return (await run(command)) === 0 ? { passed: 1, failures: [] } : { passed: 0, failures: [name] };
}

/** @param args further arguments for vitest, such as a project or a file */
async function tests(args: readonly string[]): Promise<Outcome> {
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  const code = await run(["vitest", "run", ...reporters, ...args]);
  let report: Report;
  try {
    report = JSON.parse(readFileSync(reportFile, "utf8"));
  } catch (error) {
    return { passed: 0, failures: [`vitest left no report: ${(error as Error).message}`] };
  }
  const failures = report.testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(root, name);
    const failed = assertionResults.filter((one) => one.status === "failed");
    if (failed.length === 0 && status === "failed") return [`${file}: could not run`];
    return failed.map(({ fullName }) => `${file}: ${fullName}`);
  });
  if (code !== 0 && failures.length === 0) failures.push(`vitest ended with ${code}: an error outside of any test`);
  return { passed: report.numPassedTests, failures };
}

const args = process.argv.slice(2);
const outcomes: Outcome[] = [];
if (args.length === 0)
  for (const [name, command] of checks) outcomes.push(await step(name, () => check(name, command)));
outcomes.push(await step("tests", () => tests(args)));
rmSync(scratch, { recursive: true, force: true });

const failures = outcomes.flatMap((outcome) => outcome.failures);
const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
if (failures.length > 0) console.log(`\nFailed:\n${failures.map((name) => `  ${name}`).join("\n")}`);
console.log(`\n${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
