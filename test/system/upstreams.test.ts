/** Upstreams with real servers behind three isolates of the gateway on plain workerd: what fails, hangs, is slow and comes back. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../cli/local/ports.ts";
import { type Isolates, startIsolates } from "../support/isolates.ts";
import { serveDocument } from "../support/serve.ts";
import { until } from "../support/system.ts";

/** A server whose answer can be changed. */
class Target {
  answer: (response: ServerResponse, request: IncomingMessage) => void = (response) => response.end("ok");
  /** Paths that were asked for, without those of checks. */
  readonly asked: string[] = [];
  checks = 0;
  #server: Server;
  port = 0;

  constructor() {
    this.#server = this.#make();
  }

  #make(): Server {
    return createServer((incoming, response) => {
      if (incoming.url === "/up") this.checks++;
      else this.asked.push(incoming.url ?? "");
      this.answer(response, incoming);
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(this.port, "127.0.0.1", done));
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
    this.#server = this.#make();
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
}

const fail = (status: number) => (response: ServerResponse) => void response.writeHead(status).end(`${status}`);
const well = (response: ServerResponse): void => void response.end("ok");
const hang = (): void => undefined;
const [first, second, third] = [new Target(), new Target(), new Target()];
const all = [first, second, third];
let isolates: Isolates;

beforeAll(async () => {
  await Promise.all(all.map((target) => target.listen()));
  isolates = await startIsolates(3, documentOf(await freePort()));
});
afterAll(async () => {
  await isolates?.stop();
  await Promise.all(all.map((target) => target.stop()));
});

const RETRIES = "retries: { attempts: 2, perTry: 300ms, on: [5xx, reset], backoff: { base: 5ms } }";
const documentOf = (nobody: number): string => `
selvage: 1
name: upstreams
gateway:
  hosts: [localhost, 127.0.0.1]
  upstreams:
    retried: { targets: ["${first.url}", "${second.url}", "http://127.0.0.1:${nobody}"], balance: { policy: round-robin }, ${RETRIES}, breaker: { consecutiveFailures: 1000, successRate: { percent: 0 } } }
    checked:
      targets: ["${first.url}", { url: "${second.url}", failover: true }]
      retries: { attempts: 0 }
      breaker: { consecutiveFailures: 1000, successRate: { percent: 0 } }
      health: { path: /up, interval: 1s, timeout: 500ms, healthyAfter: 1, unhealthyAfter: 2, expect: { contains: ok } }
    shared:
      targets: ["${first.url}", "${second.url}", "${third.url}"]
      balance: { policy: round-robin }
      retries: { attempts: 0 }
      breaker: { consecutiveFailures: 2, ejectFor: 1m, shared: true, successRate: { percent: 0 } }
    fast: { targets: ["${first.url}", "${second.url}"], retries: { attempts: 0 } }
    hedged: { targets: ["${first.url}", "${second.url}"], balance: { policy: round-robin }, retries: { attempts: 0 }, hedge: { after: 50ms, budget: 100 } }
    one: { targets: ["${first.url}"], timeout: 500ms, retries: { attempts: 0 }, breaker: { maxRequests: 1, consecutiveFailures: 1000 } }
  routes:
${["retried", "checked", "shared", "fast", "hedged", "one"].map((name) => `    - { name: ${name}, match: { path: "/${name}/*" }, to: ${name}, rewrite: "/*" }`).join("\n")}
`;

const urlOf = (isolate: number, path: string): string => `http://127.0.0.1:${isolates.ports[isolate]}${path}`;
async function ask(isolate: number, path: string, init: RequestInit = {}): Promise<[number, string]> {
  const response = await fetch(urlOf(isolate, path), init);
  return [response.status, await response.text()];
}
function reset(): void {
  for (const target of all) {
    target.answer = well;
    target.asked.length = 0;
  }
}
const askedOf = (target: Target, path: string): number => target.asked.filter((one) => one.startsWith(path)).length;

test("one that fails, one that hangs and one that is not there: GET and small PUT are answered by the one that is well", async () => {
  reset();
  first.answer = fail(500);
  for (let n = 0; n < 6; n++) {
    expect(await ask(0, `/retried/get/${n}`)).toEqual([200, "ok"]);
    second.answer = (response, incoming) => void incoming.pipe(response);
    expect(await ask(0, `/retried/put/${n}`, { method: "PUT", body: `body ${n}` })).toEqual([200, `body ${n}`]);
    second.answer = well;
  }
  first.answer = hang;
  expect(await ask(0, "/retried/hangs")).toEqual([200, "ok"]);
});

test("POST is sent once, whatever becomes of it", async () => {
  reset();
  first.answer = fail(500);
  second.answer = fail(503);
  const statuses: number[] = [];
  for (let n = 0; n < 12; n++) statuses.push((await ask(0, `/retried/post/${n}`, { method: "POST", body: "b" }))[0]);
  expect([...new Set(statuses)].sort()).toEqual([500, 502, 503]);
  expect(askedOf(first, "/post")).toBe(statuses.filter((status) => status === 500).length);
  expect(askedOf(second, "/post")).toBe(statuses.filter((status) => status === 503).length);
});

test("checks move requests to the failover, and back", async () => {
  reset();
  const served = async (path: string): Promise<boolean> => {
    await Promise.all([0, 1, 2].map((isolate) => ask(isolate, path).catch(() => undefined)));
    return true;
  };
  await served("/checked/before");
  expect([askedOf(first, "/before"), askedOf(second, "/before")]).toEqual([3, 0]);
  first.answer = (response, incoming) => (incoming.url === "/up" ? response.end("in maintenance") : well(response));
  await until("the failover serves all isolates", async () => {
    const before = askedOf(second, "/over");
    await served("/checked/over");
    return askedOf(second, "/over") - before === 3;
  });
  first.answer = well;
  await until("the first serves all isolates again", async () => {
    const before = askedOf(first, "/back");
    await served("/checked/back");
    return askedOf(first, "/back") - before === 3;
  });
  // One place checks, whatever the number of isolates.
  expect(first.checks).toBeGreaterThan(2);
});

test("a target that is stopped comes back when it is started again", async () => {
  reset();
  await first.stop();
  await until("the failover serves", async () => (await ask(1, "/checked/x"))[0] === 200);
  expect(await ask(1, "/checked/x")).toEqual([200, "ok"]);
  await first.listen();
  await until("the first serves", async () => {
    await ask(1, "/checked/again");
    return askedOf(first, "/again") > 0;
  });
});

test("what two isolates have ejected the third leaves alone, which has seen no failure", async () => {
  reset();
  first.answer = fail(500);
  for (const isolate of [0, 1])
    await until("it has ejected the target", async () => {
      const before = askedOf(first, "/shared");
      for (let n = 0; n < 3; n++) await ask(isolate, "/shared/shared");
      return askedOf(first, "/shared") === before;
    });
  first.answer = well;
  await until("the third has heard of it", async () => {
    for (const isolate of [0, 1]) await ask(isolate, "/shared/keep");
    const before = askedOf(first, "/third");
    for (let n = 0; n < 3; n++) await ask(2, "/shared/third");
    return askedOf(first, "/third") === before;
  });
});

test("a slow target gets few requests", async () => {
  reset();
  first.answer = (response) => void setTimeout(() => response.end("slow"), 150);
  for (let n = 0; n < 40; n++) await ask(0, "/fast/x");
  expect(askedOf(first, "/x")).toBeLessThan(askedOf(second, "/x"));
});

test("a hedge answers where the first attempt hangs, whose connection is ended", async () => {
  reset();
  let ended = 0;
  first.answer = (response) => void response.on("close", () => ended++);
  for (let n = 0; n < 4; n++) expect(await ask(0, "/hedged/x")).toEqual([200, "ok"]);
  await until("the calls that lost have ended", () => ended === askedOf(first, "/x"));
});

test("a body goes on after the time of its call", async () => {
  reset();
  first.answer = async (response) => {
    response.write("begins");
    await delay(1_200);
    response.end(", ends");
  };
  expect(await ask(0, "/one/long")).toEqual([200, "begins, ends"]);
});

test("the example, self-hosted, with a binding by a variable", async () => {
  reset();
  third.answer = (response, { headers, url }) => void response.end(JSON.stringify({ host: headers.host, url }));
  const urls = { CATALOGUE_URL: first.url, CATALOGUE_NEW_URL: second.url, CATALOGUE_COPY_URL: third.url };
  const served = await serveDocument("examples/upstreams/selvage.yaml", {
    ...urls,
    BINDING_PAYMENTS: `127.0.0.1:${third.port}`,
  });
  try {
    const get = async (path: string): Promise<unknown> => (await fetch(served.url + path)).text();
    expect(JSON.parse(String(await get("/payments/7?a=b")))).toEqual({ host: "payments", url: "/payments/7?a=b" });
    expect(await get("/products/1")).toBe("ok");
  } finally {
    await served.stop();
  }
});

test("a client that leaves takes no place of a target for longer than its call", async () => {
  reset();
  first.answer = hang;
  const client = request(urlOf(0, "/one/leaves")).on("error", () => undefined);
  client.end();
  await until("the target was asked", () => askedOf(first, "/leaves") === 1);
  client.destroy();
  expect((await ask(0, "/one/full"))[0]).toBe(503);
  first.answer = well;
  await until("there is a place again", async () => (await ask(0, "/one/free"))[0] === 200);
});
