/** TLS of the front: names, versions, new certificates, certificates of clients, the way from plain HTTP. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tls from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type CertificateFiles, Certificates } from "../../../mesh-agent/front/certificates.ts";
import { frontFields } from "../../../shared/wire/front-fields.ts";
import { makeAuthority, type TestAuthority } from "../../support/certificates.ts";
import { startFront, type TestFront } from "../../support/front.ts";
import { until } from "../../support/system.ts";

const folder = mkdtempSync(join(tmpdir(), "selvage-front-tls-"));
let authority: TestAuthority;
let gateway: Server;
let pairs: CertificateFiles["pairs"];
let served: TestFront | undefined;
/** Fields of the last request. */
let seen: NodeJS.Dict<string | string[]> = {};

beforeAll(async () => {
  authority = await makeAuthority("front.example");
  gateway = createServer(({ headers }, response) => {
    seen = headers;
    response.end("ok");
  });
  await new Promise<void>((done) => gateway.listen(0, "127.0.0.1", done));
  pairs = [await pair("one.example"), await pair("*.two.example")];
});
afterEach(async () => {
  await served?.front.close(0);
  served = undefined;
});
afterAll(() => {
  gateway.closeAllConnections();
  gateway.close();
  rmSync(folder, { recursive: true, force: true });
});

async function pair(name: string, file = name.replace("*", "any")): Promise<CertificateFiles["pairs"][number]> {
  const { certPem, keyPem } = await authority.issue("front", { dnsNames: [name] });
  const [cert, key] = [join(folder, `${file}.pem`), join(folder, `${file}.key`)];
  writeFileSync(cert, certPem);
  writeFileSync(key, keyPem);
  return { cert, key };
}

async function serve(files: Partial<CertificateFiles> = {}): Promise<{ port: number; certificates: Certificates }> {
  const certificates = new Certificates({ pairs, ...files });
  served = await startFront((gateway.address() as AddressInfo).port, certificates);
  return { port: served.port, certificates };
}

function connect(port: number, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const socket = tls.connect({
    port,
    host: "127.0.0.1",
    ca: authority.rootPem,
    checkServerIdentity: () => undefined,
    ...options,
  });
  return new Promise((done, fail) => {
    socket.once("secureConnect", () => done(socket)).once("error", fail);
  });
}

async function namesOf(socket: tls.TLSSocket): Promise<string | undefined> {
  const names = socket.getPeerX509Certificate()?.subjectAltName;
  socket.destroy();
  return names?.split(", ").find((name) => name.startsWith("DNS:"));
}

async function ask(socket: tls.TLSSocket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.write("GET / HTTP/1.1\r\nHost: one.example\r\n\r\n");
  await until("an answer", () => text.endsWith("ok"));
  return text;
}

/** What the gateway was told of the connection. */
function told(): Record<string, unknown> {
  const { connection, scheme } = frontFields(served?.key ?? "");
  return { ...JSON.parse(String(seen[connection])), scheme: seen[scheme] };
}

describe("certificates", () => {
  test.each([
    ["one.example", "DNS:one.example"],
    ["a.two.example", "DNS:*.two.example"],
    ["a.b.two.example", "DNS:one.example"],
    ["elsewhere.example", "DNS:one.example"],
    [undefined, "DNS:one.example"],
  ])("who asks for %s gets that of %s", async (servername, names) => {
    const { port } = await serve();
    const options = servername === undefined ? {} : { servername };
    expect(await namesOf(await connect(port, options))).toBe(names);
  });

  test("new ones are used for new connections, and open ones stay", async () => {
    const own = await pair("old.example", "renewed");
    const { port, certificates } = await serve({ pairs: [own] });
    const open = await connect(port);
    expect(certificates.reload()).toBe(false);
    await pair("new.example", "renewed");
    expect(certificates.reload()).toBe(true);
    expect(await namesOf(await connect(port))).toBe("DNS:new.example");
    expect(await namesOf(await connect(port, { servername: "new.example" }))).toBe("DNS:new.example");
    expect(await ask(open)).toContain("200 OK");
    open.destroy();
  });

  test("what cannot be used changes nothing, and is told of once", async () => {
    const own = await pair("kept.example", "kept");
    const { port, certificates } = await serve({ pairs: [own] });
    const { keyPem } = await authority.issue("front");
    writeFileSync(own.key, keyPem);
    const result = certificates.reload();
    expect(result).toBeInstanceOf(Error);
    expect((result as Error).message).toContain(own.key);
    expect(certificates.reload()).toBe(false);
    expect(await namesOf(await connect(port))).toBe("DNS:kept.example");
    rmSync(own.cert);
    expect((certificates.reload() as Error).message).toContain(`cannot read ${own.cert}`);
    await pair("kept.example", "kept");
    expect(certificates.reload()).toBe(true);
  });

  test.each([
    ["no file", { cert: "/nowhere.pem", key: "/nowhere.key" }, /cannot read \/nowhere\.pem/],
    ["no certificate", { cert: import.meta.filename, key: import.meta.filename }, /holds no certificate in PEM/],
  ])("%s: says so at the start", (_what, files, message) => {
    expect(() => new Certificates({ pairs: [files] })).toThrow(message);
  });
});

