/**
 * Keys of one kind that gateways hold and agents believe, and how one replaces another without a refused request: a new key
 * is `next` until every agent has it, then `current` (gateways get it), and believed on as `retired` when another is.
 */

export interface RingKey {
  readonly kid: string;
  state: "next" | "current" | "retired";
  /** Since when it is that, milliseconds since the epoch. */
  sinceMs: number;
}

/** Plain and serialisable: every key that agents believe. */
export interface KeyRing {
  keys: RingKey[];
}

export interface KeyRingSettings {
  /** A current key of this age is to be replaced. */
  readonly everyMs: number;
  /** How long a next key waits for agents that lack it. */
  readonly waitMaxMs: number;
  /** How long a retired key is believed, and at least where there are too many. */
  readonly keptMs: number;
  readonly keptMinMs: number;
  readonly keysMax: number;
}

export type KeyRingEvent =
  /**
   * A key was made. `now`: it is current at once, whoever lacks it; `revoke`: all others are dropped, which refuses what they
   * signed.
   */
  | { readonly type: "made"; readonly kid: string; readonly now: boolean; readonly revoke: boolean }
  /** @param lagging agents that do not have all keys of the ring yet */
  | { readonly type: "tick"; readonly lagging: number };

export interface KeyRingVerdict {
  /** The ring is another one now. */
  readonly changed: boolean;
  /** Kids that nobody believes any more. */
  readonly dropped: readonly string[];
  /** Nothing was changed: why. */
  readonly refused?: string;
}

/** Applies one event to `ring` in place. */
export function stepKeyRing(
  ring: KeyRing,
  event: KeyRingEvent,
  nowMs: number,
  settings: KeyRingSettings,
): KeyRingVerdict {
  return event.type === "made" ? add(ring, event, nowMs, settings) : tick(ring, event.lagging, nowMs, settings);
}

function add(
  ring: KeyRing,
  { kid, now, revoke }: Extract<KeyRingEvent, { type: "made" }>,
  nowMs: number,
  settings: KeyRingSettings,
): KeyRingVerdict {
  const made: RingKey = { kid, state: now ? "current" : "next", sinceMs: nowMs };
  if (revoke) {
    const dropped = ring.keys.map((key) => key.kid);
    ring.keys = [made];
    return { changed: true, dropped };
  }
  if (!now && keyIn(ring, "next") !== undefined)
    return { changed: false, dropped: [], refused: "a new key waits for agents that do not have it yet" };
  // Nobody signs with a key that was next: the one that is wanted now takes its place.
  const dropped = ring.keys.filter(({ state }) => state === "next").map((key) => key.kid);
  const full = ring.keys.length - dropped.length >= settings.keysMax;
  if (full) {
    const oldest = oldestRetired(ring);
    if (oldest === undefined || nowMs - oldest.sinceMs < settings.keptMinMs)
      return { changed: false, dropped: [], refused: `tokens of ${settings.keysMax} keys are still believed` };
    dropped.push(oldest.kid);
  }
  drop(ring, dropped);
  if (now) retire(ring, nowMs);
  ring.keys.push(made);
  return { changed: true, dropped };
}

function tick(ring: KeyRing, lagging: number, nowMs: number, settings: KeyRingSettings): KeyRingVerdict {
  const next = keyIn(ring, "next");
  const isTime = next !== undefined && (lagging === 0 || nowMs - next.sinceMs >= settings.waitMaxMs);
  if (isTime) {
    retire(ring, nowMs);
    next.state = "current";
    next.sinceMs = nowMs;
  }
  const over = ring.keys.filter(({ state, sinceMs }) => state === "retired" && nowMs - sinceMs >= settings.keptMs);
  const dropped = over.map((key) => key.kid);
  drop(ring, dropped);
  return { changed: isTime || dropped.length > 0, dropped };
}

/** Whether the current key has lived long enough, and nobody waits for another one. */
export function rotationIsDue(ring: KeyRing, nowMs: number, settings: Pick<KeyRingSettings, "everyMs">): boolean {
  const current = keyIn(ring, "current");
  return current !== undefined && keyIn(ring, "next") === undefined && nowMs - current.sinceMs >= settings.everyMs;
}

/** When the next tick can change something; milliseconds since the epoch. @param lookEveryMs while agents are waited for */
export function ringDueAt(ring: KeyRing, nowMs: number, settings: KeyRingSettings, lookEveryMs: number): number {
  let atMs = Number.POSITIVE_INFINITY;
  for (const { state, sinceMs } of ring.keys) {
    if (state === "next") return nowMs + lookEveryMs;
    atMs = Math.min(atMs, sinceMs + (state === "current" ? settings.everyMs : settings.keptMs));
  }
  return atMs;
}

export function keyIn(ring: KeyRing, state: RingKey["state"]): RingKey | undefined {
  return ring.keys.find((key) => key.state === state);
}

function oldestRetired(ring: KeyRing): RingKey | undefined {
  const retired = ring.keys.filter(({ state }) => state === "retired");
  return retired.sort((a, b) => a.sinceMs - b.sinceMs)[0];
}

function retire(ring: KeyRing, nowMs: number): void {
  const current = keyIn(ring, "current");
  if (current === undefined) return;
  current.state = "retired";
  current.sinceMs = nowMs;
}

function drop(ring: KeyRing, kids: readonly string[]): void {
  ring.keys = ring.keys.filter(({ kid }) => !kids.includes(kid));
}
