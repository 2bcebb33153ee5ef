/** What dies under load, step by step; the system tests run it short, `test/long` long. */
import { setTimeout as delay } from "node:timers/promises";
import type { ProcessEntry } from "../../shared/wire/runtime-files.ts";
import { type Load, type LoadResult, startLoad } from "./load.ts";
import { type System, until } from "./system.ts";

/** GETs of orders, each through two hops of the mesh. */
export function orderLoad(system: System, token: string, rate: number): Load {
  const headers = { authorization: `Bearer ${token}` };
  return startLoad({ rate, url: system.url, make: (index) => ({ path: `/load/orders/${index}`, headers }) });
}

/** Waits for a number of further answers. */
async function answered(load: Load, count: number): Promise<void> {
  const goal = load.succeeded() + count;
  const what = (): string => `${count} further answers, to ${goal} from ${goal - count}; there are ${load.succeeded()}`;
  await until(what, () => load.succeeded() >= goal, 60_000);
}

const inbound = (system: System, name: string): number =>
  system.accessLog(name).filter(({ hop }) => hop === "inbound").length;

/** Starts a killed instance again and waits until requests reach it. */
async function bringBack(system: System, name: string): Promise<void> {
  await system.restart(name);
  const before = inbound(system, name);
  await until(`${name} takes traffic`, () => inbound(system, name) > before);
}

/** Kills processes of one instance in the middle of a load and brings it back. */
export async function killUnderLoad(
  system: System,
  load: Load,
  name: string,
  roles: readonly ProcessEntry["role"][],
): Promise<LoadResult> {
  await answered(load, 50);
  const pids = roles.map((role) => system.process(name, role).pid);
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await answered(load, 200);
  await bringBack(system, name);
  await answered(load, 50);
  return load.stop();
}

export interface StopResult extends LoadResult {
  /** POSTs that were answered with success. */
  readonly posted: number;
  /** POSTs that reached an application, at any instance. */
  readonly carriedOut: number;
}

/** Stops processes of one instance by SIGTERM in the middle of a load of GETs and POSTs and starts it again. */
export async function stopUnderLoad(
  system: System,
  token: string,
  rate: number,
  name: string,
  roles: readonly ProcessEntry["role"][],
): Promise<StopResult> {
  const carriedOutBefore = postsCarriedOut(system);
  const headers = { authorization: `Bearer ${token}` };
  const load = startLoad({
    rate,
    url: system.url,
    make: (index) =>
      index % 2 === 0
        ? { path: `/load/orders/${index}`, headers }
        : {
            path: `/load/orders/${index}`,
            method: "POST",
            headers: { ...headers, "content-type": "application/json", "idempotency-key": `key-${index}` },
            body: JSON.stringify({ quantity: index }),
          },
  });
  await answered(load, 100);
  const pids = roles.map((role) => system.process(name, role).pid);
  for (const pid of pids) process.kill(pid, "SIGTERM");
  await until(`${name} has ended`, () => !system.processes().some((entry) => entry.name === name));
  await answered(load, 200);
  await bringBack(system, name);
  const result = await load.stop();
  const posted = result.answers.filter(({ index }) => index % 2 === 1).length;
  const carriedOut = (): number => postsCarriedOut(system) - carriedOutBefore;
  await until("every POST in a log", () => carriedOut() >= posted).catch(() => undefined);
  return { ...result, posted, carriedOut: carriedOut() };
}

/** By the logs of the agents before them, for an application that has ended can no longer be asked. */
function postsCarriedOut(system: System): number {
  const names = ["orders-v1-1", "orders-v1-2", "orders-v2-1"];
  const entries = names.flatMap((name) => system.accessLog(name));
  return entries.filter(({ hop, method, error }) => hop === "inbound" && method === "POST" && error === undefined)
    .length;
}

/**
 * Takes the control plane away in the middle of a load for some seconds, and waits until every part follows it again.
 * @param signal SIGKILL: connections break; SIGSTOP: they hang
 */
export async function outageUnderLoad(
  system: System,
  load: Load,
  signal: "SIGKILL" | "SIGSTOP",
  seconds: number,
): Promise<LoadResult> {
  await answered(load, 100);
  const pid = system.kill("control", "control", signal);
  await delay(seconds * 1000);
  if (signal === "SIGSTOP") process.kill(pid, "SIGCONT");
  else await system.restart("control");
  let seen = "";
  await until(
    () => `every agent follows the control plane again; the last status: ${seen}`,
    async () => {
      const { code, stdout, stderr } = await system.selvage("status", "--json");
      seen = `${code} ${stdout}${stderr}`;
      const status = stdout === "" ? undefined : JSON.parse(stdout);
      return status?.agents.length > 0 && status.agents.every(({ state }: { state: string }) => state === "current");
    },
    60_000,
  );
  await answered(load, 100);
  return load.stop();
}
