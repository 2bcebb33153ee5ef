/**
 * The whole test run: the laws, the types, the format and the bundles at once, then every vitest project. Each step runs whatever the
 * others said; the end tells the slowest files and what failed. The last line is `N passed, N failed`: tests, and each step before them
 * as one.
 *
 * A few files that failed run once more, with nothing beside them: what passes then is told as unsteady, by name, and fails nothing. A
 * loaded machine costs nobody his change so, and a race is still on record.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, relative, resolve } from "node:path";

interface Outcome {
  readonly passed: number;
  /** Names of what failed. */
  readonly failures: readonly string[];
  /** Names of what failed at first and passed when it ran again. */
  readonly unsteady?: readonly string[];
}

/** More files than these are no accident of the machine. */
const FILES_AGAIN_MAX = 3;

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

/** Bundles as `npm run build` makes them, in this package, for they look for it around them. What the tests start is these. */
const built = join(root, ".vitest", "built");
const BUNDLES = "bundles";

const checks: readonly (readonly [name: string, command: readonly string[]])[] = [
  ["laws", ["node", "scripts/laws.ts"]],
  ["types of shared", ["tsc", "-p", "shared"]],
  ["types of workers", ["tsc", "-p", "workers"]],
  ["types of the rest", ["tsc", "-p", "."]],
  ["format", ["biome", "check", "--error-on-warnings", "."]],
  [BUNDLES, ["node", "scripts/build.ts", built]],
];

/** Node keeps here what it made of sources: the same programs start hundreds of times in a run, each time in half the time. */
const environment: Record<string, string> = { NODE_COMPILE_CACHE: join(scratch, "compiled") };

/**
 * Exit code of a command of `node_modules/.bin`, its output passed through.
 * @param collect gets the output instead
 */
function run([command = "", ...args]: readonly string[], collect?: (output: string) => void): Promise<number> {
  const path = join(root, "node_modules", ".bin") + delimiter + process.env.PATH;
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: collect === undefined ? "inherit" : ["ignore", "pipe", "pipe"],
      env: { ...environment, ...process.env, PATH: path },
      shell: process.platform === "win32",
    });
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", collect ?? (() => {}));
    child.on("error", (error) => {
      console.error(`${command}: ${error.message}`);
      done(1);
    });
    child.on("close", (code) => done(code ?? 1));
  });
}

async function step(name: string, work: () => Promise<Outcome>): Promise<Outcome> {
  const startedAt = Date.now();
  const outcome = await work();
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(`== ${name}: ${outcome.failures.length === 0 ? "ok" : "FAILED"} in ${seconds} s`);
  return outcome;
}

/** Runs beside the others; what it said comes in one piece, where it failed. */
async function check(name: string, command: readonly string[]): Promise<Outcome> {
  let output = "";
  const code = await run(command, (text) => {
    output += text;
  });
  if (code !== 0) console.log(`\n== ${name}\n${output.trimEnd()}`);
  return code === 0 ? { passed: 1, failures: [] } : { passed: 0, failures: [name] };
}

/** @param args further arguments for vitest, such as a project or a file */
async function tests(args: readonly string[]): Promise<Outcome> {
  const reporters = ["default", "json", "scripts/support/slowest-files.ts"].map((name) => `--reporter=${name}`);
  const code = await run(["vitest", "run", ...reporters, `--outputFile.json=${reportFile}`, ...args]);
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

/** All tests, and those files again that failed, where they are few. */
async function testsTwice(): Promise<Outcome> {
  const first = await tests([]);
  const files = [...new Set(first.failures.map((name) => name.split(": ", 1)[0] ?? name))];
  const areFiles = files.every((file) => file.endsWith(".test.ts"));
  if (files.length === 0 || files.length > FILES_AGAIN_MAX || !areFiles) return first;
  console.log(`\n== once more, alone: ${files.join(", ")}`);
  const { failures } = await tests(["--maxWorkers=1", ...files]);
  const unsteady = first.failures.filter((name) => !failures.includes(name));
  return { passed: first.passed + unsteady.length, failures, unsteady };
}

const list = (title: string, names: readonly string[]): void => {
  if (names.length > 0) console.log(`\n${title}:\n${names.map((name) => `  ${name}`).join("\n")}`);
};

const args = process.argv.slice(2);
const outcomes: Outcome[] = [];
if (args.length === 0)
  outcomes.push(...(await Promise.all(checks.map(([name, command]) => step(name, () => check(name, command))))));
if (args.length === 0 && !outcomes.some(({ failures }) => failures.includes(BUNDLES)))
  environment.SELVAGE_BUILT = built;
console.log("\n== tests");
outcomes.push(await step("tests", () => (args.length === 0 ? testsTwice() : tests(args))));
rmSync(scratch, { recursive: true, force: true });

const failures = outcomes.flatMap((outcome) => outcome.failures);
const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const unsteady = outcomes.flatMap((outcome) => outcome.unsteady ?? []);
list("Unsteady: failed, and passed when they ran again alone", unsteady);
list("Failed", failures);
console.log(`\n${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
