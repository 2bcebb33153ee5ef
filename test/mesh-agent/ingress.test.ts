/** The ingress: what the gateway may bring into the mesh, and what nobody else may. */
import { createHash } from "node:crypto";
import { statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { generateKeyPair } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forwardingFields } from "../../shared/http/forwarding-fields.ts";
import type { HopKey } from "../../shared/wire/hop-key.ts";
import { proven, type WrongProof } from "../support/hop-proof.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { makeHopKey, TestControl } from "./support/control-plane.ts";

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
      { from: "gateway", scopes: ["users:write"], methods: ["POST"] },
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

test("a service that is found elsewhere is reached as any other, and never sees the token", async () => {
  const app = createServer((incoming, response) => response.end(JSON.stringify(incoming.headers)));
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  const { port } = app.address() as AddressInfo;
  const source = { kind: "static", endpoints: [{ host: "127.0.0.1", port, labels: {} }] } as const;
  const discovery = { source, reach: { kind: "plain" }, host: "bank.example", keepMs: 1, keepEmptyMs: 1 } as const;
  control.setPlan("gateway", { outbound: { users: {}, closed: {}, bank: { discovery } } });
  await until("the ingress knows it", async () => (await ingress.admin("/config")).text.includes("bank.example"));
  const fields = { "txn-token": await control.txnToken("users:read"), "selvage-service": "bank", "x-own": "kept" };
  const { status, json } = await enter(fields);
  app.close();
  expect(status).toBe(200);
  expect(json).toMatchObject({ host: "bank.example", "x-own": "kept" });
  expect(Object.keys(json).filter((name) => name.startsWith("selvage-") || name.startsWith("txn-"))).toEqual([]);
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

describe("past the gateway", () => {
  const key = (): HopKey => control.hopKeys[0] as HopKey;
  const digestOf = (body: string): string => `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
  const said = async (): Promise<Record<string, string>> => ({
    "txn-token": await control.txnToken("users:read"),
    "selvage-service": "users",
  });
  /** A request as the gateway sends it, in the hands of somebody else. */
  const captured = async (more: Record<string, string> = {}, method = "GET") =>
    proven({ method, target: "/a?b", headers: { ...(await said()), ...more } }, key());
  /** What reached the service of all this; its log tells that a moment later. */
  const arrived = async (): Promise<number> => {
    const { text } = await users.admin("/metrics");
    const counts = text.matchAll(/^selvage_requests_total\{direction="inbound".* (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  };

  test("a proof is good for one request", async () => {
    const fields = await captured();
    expect((await send(fields)).status).toBe(200);
    const again = await send(fields);
    expect([again.status, again.json.code]).toEqual([401, "hop_proof_invalid"]);
    await until("the reason is in the log", () =>
      ingress
        .log("ingress")
        .some(({ error, reason }) => error === "hop_proof_invalid" && /used before/.test(`${reason}`)),
    );
  });

  test.each<[what: string, change: (fields: Record<string, string>) => Promise<unknown>]>([
    ["a stolen token without a proof", async () => send(await said())],
    ["another target", async (fields) => send(fields, {}, "/b?b")],
    ["another query", async (fields) => send(fields, {}, "/a?c")],
    ["an escape written otherwise", async (fields) => send(fields, {}, "/%61?b")],
    ["another method", async (fields) => send(fields, { method: "DELETE" })],
    [
      "another token",
      async (fields) => send({ ...fields, "txn-token": await control.txnToken("users:read users:write") }),
    ],
    ["another service", async (fields) => send({ ...fields, "selvage-service": "closed" })],
    ["more time", async (fields) => send({ ...fields, "selvage-deadline-ms": "60000" })],
    ["another version", async (fields) => send({ ...fields, "selvage-plan": "2" })],
    ["another trace", async (fields) => send({ ...fields, traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01` })],
    ["another client", async (fields) => send({ ...fields, forwarded: 'for=1.2.3.4;host="a";proto=https' })],
    ["credentials", async (fields) => send({ ...fields, authorization: "Bearer stolen" })],
    ["a type of content", async (fields) => send({ ...fields, "content-type": "text/html" })],
    ["a body", async () => send(await captured({}, "POST"), { method: "POST", body: new Uint8Array([1]) })],
    ["half a proof", async ({ signature: _, ...fields }) => send(fields)],
    ["the MAC of another", async (fields) => send({ ...fields, signature: (await captured()).signature ?? "" })],
    [
      "an own proof before it",
      async (fields) => send({ ...fields, "signature-input": `sig1=("@path"), ${fields["signature-input"]}` }),
    ],
    [
      "an end further off",
      async (fields) =>
        send({
          ...fields,
          "signature-input": `${fields["signature-input"]}`.replace(
            /expires=(\d+)/,
            (_, at) => `expires=${Number(at) + 1}`,
          ),
        }),
    ],
    [
      "a nonce of its own",
      async (fields) =>
        send({ ...fields, "signature-input": `${fields["signature-input"]}`.replace(/\.\d+"/, '.999999"') }),
    ],
  ])("a captured request with %s goes nowhere", async (_what, attempt) => {
    const before = await arrived();
    expect(before).toBeGreaterThan(0);
    const { status, json } = (await attempt(await captured())) as Awaited<ReturnType<typeof send>>;
    expect(status).toBe(401);
    expect(json.code).toMatch(/^hop_proof_(missing|invalid)$/);
    expect(JSON.stringify(json)).not.toMatch(/users|selvage-service|h1/);
    expect(await arrived()).toBe(before);
  });

  test.each<[what: string, wrong: WrongProof, of?: HopKey]>([
    ["of another key", {}, makeHopKey("h1")],
    ["of a key that is not known", {}, makeHopKey("h2")],
    ["from the past", { nowMs: Date.now() - 120_000 }],
    ["from the future", { nowMs: Date.now() + 120_000 }],
    [
      "that lives for an hour",
      { edit: (text) => text.replace(/expires=\d+/, `expires=${Math.floor(Date.now() / 1000) + 3600}`) },
    ],
    ["without the token", { uncovered: "txn-token" }],
    ["without the time left", { uncovered: "selvage-deadline-ms" }],
    ["without the client", { uncovered: "forwarded" }],
    ["for another purpose", { edit: (text) => text.replace("selvage-hop", "login") }],
  ])("a proof %s is none", async (_what, wrong, of = key()) => {
    const headers = { ...(await said()), forwarded: 'for=192.0.2.7;host="a";proto=https' };
    const { status, json } = await send(proven({ target: "/a?b", headers }, of, wrong));
    expect([status, json.code]).toEqual([401, "hop_proof_invalid"]);
  });

  test("a body comes through when it has its digest, and the application never sees another one whole", async () => {
    const { "txn-token": _, ...service } = await said();
    const token = await control.txnToken("users:write");
    const post = async (digest: string, body: string): Promise<Awaited<ReturnType<typeof send>>> => {
      const headers = { ...service, "txn-token": token, "content-digest": digest };
      return send(
        proven({ method: "POST", target: "/posts", headers }, key()),
        { method: "POST", body: Buffer.from(body) },
        "/posts",
      );
    };
    const good = await post(digestOf("hello"), "hello");
    expect([good.status, good.json]).toEqual([200, { posts: 1 }]);
    const long = "x".repeat(300_000);
    expect((await post(digestOf(long), long)).json).toEqual({ posts: 2 });
    const altered = await post(digestOf("hello"), "hellO");
    expect([altered.status, altered.json.code]).toEqual([400, "body_altered"]);
    expect((await post(digestOf(long), `${long.slice(1)}y`)).status).toBe(400);
    expect((await post(digestOf("hello"), "")).status).toBe(400);
    expect((await post(digestOf("again"), "again")).json).toEqual({ posts: 3 });
  });

  test("signatures of the client reach the application, the proof does not", async () => {
    const client = { "signature-input": 'sig1=("@path");created=1', signature: "sig1=:AAAA:" };
    const { json } = await enter({ ...(await said()), ...client });
    expect(json.headers).toMatchObject(client);
    const none = await enter(await said());
    expect(none.json.headers).not.toHaveProperty("signature");
    expect(JSON.stringify(none.json.headers)).not.toContain("selvage-hop");
  });

  test("what a proxy adds to the forwarding fields is not believed", async () => {
    const fields = await captured({ forwarded: 'for="[2001:db8::1]";host="api.shop.example";proto=https' });
    const { json } = await send({
      ...fields,
      "x-forwarded-for": "1.2.3.4",
      "x-forwarded-proto": "http",
      via: "1.1 lb",
    });
    expect(json.headers).toMatchObject({
      "x-forwarded-for": "2001:db8::1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "api.shop.example",
      via: "1.1 lb",
    });
  });

  test("keys come and go with the trust bundle, and the ingress says which one it has", async () => {
    const before = key();
    const next = makeHopKey("h2");
    control.hopKeys = [before, next];
    control.trustId = "t2";
    control.announceTrust();
    await until("the ingress has it", () => control.heard.some((one) => one.type === "trusts" && one.id === "t2"));
    const byNext = proven({ target: "/a?b", headers: await said() }, next);
    expect((await send(byNext)).status).toBe(200);
    expect((await send(await captured())).status).toBe(200);
    control.hopKeys = [next];
    control.trustId = "t3";
    control.announceTrust();
    await until("the ingress has it", () => control.heard.some((one) => one.type === "trusts" && one.id === "t3"));
    expect((await send(proven({ target: "/a?b", headers: await said() }, before))).status).toBe(401);
    expect((await enter(await said())).status).toBe(200);
  });

  test("it is all decided offline", async () => {
    await control.close();
    expect((await enter(await said())).status).toBe(200);
    expect((await send(await said())).status).toBe(401);
    const { mode } = statSync(join(ingress.folder, "trust.json"));
    expect(mode & 0o777).toBe(0o600);
    await control.open();
  });
});
