/** What takes longer to show of streams: memory while 1,000 WebSockets are open, and while 100 MB go up and down. */
import { once } from "node:events";
import { get, request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type StreamWorld, startStreamWorld, type Way } from "../support/stream-world.ts";
import { until } from "../support/system.ts";

let world: StreamWorld;
beforeAll(async () => {
  world = await startStreamWorld();
}, 120_000);
afterAll(() => world?.stop());

const WAYS: readonly Way[] = ["origin", "mesh"];
const BYTES = 100_000_000;
/** Less than a body, more than what collectors of garbage leave lying. */
const GROWTH_MAX_MIB = 85;

/** What memory was at most while something went on. */
async function peakDuring(work: () => Promise<unknown>): Promise<Readonly<Record<"front" | "workerd", number>>> {
  const peak = { ...world.memory() };
  const timer = setInterval(() => {
    const { front, workerd } = world.memory();
    peak.front = Math.max(peak.front, front);
    peak.workerd = Math.max(peak.workerd, workerd);
  }, 100);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return peak;
}

/** @param framed whether the length is stated */
async function upload(way: Way, id: string, framed: boolean): Promise<string> {
  const headers = framed ? { "content-length": BYTES } : {};
  const asked = request(world.url(`/${way}/sink?id=${id}`), { method: "PUT", headers });
  const answered = once(asked, "response");
  const chunk = Buffer.alloc(100_000, "u");
  for (let sent = 0; sent < BYTES; sent += chunk.length) if (!asked.write(chunk)) await once(asked, "drain");
  asked.end();
  const [response] = await answered;
  let text = "";
  for await (const part of response) text += part;
  return text;
}

/** Reads no faster than so many bytes a second; 0: as fast as it can. */
async function download(way: Way, bytesPerSecond: number): Promise<number> {
  const [response] = await once(get(world.url(`/${way}/file?bytes=${BYTES}`)), "response");
  const beganMs = performance.now();
  let bytes = 0;
  for await (const part of response) {
    bytes += part.length;
    const aheadMs = bytesPerSecond === 0 ? 0 : beganMs + (bytes * 1_000) / bytesPerSecond - performance.now();
    if (aheadMs > 5) await new Promise((done) => setTimeout(done, aheadMs));
  }
  return bytes;
}

async function echo(socket: WebSocket, text: string): Promise<string> {
  const answer = once(socket, "message");
  socket.send(text);
  return String((await answer)[0]);
}

test.each(WAYS)("100 MB up and down, fast and slow, in constant memory: %s", async (way) => {
  await download(way, 0);
  // Counting makes garbage, of which an isolate has its fill after this.
  await upload(way, `warm-${way}`, false);
  const before = world.memory();
  const up = await peakDuring(async () => expect(await upload(way, `up-${way}`, true)).toBe(String(BYTES)));
  const chunked = await peakDuring(async () => expect(await upload(way, `chunked-${way}`, false)).toBe(String(BYTES)));
  const down = await peakDuring(async () => expect(await download(way, 0)).toBe(BYTES));
  const slow = await peakDuring(async () => expect(await download(way, 20_000_000)).toBe(BYTES));
  console.log(`100 MB, ${way}, resident MiB:`, JSON.stringify({ before, up, chunked, down, slow }));
  for (const peak of [up, chunked, down, slow]) {
    expect(peak.front - before.front).toBeLessThan(GROWTH_MAX_MIB);
    expect(peak.workerd - before.workerd).toBeLessThan(GROWTH_MAX_MIB);
  }
});

test("1,000 WebSockets at once, that all are answered, and an end of which nothing is left", async () => {
  for (const way of WAYS) {
    const before = world.memory();
    const sockets: WebSocket[] = [];
    for (let at = 0; at < 1_000; at += 100) {
      const some = Array.from({ length: 100 }, () => new WebSocket(`ws://127.0.0.1:${world.plain}/${way}/echo`));
      await Promise.all(some.map((socket) => once(socket, "open")));
      sockets.push(...some);
    }
    const open = world.memory();
    const answers = await Promise.all(sockets.map((socket, at) => echo(socket, `message ${at}`)));
    expect(answers).toEqual(sockets.map((_, at) => `message ${at}`));
    const talked = world.memory();
    const ended = world.ended().length;
    for (const socket of sockets) socket.close(1000);
    await until("all have ended", () => world.ended().length === ended + 1_000);
    console.log(
      `1,000 WebSockets, ${way}, resident MiB:`,
      JSON.stringify({ before, open, talked, after: world.memory() }),
    );
  }
});
