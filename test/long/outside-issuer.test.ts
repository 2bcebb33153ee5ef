/** Agents whose identities are of an outside issuer, beside one of the control plane's own authority: the whole mesh serves them alike. */
import { X509Certificate } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Fleet, type TestAgent } from "../mesh-agent/support/agents.ts";
import { readState } from "../support/agent-state.ts";
import { callAsWorkload } from "../support/call-as-workload.ts";
import { makeAuthority, makeRequest } from "../support/certificates.ts";
import { ControlWorker } from "../support/control-worker.ts";
import { base64Of, postTo, svidJoin } from "../support/svid-join.ts";
import { until } from "../support/system.ts";
import { derOf, keyOf, OutsideAuthority, WorkloadApiServer } from "../support/workload-api-server.ts";

const fleet = new Fleet();
const folder = fleet.folder();
let spire: OutsideAuthority;
let shop: ControlWorker;
const apis: Record<string, WorkloadApiServer> = {};
const agents: Record<string, TestAgent> = {};

const document = (): object => ({
  selvage: 1,
  name: "shop",
  mesh: {
    trustDomain: "shop.internal",
    identity: {
      spiffe: {
        id: "spiffe://shop.internal/ns/*/sa/{service}",
        gateway: "spiffe://shop.internal/ns/edge/sa/ingress",
        ...{ bundle: spire.bundleUrl, refresh: "1s" },
      },
    },
    services: {
      web: { port: 8080 },
      orders: { port: 8081, access: [{ from: "web" }, { from: "spiffe://partner.example/service/billing" }] },
      own: { port: 8082, access: [{ from: "web" }] },
    },
  },
});

/** An agent under a Workload API of its own. */
async function begin(service: string, flags: string[] = []): Promise<TestAgent> {
  const path = join(folder, `${service}.sock`);
  apis[service] ??= await WorkloadApiServer.start(path);
  apis[service].tell([await spire.svid(`/ns/prod/sa/${service}`)]);
  return again(service, flags);
}

function again(service: string, flags: string[] = [], state?: string): TestAgent {
  const from = ["--control", shop.url, "--svid-from", `unix://${join(folder, `${service}.sock`)}`];
  const agent = fleet.run(`${service}-1`, undefined, [...from, ...flags], state);
  agents[service] = agent;
  return agent;
}

const serialOf = (der: Buffer): string => new X509Certificate(der).serialNumber;
const config = async (agent = "web") => JSON.parse((await (agents[agent] as TestAgent).admin("/config")).text);
const statusOf = async (to: string): Promise<number> =>
  (await (agents.web as TestAgent).calls(`http://${to}.mesh/x`)).status;
const api = (service: string): WorkloadApiServer => apis[service] as WorkloadApiServer;

beforeAll(async () => {
  spire = await OutsideAuthority.start("shop.internal");
  shop = await ControlWorker.start();
  await shop.apply(document());
  await Promise.all([begin("web"), begin("orders")]);
  agents.own = fleet.run("own-1", await shop.joinToken("own"));
  await Promise.all(Object.values(agents).map((agent) => agent.ready()));
}, 120_000);

afterAll(async () => {
  await fleet.end();
  for (const one of Object.values(apis)) one.close();
  spire?.close();
  await shop?.end();
}, 30_000);

test("they are the services that the document's template names, for each other and for agents of the own authority", async () => {
  await Promise.all([shop.knows("web", "web-1"), shop.knows("orders", "orders-1")]);
  expect([await statusOf("orders"), await statusOf("own")]).toEqual([200, 200]);
  await until("a line says who called", () =>
    agents.own?.log("inbound").some(({ peer, status }) => peer === "web" && status === 200),
  );
  const { certificate, outage } = await config();
  expect(certificate.spiffeId).toBe("spiffe://shop.internal/ns/prod/sa/web");
  expect(outage.limitedBy).toBe("outside");
  expect((await shop.status()).outage).toMatchObject({ instance: "own-1" });
  // `orders` lets `web` alone call it.
  expect(
    await callOrders(await spire.authority.issue("own", { uris: ["spiffe://shop.internal/ns/prod/sa/own"] })),
  ).toBe(403);
  expect([api("web").unmarked, api("web").calls]).toEqual([0, 1]);
});

test("no key of theirs, nor a token, is on the disk", () => {
  const state = agents.web?.folder ?? "";
  const files = readdirSync(state).filter((name) => name.endsWith(".json"));
  expect(files.sort()).toEqual(["endpoints.json", "plan.json", "runtime.json", "svid.json", "trust.json"]);
  expect(readState(state, "svid.json")).toEqual({
    ...{ format: 1, controlUrl: shop.url, trustDomain: "shop.internal", service: "web" },
    spiffeId: "spiffe://shop.internal/ns/prod/sa/web",
  });
});

