/** Waiting on Workers: never without an end, never on a promise of another request. */

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The promise's value, or undefined when it takes longer. It goes on by itself; its late failure is swallowed. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  promise.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Looks again and again, by timers of its own, until something another request does is over.
 * @param pollMsMax longest pause between two looks
 * @returns whether it is
 */
export async function until(isOver: () => boolean, ms: number, pollMsMax: number = POLL_MAX_MS): Promise<boolean> {
  const endMs = Date.now() + ms;
  for (let pauseMs = POLL_MIN_MS; !isOver(); pauseMs = Math.min(2 * pauseMs, pollMsMax)) {
    if (Date.now() >= endMs) return false;
    await sleep(pauseMs);
  }
  return true;
}

/** Many requests may wait for one slow call: short waits stay short, long ones cost little. */
const POLL_MIN_MS = 5;
const POLL_MAX_MS = 80;
