/** An upstream of a few workers and a queue that refuses nobody: what arrives beyond its capacity waits. Times of service are log-normal. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { randomOf } from "../../test/support/queue-world.ts";

const WORKERS = 8;
/** A slower one leaves more of the machine to what is before it. */
const SERVICE_MS = Number(process.env.SERVICE_MS ?? 40);
const SPREAD = 0.4;

const random = randomOf(1);
const waiting: ServerResponse[] = [];
let busy = 0;

function serviceMs(): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return SERVICE_MS * Math.exp(SPREAD * normal - (SPREAD * SPREAD) / 2);
}

/** A worker does its work also for clients that have left: it does not look before it has begun. */
function begin(response: ServerResponse): void {
  busy++;
  setTimeout(() => {
    busy--;
    response.end("done");
    const next = waiting.shift();
    if (next !== undefined) begin(next);
  }, serviceMs());
}

const server = createServer((_, response) => {
  if (busy < WORKERS) begin(response);
  else waiting.push(response);
});
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  process.stderr.write(`upstream listens on 127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
