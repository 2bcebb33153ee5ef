/**
 * `npm run -s test:cache-conformance -- [--target T] [--id TEST] [--suite DIR] [--json]`: the public tests of HTTP caches against
 * the gateway or a peer. Exit code 0 whatever the score: the test run holds the gateway to it.
 */
import { onStage } from "../bench/support/stage.ts";
import { startCacheOrigin } from "../test/support/cache-tests/origin.ts";
import { countOf, type Scored, scoreResults, scoreTable } from "../test/support/cache-tests/score.ts";
import { type CacheSuite, type CacheTestGroup, loadCacheSuite } from "../test/support/cache-tests/suite.ts";
import { cacheTargets, startCacheTarget } from "./support/cache-targets.ts";
import { ExitError, program, runProgram } from "./support/program.ts";

interface Options {
  readonly target: string;
  readonly id?: string;
  readonly suite?: string;
  readonly json: boolean;
  readonly failures: boolean;
}

const command = program("test:cache-conformance")
  .description("Runs the public tests of HTTP caches.")
  .option("--target <target>", `${cacheTargets.join(", ")}, or a URL before the origin of --port`, "gateway")
  .option("--id <test>", "one test, its traffic shown")
  .option("--suite <folder>", "checkout of another cut of the suite; default: the package http-cache-tests")
  .option("--json", "each test's outcome as one JSON object on the last line", false)
  .option("--no-failures", "the table alone, without the tests that did not pass")
  .action((options: Options) =>
    onStage(async ({ system }) => {
      const suite = await loadCacheSuite(options.suite);
      const groups = options.id === undefined ? suite.groups : onlyTest(suite, options.id);
      if (options.id === undefined) silence();
      const origin = await startCacheOrigin(suite);
      const base = await startCacheTarget(system, options.target, origin.port);
      if (base === undefined) {
        process.stdout.write(`skipped: ${options.target} is not installed\n`);
        return;
      }
      process.stderr.write(`${options.target} at ${base}, before the origin at port ${origin.port}\n`);
      const scored = scoreResults(groups, await suite.run(groups, base));
      process.stdout.write(options.json ? `${JSON.stringify(toObject(scored))}\n` : report(scored, options.failures));
    }).then(() => process.exit(process.exitCode ?? 0)),
  );

function onlyTest({ groups }: CacheSuite, id: string): CacheTestGroup[] {
  const group = groups.find(({ tests }) => tests.some((test) => test.id === id));
  const test = group?.tests.find((one) => one.id === id);
  if (group === undefined || test === undefined) throw new ExitError(2, `no test ${id}`);
  test.dump = true;
  return [{ ...group, tests: [test] }];
}

/** The suite tells by console.log what its server finds odd; here the results tell. */
function silence(): void {
  console.log = () => undefined;
}

function toObject(scored: readonly Scored[]): object {
  const tests = Object.fromEntries(
    scored.map(({ id, kind, outcome, reason }) => [id, { kind, outcome, ...(reason !== "" && { reason }) }]),
  );
  return {
    required: countOf(scored, "required"),
    optimal: countOf(scored, "optimal"),
    check: countOf(scored, "check"),
    tests,
  };
}

function report(scored: readonly Scored[], withFailures: boolean): string {
  const failed = scored.filter(({ kind, outcome }) => kind !== "check" && outcome !== "pass");
  const lines = failed.map(({ kind, outcome, id, name, reason }) => {
    const why = outcome === "dependency" ? "a test that it builds on did not pass" : reason;
    return `${kind === "required" ? "REQUIRED" : "optimal "}  ${id}\n          ${name}\n          ${why}\n`;
  });
  return `${withFailures ? lines.join("") : ""}\n${scoreTable(scored)}\n`;
}

await runProgram(command);
