/**
 * Which proofs an ingress has seen: each is taken once. An isolate numbers its requests, so that a window of bits for each
 * isolate says it all, as in IPsec (RFC 4303 section 3.4.3): the cost does not grow with the load.
 */

/** What is known of one isolate. */
interface SeenIsolate {
  highest: number;
  /** Bit `count % (32 * length)`: that request was seen. */
  readonly bits: Uint32Array;
  /** `created` of its newest proof, seconds since the epoch by the gateway's clock. */
  newest: number;
}

/** Plain; not stored: an ingress that starts anew has seen nothing. */
export interface HopReplayState {
  readonly isolates: Map<string, SeenIsolate>;
  /** Proofs of unknown isolates are refused that were made then or before: their isolate may have been forgotten. */
  floor: number;
}

export interface HopReplaySettings {
  /** Requests of an isolate that may overtake another one; a multiple of 32. */
  readonly overtakenMax: number;
  readonly isolatesMax: number;
  /** From `created` until no proof of that time is good any more, in seconds, skew on both sides included. */
  readonly goodForSeconds: number;
}

/** A request by its nonce; `created` in seconds since the epoch. */
export interface HopNonce {
  readonly isolate: string;
  readonly count: number;
  readonly created: number;
}

export const newHopReplay = (): HopReplayState => ({ isolates: new Map(), floor: 0 });

/**
 * Takes one proof whose MAC and times were good.
 * @returns why it is refused, or undefined when it is the first of its kind
 */
export function stepHopReplay(
  state: HopReplayState,
  { isolate, count, created }: HopNonce,
  nowMs: number,
  settings: HopReplaySettings,
): string | undefined {
  let seen = state.isolates.get(isolate);
  if (seen === undefined) {
    if (created <= state.floor) return "its isolate is not known, and it is too old for a new one";
    if (state.isolates.size >= settings.isolatesMax) makeRoom(state, nowMs, settings);
    seen = { highest: 0, bits: new Uint32Array(settings.overtakenMax / 32), newest: 0 };
    state.isolates.set(isolate, seen);
  }
  if (count <= seen.highest - settings.overtakenMax) return "too many later requests of its isolate overtook it";
  if (count > seen.highest) advance(seen, count, settings.overtakenMax);
  else if (isSet(seen.bits, count)) return "it was used before";
  set(seen.bits, count);
  if (created > seen.newest) seen.newest = created;
  return undefined;
}

/** Forgets isolates of which no proof can be good any more; where none is, the one heard of the longest ago. */
function makeRoom(state: HopReplayState, nowMs: number, settings: HopReplaySettings): void {
  let oldest: string | undefined;
  let oldestNewest = Number.POSITIVE_INFINITY;
  for (const [isolate, { newest }] of state.isolates) {
    if ((newest + settings.goodForSeconds) * 1000 < nowMs) state.isolates.delete(isolate);
    else if (newest < oldestNewest) {
      oldest = isolate;
      oldestNewest = newest;
    }
  }
  if (state.isolates.size < settings.isolatesMax || oldest === undefined) return;
  state.isolates.delete(oldest);
  state.floor = Math.max(state.floor, oldestNewest);
}

/** Moves the window up to `count`; what enters it was not seen. */
function advance(seen: SeenIsolate, count: number, size: number): void {
  const { bits } = seen;
  if (count - seen.highest >= size) bits.fill(0);
  else for (let next = seen.highest + 1; next <= count; next++) clear(bits, next);
  seen.highest = count;
}

const indexOf = (bits: Uint32Array, count: number): number => Math.floor(count / 32) % bits.length;
const maskOf = (count: number): number => 1 << (count % 32);
const isSet = (bits: Uint32Array, count: number): boolean => ((bits[indexOf(bits, count)] ?? 0) & maskOf(count)) !== 0;

function set(bits: Uint32Array, count: number): void {
  const at = indexOf(bits, count);
  bits[at] = (bits[at] ?? 0) | maskOf(count);
}

function clear(bits: Uint32Array, count: number): void {
  const at = indexOf(bits, count);
  bits[at] = (bits[at] ?? 0) & ~maskOf(count);
}
