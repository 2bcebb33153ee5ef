/** One seed: a world, a while in which things happen and fail, and then rest, in which everything has to converge. */
import { notBack, unsettled } from "./convergence.ts";
import { begin, endCanary, happen, mend } from "./happenings.ts";
import { MeshWorld, type WorldOptions } from "./mesh-world.ts";
import { type RuleName, Violation } from "./violation.ts";

/** After this without faults everything is as it should be: the longest pause before a renewal is in it. */
export const CONVERGED_MS = 75_000;
const LOOK_MS = 250;
const FORCE_LOOKS = 20_000 / LOOK_MS;
/** Nobody waits for a canary that gets no requests. */
const END_LOOKS = 6_000 / LOOK_MS;
const TRACE_LINES = 150;

export interface MeshOutcome {
  readonly seed: number;
  readonly broken?: RuleName;
  readonly text?: string;
  /** How long it took to converge, virtual milliseconds. */
  readonly convergedMs: number;
  readonly lastEvents: readonly string[];
}

/** Runs one seed; a broken rule ends it. */
export function runMesh(options: WorldOptions & { readonly traced?: boolean; readonly lines?: number }): MeshOutcome {
  const lines: string[] = [];
  const trace = (node: string, text: string): void => {
    lines.push(`${(world.events.nowMs / 1000).toFixed(3).padStart(8)} ${node}: ${text}`);
    if (lines.length > (options.lines ?? TRACE_LINES)) lines.shift();
  };
  const world = new MeshWorld({ ...options, ...(options.traced === true && { trace }) });
  const { seed } = options;
  try {
    const convergedMs = live(world);
    return { seed, convergedMs, lastEvents: lines };
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { seed, broken: error.rule, text: error.message, convergedMs: -1, lastEvents: lines };
  }
}

function live(world: MeshWorld): number {
  begin(world);
  const { events, rules } = world;
  const endMs = 10_000 + world.random() * 35_000;
  const everyMs = 200 + world.random() * 2_000;
  const next = (): void => {
    happen(world);
    const atMs = events.nowMs + 2 * world.random() * everyMs;
    if (atMs < endMs) events.at(atMs, next);
  };
  events.at(300 + world.random() * 3_000, next);
  while (events.nowMs < endMs) {
    events.runUntil(Math.min(endMs, events.nowMs + LOOK_MS));
    rules.lookAtViews();
    rules.lookAtVersions();
  }
  return rest(world, mend(world));
}

function rest(world: MeshWorld, sinceMs: number): number {
  const { events, rules } = world;
  events.runUntil(sinceMs);
  for (let looks = 1; ; looks++) {
    events.runUntil(events.nowMs + LOOK_MS);
    rules.lookAtViews();
    rules.lookAtVersions();
    const restedMs = events.nowMs - sinceMs;
    const left = unsettled(world);
    if (left === undefined) return restedMs;
    if (restedMs > CONVERGED_MS + rules.slowMs) {
      const isBack = notBack(world) === undefined;
      throw new Violation(isBack ? "everything converges" : "who is enrolled comes back", left);
    }
    if (looks % FORCE_LOOKS === 0) goOn(world);
    const phase = world.config.canary.open?.state.phase;
    if (phase === "running" && looks % END_LOOKS === 0) endCanary(world);
  }
}

/** Operators do not wait for who does not come back; nor, once all others are done, for who gets no certificate any more. */
function goOn({ authority, rules, agents }: MeshWorld): void {
  const { rotation, root } = authority.state;
  if (rotation === undefined) return;
  const isDone = agents.every((agent) => !rules.canRenew(agent) || agent.leaf?.root === root);
  rules.isForced = true;
  authority.serve(() => authority.force(rotation.step === "renew" && isDone ? "all" : "away"));
}
