/** The ingress: what the gateway may bring into the mesh, and what nobody else may. */
import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { generateKeyPair } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { forwardingFields } from "../../shared/http/forwarding-fields.ts";
import type { HopKey } from "../../shared/wire/hop-key.ts";
import { proven, type WrongProof } from "../support/hop-proof.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const fleet = new Fleet();
let control: TestControl;
let ingress: TestAgent;
let users: TestAgent;

beforeAll(async () => {
  control = await TestControl.start();
  control.setPlan("gateway", { outbound: { users: {}, closed: {} } });
  control.setPlan("users", {
    access: [
      { from: "gateway", scopes: ["users:read"], methods: ["GET"] },
      { from: "gateway", scopes: [], methods: ["HEAD"] },
    ],
  });
  users = fleet.run("users-1", control.joinToken("users"));
  ingress = fleet.ingress("ingress-1", control.joinToken("gateway"));
  await Promise.all([users.ready(), ingress.ready()]);
  await until("the ingress knows the service", async () => (await ingress.admin("/config")).text.includes("users-1"));
}, 30_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

const url = (target: string): string => `http://127.0.0.1:${ingress.runtime.ports.ingress}${target}`;

/** As the gateway. */
async function enter(headers: Record<string, string>, init: RequestInit & { wrong?: WrongProof } = {}) {
  const { method = "GET", wrong } = init;
  const [key] = control.hopKeys;
  if (key === undefined) throw new Error("no hop key");
  return send(proven({ method, target: "/a?b", headers }, key, wrong), init);
}

/** As anybody. */
async function send(headers: Record<string, string>, init: RequestInit = {}, target = "/a?b") {
  const answer = await fetch(url(target), { ...init, headers });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, json: text === "" ? undefined : JSON.parse(text) };
}

test("a request of the gateway reaches the service it names, with the end user's token and the client's address", async () => {
  const token = await control.txnToken("users:read");
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const gateway = { clientIp: "192.0.2.7", authority: "api.shop.example", scheme: "https" } as const;
  const said = Object.fromEntries(forwardingFields(gateway));
  const forgeable = {
    "x-forwarded-port": "1",
    x_forwarded_for: "1.2.3.4",
    "x-forwarded-server": "1.2.3.4",
    "x-real-ip": "1.2.3.4",
    "cf-connecting-ip": "1",
  };
  const { status, json } = await enter({
    "txn-token": token,
    "selvage-service": "users",
    "selvage-plan": "7",
    "selvage-attempt": "1",
    ...said,
    ...forgeable,
    "x-own": "kept",
    traceparent: `00-${traceId}-b7ad6b7169203331-01`,
  });
  expect(status).toBe(200);
  expect(json).toMatchObject({ name: "users-1", path: "/a?b", headers: { "x-own": "kept", "txn-token": token } });
  expect(json.headers.host).toBe("users.mesh");
  expect(json.headers).toMatchObject(said);
  expect(json.headers["x-forwarded-for"]).toBe("192.0.2.7");
  for (const name of Object.keys(forgeable)) expect(json.headers[name]).toBeUndefined();
  expect(json.headers.traceparent).toContain(traceId);
  const policy = Object.keys(json.headers).filter((name) => name.startsWith("selvage-"));
  expect(policy).toEqual(["selvage-deadline-ms"]);
  await until("the service's agent knows both callers", () =>
    users.log("inbound").some(({ peer, sub }) => peer === "gateway" && sub === "alice"),
  );
});

test("a request without a token is refused before anything is looked at", async () => {
  const { status, json, headers } = await send({ "selvage-service": "users" });
  expect(status).toBe(401);
  expect(json.code).toBe("hop_proof_missing");
  expect(headers.get("selvage-error")).toBe("hop_proof_missing");
  expect(headers.get("selvage-sent")).toBe("none");
});

test("tokens of another key, domain or time, and two at once, are refused", async () => {
  const other = await generateKeyPair("ES256");
  const past = Math.floor(Date.now() / 1000) - 120;
  const good = await control.txnToken("users:read");
  const [head, , signature] = good.split(".");
  const forgedClaims = Buffer.from(JSON.stringify({ sub: "root", scope: "users:read" })).toString("base64url");
  const bad = [
    await control.txnToken("users:read", {}, other.privateKey),
    await control.txnToken("users:read", { aud: "other.internal" }),
    await control.txnToken("users:read", { iat: past, exp: past + 30 }),
    await control.txnToken("users:read", { req_wl: "spiffe://test.internal/service/users" }),
    await control.txnToken("users:read", { exp: Math.floor(Date.now() / 1000) + 3600 }),
    `${head}.${forgedClaims}.${signature}`,
    "not-a-token",
    `${good}, ${good}`,
  ];
  for (const token of bad) {
    const { status, json } = await enter({ "txn-token": token, "selvage-service": "users" });
    expect([status, json.code, json.reason]).toEqual([401, "txn_token_invalid", undefined]);
  }
});

test("the end user's scopes decide at the service, whose word the gateway hears", async () => {
  const token = await control.txnToken("other");
  const { status, json, headers } = await enter({ "txn-token": token, "selvage-service": "users" });
  expect([status, json.code]).toEqual([403, "access_denied"]);
  expect(headers.get("selvage-error")).toBe("access_denied");
  expect(JSON.stringify(json)).not.toContain("users:read");
  const head = await enter({ "txn-token": token, "selvage-service": "users" }, { method: "HEAD" });
  expect(head.status).toBe(200);
});

test("an unknown service and one without endpoints", async () => {
  const token = await control.txnToken("users:read");
  const enterFor = (service: Record<string, string>) => enter({ "txn-token": token, ...service });
  expect((await enterFor({ "selvage-service": "nobody" })).json.code).toBe("unknown_service");
  expect((await enterFor({})).json.code).toBe("hop_proof_invalid");
  const closed = await enterFor({ "selvage-service": "closed" });
  expect([closed.status, closed.headers.get("selvage-sent")]).toEqual([503, "none"]);
});

test("over TLS with its own certificate, which asks for none of the caller", async () => {
  const { keyPem, certPem } = await control.authority.issue("ingress", { dnsNames: ["localhost"] });
  const folder = fleet.folder();
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(certFile, certPem);
  writeFileSync(keyFile, keyPem);
  const flags = ["--tls-cert", certFile, "--tls-key", keyFile];
  const secure = await fleet.ingress("ingress-2", control.joinToken("gateway"), flags).ready();
  const said = { "txn-token": await control.txnToken("users:read"), "selvage-service": "users" };
  const port = secure.runtime.ports.ingress;
  const ca = control.authority.rootPem;
  const status = (): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const headers = proven({ target: "/", headers: said }, control.hopKeys[0] as HopKey);
      const outgoing = request({ host: "127.0.0.1", servername: "localhost", port, ca, headers, agent: false });
      outgoing.on("response", (incoming) => {
        incoming.resume();
        resolve(incoming.statusCode);
      });
      outgoing.on("error", reject).end();
    });
  await until("it knows the service", async () => (await status()) === 200);
});

test("an application cannot speak as its agent", async () => {
  const token = await control.txnToken("users:read");
  const said = { "txn-token": token, "selvage-service": "users" };
  const answer = await fetch(url("/forge"), {
    headers: proven({ target: "/forge", headers: said }, control.hopKeys[0] as HopKey),
  });
  expect(answer.status).toBe(503);
  expect(answer.headers.get("selvage-error")).toBeNull();
  expect(answer.headers.get("selvage-sent")).toBeNull();
});
