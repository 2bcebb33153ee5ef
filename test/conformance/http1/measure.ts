/** Every row of the tables, read by our engine, by llhttp and, where it is installed, by nginx. */
import { createHttp1Pool } from "../../../mesh-agent/proxy/http1/client-pool.ts";
import { answerOf, requestHead } from "../../support/http1-exchange.ts";
import { createEchoServer } from "./echo-server.ts";
import {
  hasNginx,
  NginxProxy,
  portOf,
  readRequest,
  readResponse,
  readThroughNginx,
  startNodeEcho,
} from "./peer-readers.ts";
import type { RequestReading, ResponseReading, Row } from "./readings.ts";
import type { RequestCase } from "./request-cases.ts";
import { requestTable } from "./request-table.ts";
import type { ResponseCase } from "./response-cases.ts";
import { responseTable } from "./response-table.ts";
import { ScriptedUpstream } from "./scripted-upstream.ts";

const AT_ONCE = 32;
/** Silence after which a listener is taken to wait for more; nginx, another process that waits for its upstream first, has longer. */
const QUIET_MS = 200;
const NGINX_QUIET_MS = 400;

export async function measureRequests(): Promise<Row<RequestCase, RequestReading>[]> {
  const [ours, node] = await Promise.all([createEchoServer(), startNodeEcho()]);
  const nginx = hasNginx ? await NginxProxy.start(portOf(node)) : undefined;
  try {
    return await inTurns(requestTable, async (row) => {
      const own = readRequest(ours.port, row.raw, QUIET_MS);
      const llhttp = readRequest(portOf(node), row.raw, QUIET_MS);
      const through = nginx === undefined ? undefined : await readRequest(nginx.port, row.raw, NGINX_QUIET_MS);
      return { row, ours: await own, llhttp: await llhttp, ...(through !== undefined && { nginx: through }) };
    });
  } finally {
    node.close();
    node.closeAllConnections();
    await Promise.all([ours.close(0), nginx?.close()]);
  }
}

export async function measureResponses(): Promise<Row<ResponseCase, ResponseReading>[]> {
  const upstream = await ScriptedUpstream.start();
  const nginx = hasNginx ? await NginxProxy.start(upstream.port) : undefined;
  try {
    return await inTurns(responseTable, async (row) => {
      const { method, raw, ends } = row;
      const target = upstream.add({ raw, ends, cut: 0 });
      const [ours, llhttp] = await Promise.all([
        readByPool(upstream.port, method, target),
        readResponse(upstream.port, method, target),
      ]);
      const through = nginx === undefined ? undefined : await readThroughNginx(nginx.port, method, target);
      return { row, ours, llhttp, ...(through !== undefined && { nginx: through }) };
    });
  } finally {
    await Promise.all([upstream.close(), nginx?.close()]);
  }
}

async function readByPool(port: number, method: string, target: string): Promise<ResponseReading> {
  const pool = createHttp1Pool({ host: "127.0.0.1", port });
  const exchange = pool.send(requestHead(target, { method }), 5_000);
  exchange.body.end();
  try {
    const { head, body } = await answerOf(exchange);
    return { verdict: "accepted", status: head.status, body: body.toString("latin1") };
  } catch {
    return { verdict: "refused" };
  } finally {
    pool.close();
  }
}

async function inTurns<T, R>(items: readonly T[], read: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const turn = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await read(items[at] as T);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
  return results;
}
