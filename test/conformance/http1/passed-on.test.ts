/** What the engine has understood is what the application behind it gets: requests of the table, through a proxy. */
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ClientPool } from "../../../mesh-agent/proxy/engine.ts";
import { createHttp1Pool } from "../../../mesh-agent/proxy/http1/client-pool.ts";
import { createHttp1Server, type Http1Server } from "../../../mesh-agent/proxy/http1/server-engine.ts";
import { forward } from "../../support/http1-exchange.ts";
import { createEchoServer, type Understood } from "./echo-server.ts";
import { speak } from "./raw-client.ts";
import { requestTable } from "./request-table.ts";

let app: http.Server;
let pool: ClientPool;
let proxy: Http1Server;
let direct: Http1Server;

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, raw[i + 1] ?? ""]] : []));
}

function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  let body = "";
  request.on("data", (chunk: Buffer) => {
    body += chunk.toString("latin1");
  });
  request.on("end", () => {
    const { method = "", url = "", rawHeaders, rawTrailers } = request;
    const own = new Set(["content-length", "transfer-encoding", "connection"]);
    const fields = pairs(rawHeaders).filter(([name]) => !own.has(name.toLowerCase()));
    const understood: Understood = { method, target: url, fields, body, trailers: pairs(rawTrailers) };
    response.end(JSON.stringify(understood));
  });
}

beforeAll(async () => {
  app = http.createServer({ requireHostHeader: false, maxHeaderSize: 256 * 1024 }, answer);
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  pool = createHttp1Pool({ host: "127.0.0.1", port: (app.address() as AddressInfo).port });
  proxy = await createHttp1Server({ listen: { host: "127.0.0.1", port: 0 } });
  forward(proxy, pool);
  direct = await createEchoServer();
});
afterAll(async () => {
  await Promise.all([proxy.close(0), direct.close(0)]);
  pool.close();
  app.close();
  app.closeAllConnections();
});

function understoodIn(text: string): Understood[] {
  return [...text.matchAll(/\{"method":.*?"trailers":\[.*?\]\}/g)].map((match) => {
    const { fields, ...rest } = JSON.parse(match[0]) as Understood;
    // Field names that the writer states itself come in its own case.
    return { ...rest, fields: fields.map(([name, value]): [string, string] => [name.toLowerCase(), value]) };
  });
}

/** The pool names a host where HTTP/1.0 did not. */
const passing = requestTable.filter(({ statuses, raw }) => statuses[0] === 200 && /\nhost:/i.test(raw));

describe.concurrent("an application behind the engine", () => {
  test.for(passing)("gets $clause: $title", async ({ raw, statuses, closes }) => {
    const [through, echoed] = await Promise.all([speak(proxy.port, raw), speak(direct.port, raw)]);
    const seen = understoodIn(through.text);
    expect(seen.length).toBe(statuses.filter((status) => status === 200).length);
    expect(seen).toEqual(understoodIn(echoed.text));
    expect(through.closed).toBe(closes);
  });
});
