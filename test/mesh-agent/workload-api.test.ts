/** The SPIFFE Workload API that an agent serves, by a real client of gRPC. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect as connectHttp2, constants } from "node:http2";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Svid } from "../../mesh-agent/workload-api/messages.ts";
import { WorkloadApi } from "../../mesh-agent/workload-api/workload-api.ts";
import { makeAuthority, type TestAuthority } from "../support/certificates.ts";
import { until } from "../support/system.ts";
import { Fleet, type TestAgent } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";
import { type Call, certificatesOf, SpiffeClient, type SvidMessage } from "./support/spiffe-client.ts";

const fleet = new Fleet();
const folder = fleet.folder();
const path = join(folder, "spiffe.sock");
let control: TestControl;
let partner: TestAuthority;
let agent: TestAgent;
let client: SpiffeClient;

beforeAll(async () => {
  [control, partner] = await Promise.all([TestControl.start(), makeAuthority("partner.example")]);
  // Renewed from a third of its life on: soon, and again and again.
  control.leafLifetimeMs = 6_000;
  control.setPlan("web", {});
  agent = fleet.run("web-1", control.joinToken("web"), ["--workload-api", `unix://${path}`]);
  await agent.ready();
  client = new SpiffeClient(path);
}, 60_000);

afterAll(async () => {
  client.close();
  await fleet.end();
  await control.close();
}, 30_000);

async function first<Message>(call: Call<Message>): Promise<Message> {
  return until("a message came", () => call.last);
}

const serialOf = ({ svids }: SvidMessage): string | undefined =>
  certificatesOf(svids[0]?.x509Svid ?? Buffer.alloc(0))[0]?.serialNumber;

test("an application finds the socket, and nobody else may open it", async () => {
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect((await agent.app("/env")).json.SPIFFE_ENDPOINT_SOCKET).toBe(`unix://${path}`);
});

test("the SVID is the agent's own, whole, with the key that belongs to it", async () => {
  const call = client.svids();
  const { svids, federatedBundles } = await first(call);
  expect(svids).toHaveLength(1);
  const [svid] = svids;
  if (svid === undefined) throw new Error("no SVID");
  expect(svid.spiffeId).toBe("spiffe://test.internal/service/web");
  const [leaf, issuer, ...more] = certificatesOf(svid.x509Svid);
  const [root, ...others] = certificatesOf(svid.bundle);
  expect([more, others]).toEqual([[], []]);
  expect(leaf?.subjectAltName).toBe(`URI:${svid.spiffeId}`);
  const key = createPrivateKey({ key: svid.x509SvidKey, format: "der", type: "pkcs8" });
  expect(leaf?.checkPrivateKey(key)).toBe(true);
  if (issuer === undefined || root === undefined) throw new Error("no chain");
  expect([leaf?.verify(issuer.publicKey), issuer.verify(root.publicKey)]).toEqual([true, true]);
  expect(root.fingerprint256).toBe(new X509Certificate(control.authority.rootPem).fingerprint256);
  expect(federatedBundles).toEqual({});
  call.cancel();
});

test("a renewal, another root and another trust domain are told at once, to every call that is open", async () => {
  const [call, bundles] = [client.svids(), client.bundles()];
  const before = serialOf(await first(call));
  expect(Object.keys((await first(bundles)).bundles)).toEqual(["spiffe://test.internal"]);
  await until("a renewed certificate", () => call.last !== undefined && serialOf(call.last) !== before);
  // A renewal is nothing for those who ask for bundles alone.
  expect(bundles.messages).toHaveLength(1);
  control.otherRoots = [(await makeAuthority("test.internal")).rootPem];
  control.federated = { "partner.example": [partner.rootPem] };
  control.trustId = "changed";
  control.announceTrust();
  await until("both roots", () => certificatesOf(call.last?.svids[0]?.bundle ?? Buffer.alloc(0)).length === 2);
  const expected = new X509Certificate(partner.rootPem).raw;
  const told = await until("the other trust domain", () => bundles.last?.bundles["spiffe://partner.example"]);
  expect([told, call.last?.federatedBundles["spiffe://partner.example"]]).toEqual([expected, expected]);
  control.federated = undefined;
  control.announceTrust();
  await until("it is gone", () => Object.keys(call.last?.federatedBundles ?? {}).length === 0);
  for (const one of [call, bundles]) one.cancel();
});

test.each([
  ["FetchX509SVID", "", 3],
  ["FetchX509SVID", "TRUE", 3],
  ["FetchX509Bundles", "false", 3],
  ["FetchJWTSVID", "true", 12],
  ["FetchJWTBundles", "true", 12],
  ["ValidateJWTSVID", "true", 12],
  ["FetchWITSVID", "true", 12],
  ["FetchNothing", "true", 12],
  ["FetchNothing", "", 3],
])("%s with the header %j ends with code %i", async (method, mark, code) => {
  const call = client.call(method, (message) => message, mark);
  expect(await call.ended).toBe(code);
  expect(call.messages).toEqual([]);
});

test("what is no call by gRPC, or too long, gets nothing", async () => {
  const session = connectHttp2("http://localhost", { createConnection: () => connect({ path }) });
  const ask = (headers: Record<string, string>, body: Buffer) =>
    new Promise<string>((resolve) => {
      const stream = session.request({ ":path": "/SpiffeWorkloadAPI/FetchX509SVID", ...headers });
      let status = "";
      stream.on("response", (head) => {
        status = String(head[constants.HTTP2_HEADER_STATUS]);
      });
      stream.on("close", () => resolve(`${status} ${stream.rstCode}`));
      stream.on("error", () => undefined);
      stream.resume();
      stream.end(body);
    });
  const mark = { "workload.spiffe.io": "true" };
  expect(await ask({ ":method": "GET", ...mark }, Buffer.alloc(0))).toBe("415 0");
  expect(await ask({ ":method": "POST", "content-type": "application/json", ...mark }, Buffer.from("{}"))).toBe(
    "415 0",
  );
  const grpc = { ":method": "POST", "content-type": "application/grpc", ...mark };
  expect(await ask(grpc, Buffer.alloc(100_000))).toMatch(/^ [1-9]/);
  session.close();
});

test("what is left of a killed agent is taken away; calls end when an agent does, and its socket goes", async () => {
  const { appPid = 0 } = agent.runtime;
  agent.kill("SIGKILL");
  await agent.ended;
  process.kill(appPid, "SIGKILL");
  expect(existsSync(path)).toBe(true);
  const again = fleet.run("web-1", undefined, ["--workload-api", `unix://${path}`], agent.folder);
  await again.ready();
  const call = client.svids();
  await first(call);
  again.kill("SIGTERM");
  await again.ended;
  expect(await call.ended).toBe(14);
  expect(existsSync(path)).toBe(false);
}, 60_000);

test("a place where something else is, or another process serves, is refused", async () => {
  const source = () => ({}) as Svid;
  const file = join(folder, "file");
  writeFileSync(file, "mine");
  await expect(WorkloadApi.open(file, source)).rejects.toThrow("there is something else");
  expect(readFileSync(file, "utf8")).toBe("mine");
  await expect(WorkloadApi.open(join(folder, "none", "a.sock"), source)).rejects.toThrow("cannot open the socket");
  const api = await WorkloadApi.open(path, source);
  await expect(WorkloadApi.open(path, source)).rejects.toThrow("another process serves it");
  await api.close();
});
