/** The order of a test run: within what runs together, the files that are known to be long come first, so that none of them is the last. */
import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** By what the end of a run tells, the longest first. The others follow by project and size. */
const LONG = [
  "alone/failures",
  "alone/cache-stores",
  "alone/rotation",
  "usage",
  "config",
  "joining",
  "login",
  "streams",
  "lifecycle",
  "web-sockets",
  "upstreams",
  "api-keys",
  "cache-conformance",
].map((name) => `test/system/${name}.test.ts`);

export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.indexOf(relative(this.ctx.config.root, moduleId));
      return at < 0 ? LONG.length : at;
    };
    const group = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => group(a) - group(b) || rank(a) - rank(b));
  }
}
