/**
 * Tokens of unknown keys that wait for the next fetch of a key set. Those of a new key come in numbers, made-up names of
 * keys come once each: a name that came twice keeps its place, one that came once gives it to the next newcomer. So a flood
 * of made-up names holds few requests, and does not push out the tokens of a key that is really new.
 */
import { limits } from "../limits.ts";

/** Requests with one name of a key. */
export interface KeyWait {
  readonly kid: string;
  /** When the first of them came. */
  readonly sinceMs: number;
  count: number;
  /** Whether there was ever more than one. */
  isCrowd: boolean;
  /** Its place was given to another. */
  displaced: boolean;
}

export interface KeyQueue {
  /** Names that came once, oldest first, and those that came again. */
  readonly newcomers: Map<string, KeyWait>;
  readonly crowds: Map<string, KeyWait>;
  waiting: number;
}

export const newKeyQueue = (): KeyQueue => ({ newcomers: new Map(), crowds: new Map(), waiting: 0 });

/** A place for one request, or undefined when there is none. `endKeyWait` gives it back. */
export function beginKeyWait(queue: KeyQueue, kid: string, nowMs: number): KeyWait | undefined {
  if (queue.waiting >= limits.identity.keyWaitsMax) return undefined;
  queue.waiting++;
  const known = queue.crowds.get(kid) ?? queue.newcomers.get(kid);
  if (known !== undefined) {
    known.count++;
    known.isCrowd = true;
    queue.newcomers.delete(kid);
    queue.crowds.set(kid, known);
    return known;
  }
  const wait: KeyWait = { kid, sinceMs: nowMs, count: 1, isCrowd: false, displaced: false };
  queue.newcomers.set(kid, wait);
  if (queue.newcomers.size > limits.identity.keyNewcomersMax) displaceOldest(queue.newcomers);
  return wait;
}

function displaceOldest(newcomers: Map<string, KeyWait>): void {
  for (const oldest of newcomers.values()) {
    oldest.displaced = true;
    newcomers.delete(oldest.kid);
    return;
  }
}

export function endKeyWait(queue: KeyQueue, wait: KeyWait): void {
  queue.waiting--;
  wait.count--;
  if (wait.count > 0) return;
  for (const place of [queue.newcomers, queue.crowds]) if (place.get(wait.kid) === wait) place.delete(wait.kid);
}
