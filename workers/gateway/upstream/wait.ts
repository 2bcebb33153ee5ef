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

/** Looks again and again, by timers of its own, until something another request does is over. @returns whether it is */
export async function until(isOver: () => boolean, ms: number): Promise<boolean> {
  const endMs = Date.now() + ms;
  while (!isOver()) {
    if (Date.now() >= endMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

const POLL_MS = 5;
