/** Requests over kept-alive connections to several ports in turn, and the status of each answer. */
import { connect, type Socket } from "node:net";
import { ResponseReader } from "../../bench/support/response-reader.ts";

export interface StatusLoad {
  readonly ports: readonly number[];
  /** Path and further header lines of the next request; undefined: there are no more. */
  readonly next: (at: number) => { path: string; clientIp: string } | undefined;
  /** Requests a second, whatever became of those before; absent: each connection as fast as it is answered. */
  readonly ratePerSecond?: number;
  readonly connections: number;
}

/**
 * How many of some equal requests of one client pass a limit.
 * @throws Error when one is neither answered nor refused by it
 */
export async function passedRequests(ports: readonly number[], path: string, requests: number): Promise<number> {
  const next = (at: number) => (at < requests ? { path, clientIp: "192.0.2.1" } : undefined);
  const statuses = await runStatusLoad({ ports, next, connections: 4 });
  const others = [...statuses.keys()].filter((status) => status !== 200 && status !== 429);
  if (others.length > 0) throw new Error(`${path} was answered with ${others.join(", ")}`);
  return statuses.get(200) ?? 0;
}

/** @returns how many answers had each status */
export async function runStatusLoad(load: StatusLoad): Promise<ReadonlyMap<number, number>> {
  const statuses = new Map<number, number>();
  const lanes = await Promise.all(load.ports.map((port) => openLane(port, load.connections)));
  let sent = 0;
  let answered = 0;
  let ended = false;
  const send = (lane: Lane): boolean => {
    // In turn, so that none is idle for so long that the server closes it.
    const socket = lane.idle.shift();
    const request = socket === undefined || ended ? undefined : load.next(sent);
    if (socket === undefined) return false;
    if (request === undefined) {
      lane.idle.unshift(socket);
      ended = true;
      return false;
    }
    sent++;
    socket.write(`GET ${request.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncf-connecting-ip: ${request.clientIp}\r\n\r\n`);
    return true;
  };
  await new Promise<void>((resolve, reject) => {
    const startedAt = performance.now();
    let turn = 0;
    const pump = setInterval(() => {
      const due =
        load.ratePerSecond === undefined
          ? Number.POSITIVE_INFINITY
          : ((performance.now() - startedAt) / 1000) * load.ratePerSecond;
      for (let missed = 0; sent < due && missed < lanes.length; turn++)
        missed = send(lanes[turn % lanes.length] as Lane) ? 0 : missed + 1;
      if (!ended || answered < sent) return;
      clearInterval(pump);
      resolve();
    }, 1);
    for (const lane of lanes)
      for (const socket of lane.idle) {
        const reader = new ResponseReader();
        socket.on("error", reject);
        socket.on("close", () => reject(new Error("the server closed a connection")));
        socket.on("data", (chunk) => {
          for (const status of reader.read(chunk)) {
            answered++;
            statuses.set(status, (statuses.get(status) ?? 0) + 1);
            lane.idle.push(socket);
            if (load.ratePerSecond === undefined) send(lane);
          }
        });
      }
  });
  for (const lane of lanes) for (const socket of lane.idle) socket.destroy();
  return statuses;
}

interface Lane {
  readonly idle: Socket[];
}

async function openLane(port: number, connections: number): Promise<Lane> {
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true }, () => resolve(socket));
      socket.once("error", reject);
    });
  return { idle: await Promise.all(Array.from({ length: connections }, open)) };
}
