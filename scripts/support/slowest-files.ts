/** Tells at the end of a test run which files took longest, so that they are seen before the run is too long. */
import { relative } from "node:path";
import type { Reporter, TestModule } from "vitest/node";

const TOLD = 10;

export default class SlowestFiles implements Reporter {
  /** Counts from a file's import over its hooks, such as the start of a system, to its last test. */
  onTestRunEnd(files: readonly TestModule[]): void {
    const times = files.map((file) => {
      const { collectDuration, duration } = file.diagnostic();
      return { name: relative(process.cwd(), file.moduleId), ms: collectDuration + duration };
    });
    const slowest = times.sort((a, b) => b.ms - a.ms).slice(0, TOLD);
    const lines = slowest.map(({ name, ms }) => `${(ms / 1000).toFixed(1).padStart(7)} s  ${name}`);
    console.log(`\nThe slowest files:\n${lines.join("\n")}`);
  }
}
