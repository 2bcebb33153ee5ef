/**
 * How the certificate authority changes what it signs with, in steps that every agent acknowledges, so that no certificate is
 * ever shown to somebody who does not believe it:
 *
 *   trust   the new root is believed beside the old one; other trust domains, which acknowledge nothing, have the time to fetch it
 *   renew   the new issuer signs, and every agent gets a certificate from it
 *   remove  the old root is believed no longer
 *
 * Another issuer under the same root needs `renew` alone.
 */
import { limits } from "../limits.ts";

export type RotationStep = "trust" | "renew" | "remove";

/** Whom a step does not wait for: nobody, agents that are away and certificates that they may still hold, or anybody. */
export type RotationForce = "none" | "away" | "all";

export interface Rotation {
  readonly kind: "root" | "issuer";
  step: RotationStep;
  /** Since when it is at that step, milliseconds since the epoch. */
  sinceMs: number;
  /** Only grows, and holds for the steps that follow. */
  force: RotationForce;
  /** Other trust domains are not waited for. */
  leavesPartners?: true;
  /** Of a rotation of the root, its fingerprint: in step `trust` the root that comes, later the one that goes. */
  other?: string;
}

/** Plain and serialisable. Roots are named by the SHA-256 of their DER, hex. */
export interface AuthorityState {
  /** The root whose issuer signs. */
  root: string;
  rotation?: Rotation;
}

export type AuthorityEvent =
  /** A new root with its issuer, or a new issuer of the same root, is ready. */
  | { readonly type: "begin"; readonly kind: "root"; readonly root: string }
  | { readonly type: "begin"; readonly kind: "issuer" }
  | {
      readonly type: "tick";
      /** Agents that have not acknowledged the present bundle: connected ones, and ones that are away but remembered. */
      readonly live: number;
      readonly away: number;
      /** Certificates of the root that goes which are valid and whose holder has got none of the new one. */
      readonly leaves: number;
      /** Other trust domains, which fetch the own bundle when they like. Absent: none. */
      readonly partners?: number;
    }
  /** Somebody takes it upon them that those are left behind. */
  | { readonly type: "force"; readonly step: RotationStep; readonly whom: Exclude<RotationForce, "none"> | "partners" }
  /** Gives up what nobody rests on yet. */
  | { readonly type: "abort" };

export interface AuthorityVerdict {
  /** The state is another one now: agents have to hear of it. */
  readonly changed: boolean;
  /** The step that was passed. */
  readonly passed?: RotationStep;
  /** A root that nothing needs any more, neither its certificate nor its key. */
  readonly dropped?: string;
  /** Nothing was changed: why. */
  readonly refused?: string;
}

const UNCHANGED: AuthorityVerdict = { changed: false };

/** Applies one event to `state` in place. */
export function stepAuthority(state: AuthorityState, event: AuthorityEvent, nowMs: number): AuthorityVerdict {
  const { rotation } = state;
  if (event.type === "begin") return begin(state, event, nowMs);
  if (rotation === undefined) return event.type === "tick" ? UNCHANGED : refuse("no rotation is under way");
  if (event.type === "tick") return mayPass(rotation, event, nowMs) ? pass(state, rotation, nowMs) : UNCHANGED;
  if (event.type === "abort") return abort(state, rotation);
  if (event.step !== rotation.step) return refuse(`the rotation is at step ${rotation.step}, not ${event.step}`);
  if (event.whom === "partners") rotation.leavesPartners = true;
  else if (rotation.force !== "all") rotation.force = event.whom;
  return { changed: true };
}

function begin(
  state: AuthorityState,
  event: Extract<AuthorityEvent, { type: "begin" }>,
  nowMs: number,
): AuthorityVerdict {
  const { rotation } = state;
  if (rotation !== undefined) return refuse(`a rotation of the ${rotation.kind} is at step ${rotation.step}`);
  if (event.kind === "issuer") {
    state.rotation = { kind: "issuer", step: "renew", sinceMs: nowMs, force: "none" };
    return { changed: true };
  }
  if (event.root === state.root) return refuse("this root signs already");
  state.rotation = { kind: "root", step: "trust", sinceMs: nowMs, force: "none", other: event.root };
  return { changed: true };
}

function mayPass(
  rotation: Rotation,
  { live, away, leaves, partners = 0 }: Extract<AuthorityEvent, { type: "tick" }>,
  nowMs: number,
): boolean {
  const { step, force } = rotation;
  if (force === "all") return true;
  if (partners > 0 && nowMs < partnersUntilMs(rotation)) return false;
  if (force === "away") return live === 0;
  return live + away === 0 && (step !== "renew" || leaves === 0);
}

/**
 * Until when other trust domains have had the time to fetch a new root: its bundle was served for as long as it says itself that
 * it may be used. Milliseconds since the epoch; 0: they are not waited for.
 */
export function partnersUntilMs({ kind, step, sinceMs, leavesPartners }: Rotation): number {
  const isWaiting = kind === "root" && step === "trust" && leavesPartners !== true;
  return isWaiting ? sinceMs + limits.federation.ownRefreshMs : 0;
}

function pass(state: AuthorityState, rotation: Rotation, nowMs: number): AuthorityVerdict {
  const passed = rotation.step;
  const isOver = passed === "remove" || rotation.kind === "issuer";
  if (isOver) {
    delete state.rotation;
    return { changed: true, passed, ...(rotation.other !== undefined && { dropped: rotation.other }) };
  }
  if (passed === "trust" && rotation.other !== undefined) {
    const { root } = state;
    state.root = rotation.other;
    rotation.other = root;
  }
  rotation.step = passed === "trust" ? "renew" : "remove";
  rotation.sinceMs = nowMs;
  return { changed: true, passed };
}

function abort(state: AuthorityState, { step, other }: Rotation): AuthorityVerdict {
  if (step !== "trust" || other === undefined)
    return refuse("agents have certificates of the new issuer already: let it go on, then rotate again");
  delete state.rotation;
  return { changed: true, dropped: other };
}

const refuse = (refused: string): AuthorityVerdict => ({ changed: false, refused });

/** Fingerprints of the roots that agents are to believe, the one that signs first. */
export function believedRoots({ root, rotation }: AuthorityState): string[] {
  return rotation?.other === undefined || rotation.step === "remove" ? [root] : [root, rotation.other];
}

/** Whether agents are to renew certificates that are not of the present issuer. */
export function mustRenew({ rotation }: AuthorityState): boolean {
  return rotation?.step === "renew" || rotation?.step === "remove";
}

/**
 * How soon to look again who is waited for: often at first, less and less for those that stay away.
 * @returns milliseconds; infinite while no rotation is under way
 */
export function lookAgainMs({ rotation }: AuthorityState, nowMs: number, everyMs: number, atMostMs: number): number {
  if (rotation === undefined) return Number.POSITIVE_INFINITY;
  const waitMs = Math.min(atMostMs, Math.max(everyMs, (nowMs - rotation.sinceMs) / 20));
  const partnersMs = partnersUntilMs(rotation) - nowMs;
  return partnersMs > 0 ? Math.min(waitMs, partnersMs) : waitMs;
}

/**
 * The time over which agents spread their renewals, so that the authority signs for so many a second.
 * @param agents that are connected
 */
export function renewWithinMs(agents: number, eachMs: number, leastMs: number, mostMs: number): number {
  return Math.min(mostMs, Math.max(leastMs, agents * eachMs));
}
