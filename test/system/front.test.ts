/** Clients, the front, workerd and the gateway: `selvage serve` with TLS, tried from outside. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tls from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { probeSuite } from "../conformance/http1/probe-suite.ts";
import { speak } from "../conformance/http1/raw-client.ts";
import { makeAuthority, type TestAuthority, type TestLeaf } from "../support/certificates.ts";
import { type Served, serveDocument } from "../support/serve.ts";
import { freePorts, until } from "../support/system.ts";

const folder = mkdtempSync(join(tmpdir(), "selvage-front-"));
let authority: TestAuthority;
let served: Served;
let [plain, secure, redirect, admin]: number[] = [];

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const DOCUMENT = `selvage: 1
name: front
gateway:
  hosts: [localhost]
  identity:
    devices: { certificate: { subject: uri, issuers: ["O=devices.example,CN=issuer"] } }
  routes:
    - { name: telemetry, match: { path: /telemetry/* }, auth: devices, to: "\${env:ORDERS_URL}" }
    - { name: once, match: { path: /once }, rateLimit: { limit: 1/hour, by: ip, mode: exact }, to: "\${env:ORDERS_URL}" }
    - { name: all, match: { path: /* }, to: "\${env:ORDERS_URL}" }
mesh:
  trustDomain: front.internal
  services: { a: { port: 8080, access: [{ from: gateway }] } }
`;

beforeAll(async () => {
  authority = await makeAuthority("devices.example");
  const leaf = await authority.issue("front", { dnsNames: ["localhost"] });
  [plain, secure, redirect, admin] = await freePorts(4);
  served = await serveDocument(file("selvage.yaml", DOCUMENT), {}, [
    ...["--listen", `http://127.0.0.1:${plain}`, "--listen", `127.0.0.1:${secure}`],
    ...["--tls-cert", file("cert.pem", leaf.certPem), "--tls-key", file("key.pem", leaf.keyPem)],
    ...["--client-ca", file("ca.pem", authority.rootPem), "--redirect-http", `127.0.0.1:${redirect}`],
    ...["--front-admin", `127.0.0.1:${admin}`],
  ]);
});
afterAll(async () => {
  await served?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

function get(path: string, headers: Record<string, string> = {}, leaf?: TestLeaf): Promise<Answer> {
  const shown = leaf === undefined ? {} : { cert: leaf.certPem, key: leaf.keyPem };
  const where = {
    host: "127.0.0.1",
    port: secure,
    servername: "localhost",
    ca: authority.rootPem,
    agent: false as const,
  };
  return new Promise((done, fail) => {
    const sent = request({ ...where, ...shown, path, headers: { host: "localhost", ...headers } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      response.on("end", () => done({ status: response.statusCode ?? 0, text }));
    });
    sent.on("error", fail).end();
  });
}

const codeOf = ({ status, text }: Answer): unknown => [status, (JSON.parse(text) as { code?: string }).code];

describe("what the gateway knows", () => {
  test("the client's scheme and address, whatever it says itself", async () => {
    const forged = { "x-forwarded-proto": "http", "x-forwarded-for": "192.0.2.1", "cf-connecting-ip": "192.0.2.1" };
    expect((await get("/a", forged)).status).toBe(200);
    expect(served.seen.at(-1)).toMatchObject({ "x-forwarded-proto": "https", "x-forwarded-for": "127.0.0.1" });
    await fetch(`http://localhost:${plain}/a`, { headers: { "x-forwarded-proto": "https" } });
    expect(served.seen.at(-1)).toMatchObject({ "x-forwarded-proto": "http" });
    expect(Object.keys(served.seen.at(-1) ?? {}).filter((name) => name.startsWith("selvage-"))).toEqual([]);
  });

  test("a limit by address counts over connections and listeners", async () => {
    const statuses = [await get("/once", { "x-forwarded-for": "192.0.2.1" }), await get("/once")].map(
      ({ status }) => status,
    );
    expect(statuses).toEqual([200, 429]);
    expect((await fetch(`http://localhost:${plain}/once`)).status).toBe(429);
  });

  test("a client's certificate, and none that is of another CA or stands in a field", async () => {
    const device = await authority.issue("device-7");
    const foreign = await (await makeAuthority("devices.example")).issue("device-7");
    const field = { "client-cert": ":AAAA:", "x-ssl-client-cert": "x" };
    expect((await get("/telemetry/1", field, device)).status).toBe(200);
    await until("the log names it", () => served.log("gateway").includes("spiffe://devices.example/service/device-7"));
    expect(codeOf(await get("/telemetry/1", field))).toEqual([401, "credentials_missing"]);
    expect(codeOf(await get("/telemetry/1", field, foreign))).toEqual([401, "credentials_invalid"]);
  });
});

test("a head and a certificate as large as they may be get through together", async () => {
  const uris = Array.from({ length: 180 }, (_, at) => `spiffe://devices.example/${"x".repeat(40)}/${at}`);
  const large = await authority.issue("device-8", { uris });
  const headers = Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`x-${at}`, "v".repeat(9_000)]));
  // Nobody has so many names; but the gateway has read them.
  expect(codeOf(await get("/telemetry/1", headers, large))).toEqual([401, "credentials_invalid"]);
});

test("a crowd at once is served", async () => {
  const answers = await Promise.all(Array.from({ length: 600 }, () => fetch(`http://localhost:${plain}/a`)));
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
});

describe("the door behind the front", () => {
  test("is a socket that no other user gets to", () => {
    const at = join(served.state, "workers", "gateway");
    expect(statSync(at).mode & 0o077).toBe(0);
    expect(statSync(join(at, "http.sock")).isSocket()).toBe(true);
    expect(served.processes().find(({ role }) => role === "gateway")?.ports).not.toHaveProperty("http");
  });

  test("a gateway that is killed: 503 from the front, then it serves again", async () => {
    const { pid } = served.processes().find(({ role }) => role === "gateway") ?? {};
    process.kill(pid ?? 0, "SIGKILL");
    await until("the front says so", async () => (await get("/a")).status === 503);
    await until("it serves again", async () => (await get("/a")).status === 200);
    expect(served.log("front")).toContain("gateway_unreachable");
  });
});

test("plain HTTP is sent to https", async () => {
  const answer = await fetch(`http://localhost:${redirect}/a?b`, { redirect: "manual" });
  expect([answer.status, answer.headers.get("location")]).toEqual([308, `https://localhost:${secure}/a?b`]);
});

test("new certificates come into use by SIGHUP, and nobody is cut off", async () => {
  const connect = (): Promise<tls.TLSSocket> =>
    new Promise((done, fail) => {
      const socket = tls.connect({ host: "127.0.0.1", port: secure, servername: "localhost", ca: authority.rootPem });
      socket.once("secureConnect", () => done(socket)).once("error", fail);
    });
  const serial = (socket: tls.TLSSocket): string | undefined => socket.getPeerX509Certificate()?.serialNumber;
  const open = await connect();
  const leaf = await authority.issue("front", { dnsNames: ["localhost"] });
  file("key.pem", leaf.keyPem);
  file("cert.pem", leaf.certPem);
  process.kill(served.processes().find(({ role }) => role === "front")?.pid ?? 0, "SIGHUP");
  await until("the new one is shown", async () => {
    const socket = await connect();
    socket.destroy();
    return serial(socket) !== serial(open);
  });
  let text = "";
  open.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  open.write("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await until("the open connection is served", () => text.startsWith("HTTP/1.1 200"));
  open.destroy();
});

test("metrics", async () => {
  expect((await fetch(`http://127.0.0.1:${admin}/healthz`)).status).toBe(200);
  const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
  expect(text).toMatch(/^selvage_front_requests_total [1-9]\d*$/m);
});

test("two requests in one: what is smuggled is the body of the first, or refused", async () => {
  const hidden = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const cases = [
    `POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${hidden.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    `POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${hidden}`,
    `POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    `GET /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    `POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2;\n\r\nab\r\n0\r\n\r\n${hidden}`,
    `POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n${hidden}`,
  ];
  for (const one of cases) await speak(plain ?? 0, one, 500);
  expect(served.log("gateway")).not.toContain("/smuggled");
});

// The gateway answers for localhost, as the requests of the suite ask for.
probeSuite("front, workerd and gateway", async () => ({ port: plain ?? 0, close: async () => undefined }), 1_500);
