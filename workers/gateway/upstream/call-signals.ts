/** What ends a call early: its time, or whoever made it. */
export interface CallSignals {
  /** Milliseconds since 1970. */
  readonly deadlineAtMs: number;
  /** Of the time alone. */
  readonly deadline: AbortSignal;
  /** Of either. */
  readonly signal: AbortSignal;
  /** The time counts no longer. Absent: it always does. */
  readonly clear?: () => void;
}

const known = new WeakMap<AbortSignal, CallSignals>();

/**
 * @param ended absent: nobody but the time ends it. Calls that it ends at the same time share their signals, as the parts of an
 *   aggregate do: each is an object of the platform, with a timer or with listeners.
 */
export function signalsOf(ended: AbortSignal | undefined, deadlineAtMs: number, nowMs: number): CallSignals {
  const shared = ended && known.get(ended);
  if (shared?.deadlineAtMs === deadlineAtMs) return shared;
  const deadline = AbortSignal.timeout(deadlineAtMs - nowMs);
  if (ended === undefined) return { deadlineAtMs, deadline, signal: deadline };
  const made = { deadlineAtMs, deadline, signal: AbortSignal.any([deadline, ended]) };
  known.set(ended, made);
  return made;
}

/** Of a call whose time is that of its answer's head. @param nowMs milliseconds since 1970 */
export function signalsOfHead(
  { signal, deadlineAtMs }: { readonly signal?: AbortSignal; readonly deadlineAtMs: number },
  nowMs: number,
): CallSignals {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), deadlineAtMs - nowMs);
  const deadline = late.signal;
  const either = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  return { deadlineAtMs, deadline, signal: either, clear: () => clearTimeout(timer) };
}
