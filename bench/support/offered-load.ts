/** What is offered to an upstream that carries less: a mix of priorities, by clients that do not wait for each other. */
import { setTimeout as delay } from "node:timers/promises";
import type { Priority } from "../../shared/policy/load-shedding.ts";
import { type LoadResult, runLoad } from "./load.ts";

/** Offered, over what the upstream carries. */
export const LOAD = 3;
export const UNLOADED = 0.3;
export const priorities: readonly Priority[] = ["high", "normal", "low"];
const shares: Readonly<Record<Priority, number>> = { high: 0.2, normal: 0.4, low: 0.4 };
/** After this an answer is of use to nobody: `timeout` of the routes. */
export const TIMEOUT_MS = 1_000;

export interface Measured {
  /** Answers in time, a second. */
  readonly goodput: number;
  readonly p99HighMs: number;
  /** Share of each priority that was not answered. */
  readonly refused: Readonly<Record<Priority, number>>;
}

/** As many connections as keep its workers busy, and hardly more. */
export async function capacityOf(port: number): Promise<number> {
  const { requests, durationMs } = await runLoad({ port, path: "/", connections: 12, durationMs: 5_000 });
  return (requests / durationMs) * 1_000;
}

/** Waits for a route. @throws Error when it never serves */
export async function untilServed(port: number, path: string): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end; await delay(100)) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    await response.arrayBuffer();
    if (response.ok) return;
  }
  throw new Error("the gateway does not serve");
}

/** Requests of all priorities, whatever becomes of those before. */
export async function offer(
  ports: readonly number[],
  upstream: string,
  ratePerSecond: number,
  seconds: number,
): Promise<Measured> {
  const results = await Promise.all(
    priorities.map((priority) =>
      runLoad({
        port: ports[0] ?? 0,
        ports,
        path: `/${upstream}/${priority}`,
        connections: Math.ceil(1.5 * shares[priority] * ratePerSecond * (TIMEOUT_MS / 1_000)) + 10,
        durationMs: seconds * 1_000,
        ratePerSecond: shares[priority] * ratePerSecond,
      }),
    ),
  );
  const share = ({ requests, failures }: LoadResult): number => failures / Math.max(1, requests + failures);
  const refused = Object.fromEntries(priorities.map((priority, at) => [priority, share(results[at] as LoadResult)]));
  const answered = results.reduce((sum, { requests }) => sum + requests, 0);
  return {
    goodput: answered / seconds,
    p99HighMs: results[0]?.latencyMs.p99 ?? Number.NaN,
    refused: refused as Record<Priority, number>,
  };
}
