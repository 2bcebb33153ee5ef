/** One seed after the other, until a rule is broken. */
import type { WorldOptions } from "./mesh-world.ts";
import { type MeshOutcome, runMesh } from "./run-mesh.ts";

export interface SeedsOutcome {
  /** The first, with what happened in it. */
  readonly broken?: MeshOutcome;
  /** Of all others, virtual milliseconds. */
  readonly convergedMs: number[];
}

/** Seeds from `from` up to below `to`. A broken one is run again for its trace: it is the same. */
export function runSeeds({
  from,
  to,
  ...options
}: Omit<WorldOptions, "seed"> & { readonly from: number; readonly to: number }): SeedsOutcome {
  const convergedMs: number[] = [];
  for (let seed = from; seed < to; seed++) {
    const outcome = runMesh({ ...options, seed });
    if (outcome.broken !== undefined) return { broken: runMesh({ ...options, seed, traced: true }), convergedMs };
    convergedMs.push(outcome.convergedMs);
  }
  return { convergedMs };
}

/** For people: what is broken, what happened last, and how to see it again. */
export function tellOf({ seed, broken, text, convergedMs, lastEvents }: MeshOutcome): string {
  const end = broken === undefined ? `converged after ${convergedMs} ms` : `broken: ${text}`;
  const again = `SEED=${seed} npx vitest run --project pure test/simulation/mesh/mesh.test.ts`;
  return [`seed ${seed}, the last events (seconds of virtual time):`, ...lastEvents, end, `again: ${again}`].join("\n");
}
