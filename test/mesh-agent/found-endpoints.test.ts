/** An agent calls what sources name: without an agent before it, by TLS, by another agent; while endpoints come and go and sources fail. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Agent, createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHttp1Server, type Http1Server } from "../../mesh-agent/proxy/http1/server-engine.ts";
import type { DiscoverySettings, DiscoverySource } from "../../shared/discovery/settings.ts";
import type { OutboundServicePlan } from "../../shared/plan/plan.ts";
import { makeAuthority, type TestAuthority } from "../support/certificates.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestConsul } from "./support/consul-api.ts";
import { TestControl } from "./support/control-plane.ts";
import { TestDns } from "./support/dns-server.ts";
import { pod, TestKubernetes } from "./support/kubernetes-api.ts";
import { answer, TestPeers } from "./support/peers.ts";

/** An application without an agent, which says what it was asked. */
interface Plain {
  readonly host: string;
  readonly port: number;
  readonly seen: { method: string; headers: IncomingHttpHeaders }[];
  /** Fields of its answers. */
  answers: Record<string, string>;
  status: number;
  stop(): Promise<void>;
}

const servers: Server[] = [];
const foreign: Http1Server[] = [];
async function listenAt(server: Server, host: string): Promise<Plain> {
  servers.push(server);
  const app: Plain = {
    ...{ host, port: 0, seen: [], answers: {}, status: 200 },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
  server.on("request", (incoming, response) => {
    incoming.resume();
    incoming.on("end", () => {
      app.seen.push({ method: incoming.method ?? "", headers: incoming.headers });
      response.writeHead(app.status, app.answers).end(host);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return Object.assign(app, { port: (server.address() as AddressInfo).port });
}
const plainApp = (host: string): Promise<Plain> => listenAt(createServer(), host);

const fleet = new Fleet();
const sockets = new Agent({ keepAlive: true, maxSockets: 64 });
let control: TestControl;
let dns: TestDns;
let kubernetes: TestKubernetes;
let consul: TestConsul;
let outside: TestAuthority;
let web: TestAgent;
let peers: TestPeers;
let folder: string;

const services: Record<string, Partial<OutboundServicePlan>> = {};
const found = (source: DiscoverySource, more: Partial<DiscoverySettings> = {}): Partial<OutboundServicePlan> => ({
  discovery: {
    ...{ source, reach: { kind: "plain" }, allow: ["127.0.0.0/8"], keepMs: 60_000, keepEmptyMs: 60_000 },
    ...more,
  },
});
const list = (...apps: readonly { host: string; port: number }[]): DiscoverySource => ({
  kind: "static",
  endpoints: apps.map(({ host, port }) => ({ host, port, labels: {} })),
});

let plans = 1;
async function plan(change: Record<string, Partial<OutboundServicePlan>>): Promise<void> {
  Object.assign(services, change);
  control.setPlan("web", { outbound: services });
  plans++;
  await until("the plan is in use", async () => (await config()).plan.version === plans);
}

interface Config {
  readonly plan: { readonly version: number };
  readonly discovery: Record<
    string,
    { endpoints: number; error?: string; refused?: number; refusedWhy?: string; empty?: true }
  >;
}
const config = async (): Promise<Config> => JSON.parse((await web.admin("/config")).text) as Config;
const knows = (service: string, count: number): Promise<void> =>
  until(`${count} endpoints of ${service}`, async () => (await config()).discovery[service]?.endpoints === count);

function call(service: string, method = "GET", headers: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve) => {
    const { outbound = 0 } = web.runtime.ports;
    const fields = { host: `${service}.mesh`, ...headers };
    const options = { host: "127.0.0.1", port: outbound, path: "/x", method, headers: fields, agent: sockets };
    const asking = request(options, (incoming) => {
      let body = "";
      incoming.on("data", (chunk) => {
        body += chunk;
      });
      incoming.on("end", () => resolve(incoming.statusCode === 200 ? body : `${incoming.statusCode} ${body}`));
    });
    asking.on("error", (error) => resolve(error.message));
    asking.end(method === "POST" ? "hello" : undefined);
  });
}

beforeAll(async () => {
  [control, dns, kubernetes, consul, outside] = await Promise.all([
    TestControl.start(),
    TestDns.start(),
    TestKubernetes.start(),
    TestConsul.start(),
    makeAuthority("outside.example"),
  ]);
  control.setPlan("web", {});
  folder = fleet.folder();
  peers = new TestPeers(control);
  web = fleet.run("web-1", control.joinToken("web"), [], folder);
  await web.ready();
}, 60_000);

afterAll(async () => {
  sockets.destroy();
  await fleet.end();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  dns.close();
  await Promise.all(foreign.map((listener) => listener.close(0)));
  await Promise.all([peers.end(), control.close(), kubernetes.close(), consul.close()]);
});

test("an endpoint without an agent gets nothing that Selvage says among its own, and is not believed what only an agent says", async () => {
  const app = await plainApp("127.0.0.2");
  await plan({ pay: found(list(app), { host: "pay.example.com" }) });
  await knows("pay", 1);
  expect(await call("pay", "POST", { "txn-token": "secret", authorization: "Bearer mine" })).toBe("127.0.0.2");
  const [{ headers } = { headers: {} as IncomingHttpHeaders }] = app.seen;
  expect(headers.host).toBe("pay.example.com");
  expect(headers.authorization).toBe("Bearer mine");
  expect(Object.keys(headers).filter((name) => name.startsWith("selvage-") || name === "txn-token")).toEqual([]);
  // An agent's word for "nobody has seen it", after which any method would be sent again.
  Object.assign(app, { status: 503, answers: { "selvage-error": "draining", "selvage-sent": "none" } });
  expect(await call("pay", "POST")).toBe("503 127.0.0.2");
  expect(app.seen.length).toBe(2);
});

describe("by TLS", () => {
  let app: Plain;
  const reach = (name: string) => ({ kind: "tls", name, caFile: join(folder, "outside.pem") }) as const;
  beforeAll(async () => {
    writeFileSync(join(folder, "outside.pem"), outside.rootPem);
    const { keyPem: key, certPem: cert } = await outside.issue("bank", { dnsNames: ["bank.example.com"] });
    app = await listenAt(createTlsServer({ key, cert }), "127.0.0.3");
  });

  test("the server must be whom the document names", async () => {
    await plan({ bank: found(list(app), { reach: reach("bank.example.com"), host: "bank.example.com" }) });
    await knows("bank", 1);
    expect(await call("bank")).toBe("127.0.0.3");
    expect(app.seen[0]?.headers.host).toBe("bank.example.com");
    await plan({ bank: found(list(app), { reach: reach("other.example.com"), host: "other.example.com" }) });
    expect(await call("bank")).toMatch(/^502 .*upstream_unreachable/);
    expect(app.seen.length).toBe(1);
  });
});

test("an agent that nobody registered is called by its service's identity, and by no other", async () => {
  const peer = await peers.start(answer(200), "other");
  const { discovery } = found(list({ host: "127.0.0.1", port: peer.port }));
  if (discovery === undefined) throw new Error("no discovery");
  const { reach: _, ...agent } = discovery;
  await plan({ other: { discovery: agent }, impostor: { discovery: agent } });
  await call("other");
  // It is spoken to as agents are.
  expect(peer.seen).toEqual(["GET /x 1"]);
  expect(await call("impostor")).toMatch(/^502 .*upstream_unreachable/);
  expect(peer.seen.length).toBe(1);
});

test("a workload of another trust domain must be vouched for by that one", async () => {
  const id = "spiffe://outside.example/service/ship";
  const serve = async (authority: TestAuthority): Promise<{ host: string; port: number }> => {
    const { keyPem: key, certPem: cert } = await authority.issue("ship", { uris: [id] });
    const tls = { key, cert, ca: control.authority.rootPem };
    const listener = await createHttp1Server({ listen: { host: "127.0.0.1", port: 0 }, tls });
    listener.onExchange((exchange) => answer(200, {}, "shipped")(exchange, 1));
    foreign.push(listener);
    return { host: "127.0.0.1", port: listener.port };
  };
  const [good, forged] = await Promise.all([serve(outside), serve(control.authority)]);
  const reach = { kind: "spiffe", id } as const;
  await plan({ ship: found(list(good), { reach }), forged: found(list(forged), { reach }) });
  // Nobody has said whom that trust domain believes.
  expect(await call("ship")).toMatch(/^502 .*upstream_unreachable/);
  control.federated = { "outside.example": [outside.rootPem] };
  control.trustId = "federated";
  control.announceTrust();
  await until("it is believed", async () => (await call("ship")) === "shipped");
  expect(await call("forged")).toMatch(/^502 .*upstream_unreachable/);
});

test("no request fails while pods come, drain and go, whatever its method", async () => {
  const hosts = ["127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4"];
  const apps = await Promise.all(hosts.map(plainApp));
  const [first, second, third, fourth] = apps as [Plain, Plain, Plain, Plain];
  const put = (app: Plain, more = {}): void =>
    kubernetes.put(`shop-${app.host}`, app.port, [pod(`pod-${app.host}`, app.host, more)]);
  const leave = async (app: Plain, left: number): Promise<void> => {
    put(app, { conditions: { ready: false, serving: true, terminating: true } });
    await knows("shop", left);
    const { length } = app.seen;
    kubernetes.delete(`shop-${app.host}`);
    await app.stop();
    // What had come by then, and nothing since.
    expect(app.seen.length - length).toBeLessThanOrEqual(6);
  };
  const [caFile, tokenFile] = [join(folder, "ca.pem"), join(folder, "token")];
  writeFileSync(caFile, kubernetes.rootPem);
  writeFileSync(tokenFile, kubernetes.token);
  put(first);
  put(second);
  const source = { kind: "kubernetes", service: "shop", namespace: "prod", port: "http" } as const;
  await plan({ shop: found({ ...source, api: kubernetes.url, caFile, tokenFile }) });
  await knows("shop", 2);
  const failures: string[] = [];
  let calls = 0;
  let isOver = false;
  const clients = Array.from({ length: 6 }, async (_, at) => {
    while (!isOver) {
      const said = await call("shop", at % 2 === 0 ? "POST" : "GET");
      calls++;
      if (!hosts.includes(said)) failures.push(said);
    }
  });
  try {
    put(third);
    await until("the third is called", () => third.seen.length > 0);
    await leave(first, 2);
    kubernetes.disconnect();
    put(fourth);
    await until("the fourth is called", () => fourth.seen.length > 0);
    await leave(second, 2);
  } finally {
    isOver = true;
    await Promise.all(clients);
  }
  expect(failures).toEqual([]);
  expect(calls).toBeGreaterThan(100);
});

test("hostile answers are passed over, and told", async () => {
  const app = await plainApp("127.0.2.1");
  dns.records.set("_http._tcp.stock", [
    { type: "SRV", target: "good.stock", port: app.port },
    { type: "SRV", target: "bad.stock", port: app.port },
  ]);
  dns.records.set("good.stock", [{ type: "A", address: app.host }]);
  dns.records.set("bad.stock", [
    { type: "A", address: "169.254.169.254" },
    { type: "A", address: "0.0.0.0" },
  ]);
  const source = {
    kind: "dns",
    type: "srv",
    name: "_http._tcp.stock",
    everyMs: 1_000,
    servers: [dns.address],
  } as const;
  await plan({ stock: found(source) });
  await knows("stock", 1);
  expect(await call("stock")).toBe(app.host);
  const { refused, refusedWhy } = (await config()).discovery.stock ?? {};
  expect([refused, refusedWhy]).toEqual([2, expect.stringContaining("169.254.169.254 is a metadata service")]);
  expect((await web.admin("/metrics")).text).toContain(
    'selvage_source_refused_endpoints{service="stock",source="dns"} 2',
  );
});

test("calls go on while a source is away, also those of an agent that starts then", async () => {
  const app = await plainApp("127.0.3.1");
  consul.set([{ id: "cart-1", address: app.host, port: app.port }]);
  const source = { kind: "consul", service: "cart", address: consul.url } as const;
  await plan({ cart: found(source) });
  await knows("cart", 1);
  // Nobody is there, it says: perhaps all checks fail at once.
  consul.set([]);
  await until("it has said so", async () => (await config()).discovery.cart?.empty === true);
  expect(await call("cart")).toBe(app.host);
  consul.set([{ id: "cart-1", address: app.host, port: app.port }]);
  await until("it is there again", async () => (await config()).discovery.cart?.empty === undefined);
  consul.failing = 500;
  consul.answerAll();
  await until("the failure is told", async () => (await config()).discovery.cart?.error?.includes("500") === true);
  expect(await call("cart")).toBe(app.host);
  expect((await web.admin("/metrics")).text).toContain('selvage_source_up{service="cart",source="consul"} 0');
  await until("the control plane is told", () =>
    control.heard.some(
      (message) =>
        message.type === "condition" &&
        message.sources.some(({ service, error, goodAtMs }) => service === "cart" && error && goodAtMs),
    ),
  );
  const edges = control.heard.flatMap((message) => (message.type === "edges" ? [...message.counted.series] : []));
  const plain = edges.find(({ labels: [from], counts }) => from === "web" && (counts.plain ?? 0) > 0);
  expect(plain?.counts.plain).toBeGreaterThan(0);
  await until("it is on disk", () => existsSync(join(folder, "found.json")));
  expect(readFileSync(join(folder, "found.json"), "utf8")).not.toContain("cart");
  const { appPid } = web.runtime;
  web.kill("SIGKILL");
  // Its application would outlive it.
  if (appPid !== undefined) process.kill(appPid, "SIGKILL");
  await web.ended;
  web = fleet.run("web-1", undefined, [], folder);
  await web.ready();
  expect(await call("cart")).toBe(app.host);
}, 60_000);