test("another SVID is taken into use at once, with no call that fails, and no connection to the hub is made for it", async () => {
  const failed: number[] = [];
  let isOver = false;
  const load = (async () => {
    while (!isOver) {
      const status = await statusOf("orders");
      if (status !== 200) failed.push(status);
    }
  })();
  const connected = () => [agents.web?.stderr, agents.orders?.stderr].join("").split("connected to http").length;
  const before = connected();
  for (let round = 0; round < 3; round++)
    for (const service of ["web", "orders"]) {
      const next = await spire.svid(`/ns/prod/sa/${service}`);
      api(service).tell([next]);
      await until("the next SVID is in use", async () => {
        return (await config(service)).certificate.serialNumber === serialOf(next.x509_svid);
      });
    }
  isOver = true;
  await load;
  expect([failed, connected() - before]).toEqual([[], 0]);
});

test("roots of the issuer come and go, by its bundle endpoint and its Workload API", async () => {
  const former = spire.roots[0] ?? "";
  const next = await makeAuthority("shop.internal");
  const uris = ["spiffe://shop.internal/ns/prod/sa/web"];
  const stale = await spire.authority.issue("web", { uris });
  expect(await callOrders(stale)).toBe(200);
  spire.setRoots(former, next.rootPem);
  for (const service of ["web", "orders"]) api(service).tell([await spire.svid(`/ns/prod/sa/${service}`)]);
  spire.authority = next;
  await until("the control plane has both", async () => {
    const { partners } = await shop.call("GET", "/v1/federation");
    return partners[0].roots.length === 2;
  });
  api("web").tell([await spire.svid("/ns/prod/sa/web")]);
  await until("an agent of the own authority believes it", async () => (await statusOf("own")) === 200);
  spire.setRoots(next.rootPem);
  for (const service of ["web", "orders"]) api(service).tell([await spire.svid(`/ns/prod/sa/${service}`)]);
  await until("calls go on", async () => (await statusOf("orders")) === 200);
  await until("who has a certificate of the former root is nobody", async () => (await callOrders(stale)) === 0);
  const { keyPem, certPem } = await next.issue("web", { uris });
  expect(await callOrders({ keyPem, certPem })).toBe(200);
});

async function callOrders({ keyPem: key, certPem: cert }: { keyPem: string; certPem: string }): Promise<number> {
  const expected = "spiffe://shop.internal/ns/prod/sa/orders";
  return callAsWorkload({ port: agents.orders?.runtime.ports.inbound ?? 0, key, cert, ca: spire.roots, expected });
}

test("a trust domain that the issuer federates with is let in where a rule names its workload, and no longer when it is gone", async () => {
  const partner = await makeAuthority("partner.example");
  const billing = await partner.issue("billing");
  expect(await callOrders(billing)).toBe(0);
  const svid = await spire.svid("/ns/prod/sa/orders");
  api("orders").tell([svid], { "spiffe://partner.example": derOf(partner.rootPem) });
  await until("it is let in", async () => (await callOrders(billing)) === 200);
  expect(await callOrders(await partner.issue("reports"))).toBe(403);
  api("orders").tell([svid], {});
  await until("it is not any more", async () => (await callOrders(billing)) === 0);
});

test("what is no good SVID is not used, and says why", async () => {
  const good = await spire.svid("/ns/prod/sa/web");
  const other = await spire.svid("/ns/prod/sa/web");
  const stranger = await OutsideAuthority.start("shop.internal");
  const foreign = await stranger.svid("/ns/prod/sa/web");
  stranger.close();
  const two = [good.spiffe_id, "spiffe://shop.internal/other"];
  const hour = 3_600_000;
  const table: [object, RegExp][] = [
    [{ x509_svid_key: other.x509_svid_key }, /is not the one of its certificate/],
    [{ x509_svid_key: Buffer.from("rubbish") }, /cannot be read/],
    [{ x509_svid: Buffer.from("3003020101", "hex") }, /the certificates of .* cannot be read/],
    [{ x509_svid: Buffer.alloc(0) }, /has no certificate/],
    [{ bundle: Buffer.alloc(0) }, /is empty/],
    [{ bundle: good.x509_svid }, /holds a certificate that is no authority/],
    [{ bundle: foreign.bundle }, /does not lead to the bundle/],
    [{ spiffe_id: "spiffe://shop.internal/ns/prod/sa/orders" }, /names spiffe:\/\/shop.internal\/ns\/prod\/sa\/web/],
    [{ spiffe_id: "web" }, /is no SPIFFE ID/],
    [await spire.svid("/ns/prod/sa/web", { uris: two }), /exactly one URI/],
    [await spire.svid("/ns/prod/sa/web", { notAfter: new Date(Date.now() - 1_000) }), /has ended/],
    [await spire.svid("/ns/prod/sa/web", { notBefore: new Date(Date.now() + hour) }), /begins at/],
    [await spire.svid("/ns/prod/sa/orders"), /runs as/],
  ];
  const before = (await config()).certificate.serialNumber;
  for (const [change, said] of table) {
    api("web").tell([{ ...good, ...change }]);
    await until(`${said}`, () => said.test(agents.web?.stderr.split("\n").slice(-3).join("\n") ?? ""));
  }
  api("web").tell([]);
  await until("nothing", () => agents.web?.stderr.includes("it holds no SVID"));
  expect((await config()).certificate.serialNumber).toBe(before);
  api("web").tell([good]);
  await until("the good one", async () => (await config()).certificate.serialNumber === serialOf(good.x509_svid));
});

