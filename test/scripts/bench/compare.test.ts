import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { compare, cpuRatio, middleRatio, spreadOf } from "../../../bench/support/compare.ts";
import { runLoad } from "../../../bench/support/load.ts";

// Processes are started here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 30_000 });

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Answers each head with what `answer` gives for its number. @returns its port */
async function serve(answer: (count: number) => string): Promise<number> {
  let count = 0;
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => socket.write(answer(count++)));
  });
  closers.push(() => server.close());
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return (server.address() as AddressInfo).port;
}

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

describe("runLoad", () => {
  test("counts what is answered with 2xx apart from what is not", async () => {
    const port = await serve((count) => (count % 2 === 0 ? OK : "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"));
    const { requests, failures } = await runLoad({ port, path: "/", connections: 2, durationMs: 100 });
    expect(requests).toBeGreaterThan(1);
    expect(Math.abs(requests - failures)).toBeLessThanOrEqual(1);
  });

  test("keeps to a rate in open loop", async () => {
    const port = await serve(() => OK);
    const load = { port, path: "/", connections: 4, durationMs: 500, ratePerSecond: 200 };
    const { requests, durationMs } = await runLoad(load);
    expect(requests).toBeGreaterThan(0);
    expect(requests).toBeLessThanOrEqual((durationMs / 1000) * 200 + 1);
  });

  test("asks for several paths in turn", async () => {
    const asked: string[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (head) => {
        asked.push(String(head).split(" ", 2)[1] ?? "");
        socket.write(OK);
      });
    });
    closers.push(() => server.close());
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    await runLoad({ port, path: "/", paths: ["/a", "/b", "/b"], connections: 1, durationMs: 50 });
    expect(asked.slice(0, 6)).toEqual(["/a", "/b", "/b", "/a", "/b", "/b"]);
  });

  test("fails when the server closes a connection", async () => {
    const port = await serve(() => "HTTP/1.1 200 OK\r\n\r\n");
    await expect(runLoad({ port, path: "/", connections: 1, durationMs: 100 })).rejects.toThrow();
  });
});

describe("compare", () => {
  test.runIf(process.platform === "linux")("runs the variants in turn and counts their CPU", async () => {
    const seen: string[] = [];
    const variant = async (name: string) => {
      const port = await serve(() => {
        if (seen.at(-1) !== name) seen.push(name);
        return OK;
      });
      return { name, pids: [process.pid], load: { port, path: "/", connections: 1 } };
    };
    const variants = [await variant("a"), await variant("b")];
    const rounds = await compare(variants, { rounds: 2, durationMs: 60, warmUpMs: 20 });
    expect(seen).toEqual(["a", "b", "a", "b", "a", "b"]);
    expect(rounds.get("a")).toHaveLength(2);
    expect(rounds.get("b")?.every(({ requestsPerSecond }) => requestsPerSecond > 0)).toBe(true);
  });

  test.runIf(process.platform === "linux")("tells what a short round has used where a tick is too coarse", async () => {
    const port = await serve(() => OK);
    const variant = { name: "a", pids: [process.pid], load: { port, path: "/", connections: 1 } };
    const rounds = await compare([variant], { rounds: 4, durationMs: 20, warmUpMs: 20, fine: true });
    const used = rounds.get("a")?.map((one) => one.cpuMicrosecondsPerRequest * one.requestsPerSecond) ?? [];
    expect(used).toHaveLength(4);
    // A tick of 10 ms is half a second's worth of one of these rounds.
    expect(new Set(used.map((one) => Math.round(one))).size).toBe(4);
    expect(used.every((one) => one > 0)).toBe(true);
  });

  test.runIf(process.platform === "linux")("prepares a variant before each of its loads", async () => {
    const seen: string[] = [];
    const port = await serve(() => {
      if (seen.at(-1) !== "load") seen.push("load");
      return OK;
    });
    const load = { port, path: "/", connections: 1 };
    const variant = { name: "a", pids: [process.pid], load, prepare: () => void seen.push("prepare") };
    await compare([variant], { rounds: 2, durationMs: 60, warmUpMs: 20 });
    expect(seen).toEqual(["prepare", "load", "prepare", "load", "prepare", "load"]);
  });
});

const round = (cpuMicrosecondsPerRequest: number) => ({
  cpuMicrosecondsPerRequest,
  requestsPerSecond: 1,
  p50Ms: 1,
  p90Ms: 1,
});

test("the middle of many rounds leaves out what disturbs some, and says how far it may be off", () => {
  const peers = Array.from({ length: 8 }, () => round(10));
  const ratios = [1.1, 1.2, 9, 1.1, 1.2, 0.1, 1.1, 1.2].map((ratio) => round(10 * ratio));
  const { median, min, max } = middleRatio(ratios, peers);
  expect(median).toBeCloseTo(1.15);
  expect(min).toBeLessThanOrEqual(median);
  expect(max).toBeGreaterThanOrEqual(median);
  expect(middleRatio(peers, peers)).toEqual({ median: 1, min: 1, max: 1 });
});

test("spread and ratio are of the rounds, each with its peer", () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
  expect(cpuRatio([round(20), round(60)], [round(10), round(20)])).toEqual({ median: 2.5, min: 2, max: 3 });
});
