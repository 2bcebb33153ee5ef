/** Whose a connection is, by the word of a load balancer that is trusted and of nobody else. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tls from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Certificates } from "../../../mesh-agent/front/certificates.ts";
import type { FrontOptions } from "../../../mesh-agent/front/front.ts";
import { freePort } from "../../../mesh-agent/lifecycle/ports.ts";
import { frontFields } from "../../../shared/wire/front-fields.ts";
import { makeAuthority, type TestAuthority } from "../../support/certificates.ts";
import { startFront, type TestFront } from "../../support/front.ts";
import { GET, Http2Peer, request } from "../../support/http2-peer.ts";
import { localV2, proxyV1, proxyV2 } from "../../support/proxy-header.ts";
import { until } from "../../support/system.ts";

const folder = mkdtempSync(join(tmpdir(), "selvage-proxy-protocol-"));
const haproxy = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"].find((file) => existsSync(file));
if (haproxy === undefined) console.log("skipped: HAProxy is not installed, its own headers are not tried");
const ASK = Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
let authority: TestAuthority;
let certificates: Certificates;
let gateway: Server;
let served: TestFront | undefined;
/** Fields of the last request. */
let seen: NodeJS.Dict<string | string[]> = {};

beforeAll(async () => {
  authority = await makeAuthority("front.example");
  const { certPem, keyPem } = await authority.issue("front", { dnsNames: ["localhost"] });
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(cert, certPem);
  writeFileSync(key, keyPem);
  certificates = new Certificates({ pairs: [{ cert, key }] });
  gateway = createServer(({ headers }, response) => {
    seen = headers;
    response.end("ok");
  });
  await new Promise<void>((done) => gateway.listen(0, "127.0.0.1", done));
});
afterEach(async () => {
  await served?.front.close(0);
  served = undefined;
  seen = {};
});
afterAll(() => {
  gateway.closeAllConnections();
  gateway.close();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(secure: boolean, options: Partial<FrontOptions> = {}): Promise<TestFront> {
  const { port } = gateway.address() as AddressInfo;
  served = await startFront(port, secure ? certificates : undefined, { proxies: ["127.0.0.0/8"], ...options });
  return served;
}

/** Who the gateway was told is connected. */
function told(): unknown {
  const { clientIp } = JSON.parse(String(seen[frontFields(served?.key ?? "").connection]));
  const [, address, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(clientIp) ?? [];
  return [address, Number(port)];
}

class Client {
  readonly socket: Socket;
  text = "";
  closed = false;
  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1" });
    this.socket.setNoDelay(true);
    this.socket
      .on("error", () => undefined)
      .on("close", () => {
        this.closed = true;
      });
  }
  listen(): void {
    this.socket.on("data", (chunk) => {
      this.text += chunk.toString("latin1");
    });
  }
  answered = (): boolean => this.text.includes("\r\n\r\nok");
}

async function asked(port: number, ...parts: Buffer[]): Promise<Client> {
  const client = new Client(port);
  client.listen();
  for (const part of parts) {
    client.socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until("an answer", () => client.answered() || client.closed);
  return client;
}

async function secured(port: number, header: Buffer, protocol: string): Promise<tls.TLSSocket> {
  const { socket } = new Client(port);
  socket.write(header);
  const secure = tls.connect({ socket, servername: "localhost", ca: authority.rootPem, ALPNProtocols: [protocol] });
  await new Promise((resolve, reject) => secure.once("secureConnect", resolve).once("error", reject));
  return secure;
}

describe("a client behind a load balancer that is trusted", () => {
  test.each([
    ["version 1", proxyV1("198.51.100.7", 4_242), "198.51.100.7"],
    ["version 2", proxyV2("198.51.100.7", 4_242), "198.51.100.7"],
    ["version 2 of IPv6", proxyV2("2001:db8::7", 4_242), "2001:db8::7"],
  ])("%s, with the request in the same packet and in pieces", async (_title, header, address) => {
    const { port } = await serve(false);
    await asked(port, Buffer.concat([header, ASK]));
    expect(told()).toEqual([address, 4_242]);
    seen = {};
    await asked(port, ...[...header].map((byte) => Buffer.from([byte])), ASK.subarray(0, 9), ASK.subarray(9));
    expect(told()).toEqual([address, 4_242]);
  });

  test("over TLS and HTTP/1.1, every request of its connection", async () => {
    const { port } = await serve(true);
    const secure = await secured(port, proxyV2("198.51.100.7", 4_242), "http/1.1");
    let text = "";
    secure.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    for (let count = 1; count <= 2; count++) {
      seen = {};
      secure.write(ASK);
      await until("an answer", () => text.split("\r\n\r\nok").length === count + 1);
      expect(told()).toEqual(["198.51.100.7", 4_242]);
    }
    secure.destroy();
  });

  test("over TLS and HTTP/2, each of several at a time its own", async () => {
    const { port } = await serve(true);
    const addresses = ["198.51.100.1", "198.51.100.2", "2001:db8::3"];
    const peers = await Promise.all(
      addresses.map(async (address) => Http2Peer.greet(await secured(port, proxyV2(address, 9), "h2"))),
    );
    for (const [at, peer] of peers.entries()) {
      peer.send(request(1, ...GET.slice(0, -1), "localhost"));
      await until("an answer", () => peer.ended(1));
      expect(told()).toEqual([addresses[at], 9]);
    }
    for (const peer of peers) peer.end();
  });

  test("a balancer that asks for itself has its own address", async () => {
    const { port } = await serve(false);
    await asked(port, localV2(), ASK);
    expect(told()).toEqual(["127.0.0.1", expect.any(Number)]);
    await asked(port, Buffer.from("PROXY UNKNOWN\r\n"), ASK);
    expect(told()).toEqual(["127.0.0.1", expect.any(Number)]);
  });

  test("is counted by its own address, and released", async () => {
    const { port, front, refused } = await serve(false, { bounds: { connectionsPerAddressMax: 1 } });
    const first = await asked(port, proxyV2("198.51.100.7", 1), ASK);
    expect((await asked(port, proxyV2("198.51.100.7", 2), ASK)).text).toBe("");
    expect(refused.at(-1)).toMatchObject({ code: "connections_per_address", address: "198.51.100.7" });
    const other = await asked(port, proxyV2("198.51.100.8", 3), ASK);
    expect(other.answered()).toBe(true);
    first.socket.destroy();
    other.socket.destroy();
    await until("all are released", () => front.counts().connections === 0);
    expect((await asked(port, proxyV2("198.51.100.7", 4), ASK)).answered()).toBe(true);
  });

  test("connections without a header yet are bounded in all", async () => {
    const { port, front } = await serve(false, { bounds: { connectionsMax: 2 } });
    const waiting = [new Client(port), new Client(port)];
    await until("both wait", () => front.counts().connections === 2);
    expect((await asked(port, proxyV2("198.51.100.7", 1), ASK)).text).toBe("");
    for (const { socket } of waiting) socket.destroy();
    await until("none waits", () => front.counts().connections === 0);
  });
});

describe("what is ended", () => {
  test.each([
    ["no header", ASK],
    ["a broken one", Buffer.from("PROXY TCP4 198.51.100.7\r\n")],
    ["one of datagrams", Buffer.from("0d0a0d0a000d0a515549540a2112000c", "hex")],
  ])("%s of one who is trusted, with a line in the log", async (_title, bytes) => {
    const { port, refused } = await serve(false);
    const client = await asked(port, bytes);
    expect(client.text).toBe("");
    expect(refused).toEqual([expect.objectContaining({ code: "bad_request", address: "127.0.0.1" })]);
    expect(seen).toEqual({});
  });

  test("one that is closed in its header", async () => {
    const { port, front, refused } = await serve(false);
    const client = new Client(port);
    client.socket.end(proxyV2("198.51.100.7", 1).subarray(0, 20));
    client.listen();
    await until("it is gone", () => client.closed && front.counts().connections === 0);
    expect(refused).toEqual([]);
  });
});

describe("one who is not trusted", () => {
  test("is served without a header, by its own address", async () => {
    const { port } = await serve(false, { proxies: ["192.0.2.0/24"] });
    await asked(port, ASK);
    expect(told()).toEqual(["127.0.0.1", expect.any(Number)]);
  });

  test.each([
    ["1", proxyV1("198.51.100.7", 1)],
    ["2", proxyV2("198.51.100.7", 1)],
  ])("is refused with a header of version %s", async (_version, header) => {
    const { port } = await serve(false, { proxies: [] });
    const client = await asked(port, Buffer.concat([header, ASK]));
    expect(client.text).toMatch(/^HTTP\/1\.1 400 /);
    expect(seen).toEqual({});
  });
});

describe.skipIf(haproxy === undefined).each(["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl"])(
  "HAProxy's %s",
  (how) => {
    let child: ChildProcess | undefined;
    afterEach(() => {
      child?.kill();
    });

    test.each([false, true])("TLS at the front: %s", async (secure) => {
      const { port } = await serve(secure);
      const at = await freePort("127.0.0.1");
      const file = join(folder, "haproxy.cfg");
      writeFileSync(
        file,
        `defaults
  mode tcp
  timeout client 20s
  timeout server 20s
  timeout connect 5s
listen balancer
  bind 127.0.0.1:${at}
  server front 127.0.0.1:${port} ${how}
`,
      );
      child = spawn(haproxy ?? "", ["-db", "-f", file], { stdio: "ignore" });
      let client: Socket | undefined;
      await until("HAProxy listens", async () => {
        const tried = connect({ port: at, host: "127.0.0.1", localAddress: "127.0.0.77" });
        client = tried;
        return new Promise<boolean>((resolve) => {
          tried.once("connect", () => resolve(true)).once("error", () => resolve(false));
        });
      });
      const socket = client as Socket;
      const { localPort } = socket;
      const spoken = secure ? tls.connect({ socket, servername: "localhost", ca: authority.rootPem }) : socket;
      spoken.write(ASK);
      await until("an answer", () => seen.host === "localhost");
      expect(told()).toEqual(["127.0.0.77", localPort]);
      spoken.destroy();
    });
  },
);
