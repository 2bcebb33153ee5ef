/** Lines of the access log that are written together: none is lost, none is written twice, and none waits for long. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type Later, LineBuffer } from "../../../workers/gateway/upstream/line-buffer.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function makeBuffer() {
  const written: string[] = [];
  const works: Promise<unknown>[] = [];
  const later = (): Later => ({ waitUntil: (work) => void works.push(work) });
  const buffer = new LineBuffer((text) => written.push(text));
  const add = (line: string, waitMs: number, whose: () => Later): void => buffer.add(line, waitMs, Date.now(), whose);
  return { buffer: { add }, written, works, later };
}

test("without a wait each is written at once, and no request works on", () => {
  const { buffer, written, works, later } = makeBuffer();
  for (const line of ["a", "b"]) buffer.add(line, 0, later);
  expect(written).toEqual(["a", "b"]);
  expect(works).toEqual([]);
});

test("lines wait for one another, and the request of the first writes them all", async () => {
  const { buffer, written, works, later } = makeBuffer();
  for (const line of ["a", "b", "c"]) buffer.add(line, 100, later);
  expect(written).toEqual([]);
  expect(works).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(100);
  expect(written).toEqual(["a\nb\nc"]);
  buffer.add("d", 100, later);
  await vi.advanceTimersByTimeAsync(100);
  expect(written).toEqual(["a\nb\nc", "d"]);
});

test("when the runtime gives up the first request's work, the next line writes what is overdue", () => {
  const { buffer, written } = makeBuffer();
  const gone = (): Later => ({ waitUntil: () => vi.clearAllTimers() });
  buffer.add("a", 100, gone);
  vi.setSystemTime(Date.now() + 99);
  buffer.add("b", 100, gone);
  expect(written).toEqual([]);
  vi.setSystemTime(Date.now() + 1);
  buffer.add("c", 100, gone);
  expect(written).toEqual(["a\nb\nc"]);
});

test("many lines do not wait, and the timer of those that are written leaves the next ones their time", async () => {
  const { buffer, written, later } = makeBuffer();
  const long = "x".repeat(limits.gateway.logBufferedCharsMax);
  buffer.add("a", 100, later);
  await vi.advanceTimersByTimeAsync(60);
  buffer.add(long, 100, later);
  expect(written).toEqual([`a\n${long}`]);
  buffer.add("b", 100, later);
  await vi.advanceTimersByTimeAsync(60);
  expect(written).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(40);
  expect(written).toEqual([`a\n${long}`, "b"]);
});