describe("the handshake", () => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)("%s, told to the gateway", async (version) => {
    const { port } = await serve();
    const socket = await connect(port, { minVersion: version, maxVersion: version });
    await ask(socket);
    expect(told()).toMatchObject({ scheme: "https", tlsVersion: version, httpProtocol: "HTTP/1.1" });
    expect(told()).not.toHaveProperty("tlsClientAuth");
    expect(told().tlsCipher).toMatch(/^TLS_/);
    socket.destroy();
  });

  test("nothing older, and no key exchange without forward secrecy", async () => {
    const { port } = await serve();
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await expect(connect(port, old)).rejects.toThrow();
    await expect(connect(port, { maxVersion: "TLSv1.2", ciphers: "AES128-GCM-SHA256" })).rejects.toThrow();
  });

  test("HTTP/2 for who asks for it", async () => {
    const { port } = await serve();
    const session = connectHttp2(`https://127.0.0.1:${port}`, {
      ca: authority.rootPem,
      checkServerIdentity: () => undefined,
    });
    const stream = session.request({ ":path": "/", cookie: ["a=1", "b=2"] });
    const status = await new Promise((done, fail) => {
      stream.once("response", (head) => done(head[":status"])).once("error", fail);
    });
    stream.resume();
    expect(status).toBe(200);
    expect(told()).toMatchObject({ httpProtocol: "HTTP/2", scheme: "https" });
    expect(seen.cookie).toBe("a=1; b=2");
    await new Promise<void>((done) => session.close(done));
  });

  test("a client of HTTP/2 is told to go elsewhere, and its request is finished", async () => {
    const { port } = await serve();
    const session = connectHttp2(`https://127.0.0.1:${port}`, {
      ca: authority.rootPem,
      checkServerIdentity: () => undefined,
    });
    await new Promise((done) => session.once("connect", done));
    const gone = new Promise<number>((done) => session.once("goaway", done));
    const stream = session.request({ ":path": "/" });
    const status = new Promise((done) => stream.once("response", (head) => done(head[":status"])));
    stream.resume();
    expect(await status).toBe(200);
    const ended = new Promise<void>((done) => session.once("close", done));
    await served?.front.close(2_000);
    expect(await gone).toBe(0);
    await ended;
  });
});

describe("certificates of clients", () => {
  const clientCa = join(folder, "clients.pem");

  test("good, bad and none", async () => {
    writeFileSync(clientCa, authority.rootPem);
    const { port } = await serve({ clientCa });
    const good = await authority.issue("device-7");
    const bad = await (await makeAuthority("foreign.example")).issue("device-7");
    const show = async (leaf: typeof good | undefined): Promise<Record<string, unknown>> => {
      const socket = await connect(port, leaf === undefined ? {} : { cert: leaf.certPem, key: leaf.keyPem });
      await ask(socket);
      socket.destroy();
      return told();
    };
    expect(await show(good)).toMatchObject({
      tlsClientAuth: { certPresented: "1", certVerified: "SUCCESS", certRFC9440: expect.stringMatching(/^:MI.+:$/) },
    });
    const { tlsClientAuth } = (await show(bad)) as { tlsClientAuth: Record<string, string> };
    expect(tlsClientAuth).toMatchObject({ certPresented: "1", certVerified: expect.stringMatching(/^FAILED:/) });
    expect(tlsClientAuth).not.toHaveProperty("certRFC9440");
    expect(await show(undefined)).not.toHaveProperty("tlsClientAuth");
  });
});

describe("from plain HTTP", () => {
  test.each([
    ["one.example", "https://one.example:PORT/a?b=c"],
    ["one.example:8080", "https://one.example:PORT/a?b=c"],
    ["[::1]:8080", "https://[::1]:PORT/a?b=c"],
  ])("%s is sent to %s", async (host, location) => {
    const certificates = new Certificates({ pairs });
    const redirect = [{ scheme: "http" as const, host: "127.0.0.1", port: 0 }];
    served = await startFront((gateway.address() as AddressInfo).port, certificates, { redirect });
    const at = served.front.ports.redirect[0];
    const answer = await new Promise<{ status: number | undefined; location: string | undefined }>((done, fail) => {
      request({ host: "127.0.0.1", port: at, path: "/a?b=c", headers: { host }, method: "POST" }, (response) => {
        response.resume();
        done({ status: response.statusCode, location: response.headers.location });
      })
        .on("error", fail)
        .end();
    });
    expect(answer).toEqual({ status: 308, location: location.replace("PORT", String(served.port)) });
  });
});
