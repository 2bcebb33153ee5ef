/** Waiting for a rotation of the certificate authority, step by step; it goes on without anybody who waits. */
import { setTimeout as sleep } from "node:timers/promises";
import type { CaStatus, ForceRequest } from "../shared/wire/ca.ts";
import { CliError, exitCodes } from "./cli-error.ts";
import type { ControlClient } from "./control-client.ts";
import { author } from "./options.ts";
import { ago, say } from "./output.ts";

type Rotation = NonNullable<CaStatus["rotation"]>;

export interface RotationWait {
  /** Absent: as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** Whom steps do not wait for. Absent: everybody is waited for. */
  readonly force?: ForceRequest["whom"] | undefined;
}

const POLL_MS = 200;
const STEPS = {
  trust: "1 of 3: every agent learns the new root",
  renew: "2 of 3: every agent gets a certificate of the new issuer",
  remove: "3 of 3: every agent forgets the old root",
} as const;

/**
 * Waits until no rotation is under way; progress goes to stderr. A control plane that is away is waited for, too.
 * @throws CliError (exit 1) when the time is over, naming who is waited for
 */
export async function waitForRotation(
  client: Pick<ControlClient, "ca" | "forceCa">,
  { timeoutMs = Number.POSITIVE_INFINITY, force }: RotationWait,
): Promise<CaStatus> {
  const startMs = performance.now();
  for (let said = ""; ; await sleep(POLL_MS)) {
    const found = await client.ca().catch(unreachable);
    const rotation = found instanceof CliError ? undefined : found.rotation;
    if (!(found instanceof CliError) && rotation === undefined) {
      say(`done after ${ago(performance.now() - startMs)}`);
      return found;
    }
    const line = rotation === undefined ? "the control plane does not answer, waiting for it" : describeStep(rotation);
    if (line !== said) say(line);
    said = line;
    if (rotation !== undefined && force !== undefined && isUnsaid(rotation, force))
      await client.forceCa({ step: rotation.step, whom: force, author: author() }).catch(passedMeanwhile);
    if (performance.now() - startMs >= timeoutMs)
      throw new CliError(exitCodes.findings, `after ${ago(timeoutMs)}: ${line}; it goes on by itself`);
  }
}

/** What step it is at and who is waited for, one line. */
export function describeStep({ kind, step, waitingFor }: Rotation): string {
  const title = kind === "issuer" ? "every agent gets a certificate of the new issuer" : `step ${STEPS[step]}`;
  const { live, away, named, leaves, leavesNamed, partners } = waitingFor;
  const agents = named.map(({ name, connected }) => (connected ? name : `${name} (away)`));
  if (live + away > 0) return `${title}; waits for ${live + away} agents: ${namedList(agents, live + away)}`;
  if (partners !== undefined) {
    const until = new Date(partners.untilMs).toISOString();
    return `${title}; until ${until} other trust domains have the time to fetch it: ${namedList(partners.named, partners.named.length)}`;
  }
  if (leaves === 0) return title;
  const held = leavesNamed.map(({ name, notAfterMs }) => `${name} until ${new Date(notAfterMs).toISOString()}`);
  return `${title}; waits for ${leaves} certificates of the old root: ${namedList(held, leaves)}`;
}

function namedList(names: readonly string[], count: number): string {
  return `${names.slice(0, 5).join(", ")}${count > Math.min(5, names.length) ? ", ..." : ""}`;
}

const RANK = { none: 0, away: 1, all: 2 } as const;

function isUnsaid({ force, leavesPartners }: Rotation, wanted: ForceRequest["whom"]): boolean {
  return wanted === "partners" ? leavesPartners !== true : RANK[force] < RANK[wanted];
}

function unreachable(error: unknown): CliError {
  if (error instanceof CliError && error.exitCode === exitCodes.unreachable) return error;
  throw error;
}

/** The step was passed between the question and this. */
function passedMeanwhile(error: unknown): void {
  if (!(error instanceof CliError) || error.exitCode === exitCodes.usage) throw error;
}
