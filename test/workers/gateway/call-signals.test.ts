import { expect, test } from "vitest";
import { signalsOf, signalsOfHead } from "../../../workers/gateway/upstream/call-signals.ts";

const LATE_MS = 60_000;
const ended = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));

test("calls that end with the same signal at the same time share what ends them, others do not", () => {
  const nowMs = Date.now();
  const [stop, other] = [new AbortController(), new AbortController()];
  const first = signalsOf(stop.signal, nowMs + LATE_MS, nowMs);
  expect(signalsOf(stop.signal, nowMs + LATE_MS, nowMs + 1)).toBe(first);
  const later = signalsOf(stop.signal, nowMs + LATE_MS + 1, nowMs);
  const apart = signalsOf(other.signal, nowMs + LATE_MS, nowMs);
  expect(signalsOf(undefined, nowMs + LATE_MS, nowMs)).not.toBe(signalsOf(undefined, nowMs + LATE_MS, nowMs));
  stop.abort();
  expect([first, later, apart].map(({ signal }) => signal.aborted)).toEqual([true, true, false]);
  // Whoever asks why learns that it was not the time.
  expect([first, later, apart].some(({ deadline }) => deadline.aborted)).toBe(false);
});

test("a call ends when its time is up, with or without somebody else who may end it", async () => {
  const nowMs = Date.now();
  const alone = signalsOf(undefined, nowMs + 10, nowMs);
  const held = signalsOf(new AbortController().signal, nowMs + 10, nowMs);
  await Promise.all([alone, held].map(({ signal }) => ended(signal)));
  expect([alone, held].every(({ deadline }) => deadline.aborted)).toBe(true);
});

test("the time of a stream is that of its head", async () => {
  const nowMs = Date.now();
  const [answered, waiting] = [
    signalsOfHead({ deadlineAtMs: nowMs + 10 }, nowMs),
    signalsOfHead({ deadlineAtMs: nowMs + 10 }, nowMs),
  ];
  answered.clear?.();
  await ended(waiting.signal);
  expect(answered.signal.aborted).toBe(false);
});
