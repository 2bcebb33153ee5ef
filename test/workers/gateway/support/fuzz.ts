import { env } from "cloudflare:workers";

/** How many times longer than in the usual test run: `SELVAGE_FUZZ_FACTOR`. */
const factor = Number((env as unknown as { readonly FUZZ_FACTOR: string }).FUZZ_FACTOR);

/** Settings of fast-check for a fuzz of a field, longer by hand (`npm run test:long -- fuzz`) than in the usual run. */
export function fuzzing(numRuns: number, limitMs?: number): { numRuns: number; interruptAfterTimeLimit?: number } {
  return {
    numRuns: numRuns * factor,
    ...(limitMs !== undefined && { interruptAfterTimeLimit: limitMs * factor }),
  };
}
