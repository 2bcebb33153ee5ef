/** The public tests of HTTP caches against the gateway, as `npm run test:cache-conformance` runs them. */
import { expect, test } from "vitest";
import { onStage } from "../../bench/support/stage.ts";
import { startCacheTarget } from "../../scripts/support/cache-targets.ts";
import { knownFailures } from "../support/cache-tests/known-failures.ts";
import { startCacheOrigin } from "../support/cache-tests/origin.ts";
import { type Scored, scoreResults } from "../support/cache-tests/score.ts";
import { loadCacheSuite } from "../support/cache-tests/suite.ts";

const ids = (scored: readonly Scored[]): string[] => scored.map(({ id }) => id).sort();

test("the tests that do not pass are those that docs/cache-conformance.md lists", { timeout: 300_000 }, async () => {
  const suite = await loadCacheSuite();
  const origin = await startCacheOrigin(suite);
  const scored = await onStage(async ({ system }) => {
    const base = await startCacheTarget(system, "gateway", origin.port);
    return scoreResults(suite.groups, await suite.run(suite.groups, base ?? ""));
  }).finally(() => origin.stop());
  const failed = scored.filter(({ outcome }) => outcome !== "pass");
  const reasons = failed.map(({ id, reason }) => `${id}: ${reason}`).join("\n");
  for (const kind of ["required", "optimal"] as const)
    expect(ids(failed.filter((one) => one.kind === kind)), reasons).toEqual(
      knownFailures(kind === "required" ? "Required tests" : "Optimal tests").sort(),
    );
});
