/** What keeps an agent small and quick; V8 takes these at the start of a process alone. */
export const LEAN_FLAGS: readonly string[] = [
  // The young generation, 16 MB by itself. 4 MB cost a busy proxy nothing, 1 MB a seventh of its CPU.
  "--max-semi-space-size=4",
  // A heap of 10 MB is collected sooner than helpers have woken; and functions that are compiled beside the loop, many at a time, leave
  // 25 MB more of memory.
  "--single-threaded",
  // For bodies, see `proxy/body-garbage.ts`.
  "--expose-gc",
  // That `node:ffi` is one is no news to who runs an agent, see `clean-pages.ts`.
  "--disable-warning=ExperimentalWarning",
];

/** @param told options that the process was started with @returns what it was not told, in either way */
export function missingFlags(told: readonly string[]): string[] {
  return LEAN_FLAGS.filter((flag) => {
    const [name = flag] = flag.split("=");
    return !told.some((option) => option.includes(name));
  });
}
