/** Round robin over what may be used; endpoints that this request already tried come last. */

export interface RoundRobinState {
  /** Where the next turn starts; any whole number, taken modulo the number of candidates. */
  next: number;
}

export const newRoundRobin = (): RoundRobinState => ({ next: 0 });

/**
 * Picks one of `count` candidates and moves the turn past it.
 * @param usable whether a candidate may take a request now
 * @param tried whether this request was already sent to it
 * @returns its index, or -1 when none is usable
 */
export function roundRobinStep(
  state: RoundRobinState,
  count: number,
  usable: (index: number) => boolean,
  tried: (index: number) => boolean,
): number {
  let fallback = -1;
  for (let turn = 0; turn < count; turn++) {
    const index = (state.next + turn) % count;
    if (!usable(index)) continue;
    if (!tried(index)) {
      state.next = (index + 1) % count;
      return index;
    }
    if (fallback < 0) fallback = index;
  }
  if (fallback >= 0) state.next = (fallback + 1) % count;
  return fallback;
}