test("a Workload API that goes away is waited for, and one that has nothing for this process too", async () => {
  const calls = api("web").calls;
  api("web").close();
  await until("it is said", () => agents.web?.stderr.includes("is away"));
  expect(await statusOf("orders")).toBe(200);
  api("web").refuses = 7;
  await api("web").open();
  await until("that too", () => agents.web?.stderr.includes("it has no identity for this process"));
  api("web").refuses = undefined;
  const next = await spire.svid("/ns/prod/sa/web");
  api("web").tell([next]);
  await until("the next", async () => (await config()).certificate.serialNumber === serialOf(next.x509_svid));
  expect(api("web").calls).toBeGreaterThan(calls + 1);
});

const post = (path: string, body: object): Promise<Response> => postTo(shop.url, path, body);
const WEB = "spiffe://shop.internal/ns/prod/sa/web";

test.each([
  [
    "RSA",
    { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
  ],
  ["P-384", { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" }],
] as const)("an SVID with a key of %s is as good", async (_, algorithm) => {
  const { request: csr, keyPem } = await makeRequest(algorithm);
  const chain = await spire.authority.certify(csr, "web", { uris: [WEB] });
  const request = await svidJoin(shop.url, chain.flatMap(base64Of), keyPem);
  const answer = await post("/v1/join/svid", request);
  expect(answer.status).toBe(200);
  const der = chain.map(derOf);
  const svid = { spiffe_id: WEB, x509_svid: Buffer.concat(der), x509_svid_key: keyOf(keyPem), bundle: spire.bundle };
  api("web").tell([svid]);
  await until("it is in use", async () => (await config()).certificate.serialNumber === serialOf(svid.x509_svid));
  expect([await statusOf("orders"), await statusOf("own")]).toEqual([200, 200]);
});

test("of several SVIDs that with the wanted hint is taken, and one of another service is another agent", async () => {
  const path = join(folder, "several.sock");
  apis.several = await WorkloadApiServer.start(path);
  const [first, second] = [await spire.svid("/ns/prod/sa/web"), await spire.svid("/ns/prod/sa/orders")];
  api("several").tell([
    { ...first, hint: "internal" },
    { ...second, hint: "external" },
  ]);
  const from = ["--control", shop.url, "--svid-from", "endpoint", "--svid-hint"];
  const args = (hint: string) => ["run", "--state", fleet.folder(), ...from, hint, "--", process.execPath, "-e", "0"];
  const environment = { SPIFFE_ENDPOINT_SOCKET: `unix:${path}` };
  const wrong = fleet.start("several", "", args("none"), undefined, environment);
  await until("it says which there are", () => wrong.stderr.includes("their hints: internal, external"));
  const right = fleet.start("several", "", args("external"), undefined, environment);
  await until("it is orders", () => right.stderr.includes("orders of shop.internal by its SVID"));
});

test("the gateway's ingress is whoever has its whole SPIFFE ID", async () => {
  const path = join(folder, "ingress.sock");
  apis.ingress = await WorkloadApiServer.start(path);
  apis.ingress.tell([await spire.svid("/ns/edge/sa/ingress")]);
  const state = fleet.folder();
  const from = ["--control", shop.url, "--svid-from", `unix://${path}`];
  const args = ["ingress", "--state", state, "--listen", "127.0.0.1:0", ...from];
  const ingress = await fleet.start("ingress", state, args, undefined).ready();
  expect(JSON.parse((await ingress.admin("/config")).text)).toMatchObject({
    service: "gateway",
    certificate: { spiffeId: "spiffe://shop.internal/ns/edge/sa/ingress" },
  });
});

test("the workload that is revoked is refused by all and by the control plane, whoever issued its certificate", async () => {
  const { id } = await shop.call("POST", "/v1/denied", { service: "web", author: "test" });
  await until("it is refused", async () => (await statusOf("orders")) !== 200);
  await until("by the control plane", () => agents.web?.stderr.includes("going on without it"));
  await shop.call("DELETE", `/v1/denied/${id}`);
  await until("it comes back", async () => (await statusOf("orders")) === 200, 40_000);
});

test("without the control plane a new process of a known SPIFFE ID starts, and comes back by itself", async () => {
  const { folder: state = "" } = agents.web ?? {};
  agents.web?.kill("SIGTERM");
  await agents.web?.ended;
  await shop.kill();
  await again("web", [], state).ready();
  expect(agents.web?.stderr).toMatch(/starting as web without it/);
  expect(await statusOf("orders")).toBe(200);
  await shop.open();
  await shop.knows("web", "web-1");
}, 90_000);
