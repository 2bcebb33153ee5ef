/** Changes of protocol through two agents: WebSockets of the real `ws` package, and others that a service allows. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect, createServer } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import { createHttp1Server } from "../../mesh-agent/proxy/http1/server-engine.ts";
import { FieldList } from "../../shared/http/field-list.ts";
import { proven } from "../support/hop-proof.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const fleet = new Fleet();
let control: TestControl;
let caller: TestAgent;
let callee: TestAgent;
let outbound = 0;

beforeAll(async () => {
  control = await TestControl.start();
  const upgrades = ["echo-raw", "websocket"];
  control.setPlan("caller", { outbound: { chat: { upgrades }, plain: { upgrades: [] } } });
  control.setPlan("chat", { inbound: { upgrades } });
  control.setPlan("plain", { inbound: { upgrades: [] } });
  callee = fleet.runFile("ws-app.ts", "chat-1", control.joinToken("chat"));
  const plain = fleet.runFile("ws-app.ts", "plain-1", control.joinToken("plain"));
  caller = fleet.run("caller-1", control.joinToken("caller"));
  await Promise.all([callee.ready(), plain.ready(), caller.ready()]);
  outbound = caller.runtime.ports.outbound ?? 0;
  await until("the caller knows both", async () => {
    const { text } = await caller.admin("/config");
    return text.includes(`"instance":"chat-1"`) && text.includes(`"instance":"plain-1"`);
  });
}, 30_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

/** A client that connects to the outbound listener as one that knows it would. */
const direct = (path: string, options: ClientOptions = {}, protocols: string[] = []): WebSocket =>
  new WebSocket(`ws://127.0.0.1:${outbound}${path}`, protocols, { headers: { host: "chat.mesh" }, ...options });

async function opened(socket: WebSocket): Promise<WebSocket> {
  await once(socket, "open");
  return socket;
}

async function closed(socket: WebSocket): Promise<number> {
  const [code] = (await once(socket, "close")) as [number];
  return code;
}

async function echo(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  const answer = once(socket, "message");
  socket.send(message);
  return (await answer)[0] as Buffer;
}

/** As clients do behind an HTTP proxy: CONNECT, then the handshake in the tunnel. */
class ConnectAgent extends Agent {
  override createConnection(_options: object, callback?: (error: Error | null, socket: Duplex) => void): undefined {
    const asked = request({ port: outbound, host: "127.0.0.1", method: "CONNECT", path: "chat.mesh:80" });
    asked.once("connect", (_answer, socket) => callback?.(null, socket));
    asked.end();
  }
}

/** As clients do that send the absolute form. */
class AbsoluteAgent extends Agent {
  addRequest(asked: { path: string }, options: object): void {
    asked.path = `http://chat.mesh${asked.path}`;
    const base = Agent.prototype as unknown as AbsoluteAgent;
    base.addRequest.call(this, asked, { ...options, host: "127.0.0.1", port: outbound });
  }
}

describe("a WebSocket", () => {
  test("is opened by Host, through CONNECT and by the absolute form", async () => {
    const through = (agent: Agent) => new WebSocket("ws://chat.mesh/", { agent });
    for (const make of [() => direct("/"), () => through(new ConnectAgent()), () => through(new AbsoluteAgent())]) {
      const socket = await opened(make());
      expect((await echo(socket, "hello")).toString()).toBe("hello");
      socket.close(1000);
      expect(await closed(socket)).toBe(1000);
    }
  });

  test("has its subprotocol and extension agreed on by its ends, who see no word of ours", async () => {
    const socket = direct("/headers", {}, ["chat.v1", "chat.v2"]);
    const first = once(socket, "message");
    await opened(socket);
    expect(socket.protocol).toBe("chat.v2");
    expect(socket.extensions).toContain("permessage-deflate");
    const headers = JSON.parse(String((await first)[0])) as Record<string, string>;
    expect(headers).toMatchObject({ upgrade: "websocket", connection: "upgrade", host: "chat.mesh" });
    expect(headers["sec-websocket-protocol"]).toBe("chat.v1,chat.v2");
    expect(Object.keys(headers).filter((name) => name.startsWith("selvage-"))).toEqual(["selvage-deadline-ms"]);
    expect(headers.traceparent).toBeDefined();
    socket.terminate();
  });

  test("carries a thousand messages, each as it was and in order", async () => {
    const socket = await opened(direct("/"));
    const got: string[] = [];
    const all = new Promise<void>((resolve) => {
      socket.on("message", (data) => {
        if (got.push(String(data)) === 1_000) resolve();
      });
    });
    const sent = Array.from({ length: 1_000 }, (_, at) => `${at} ${"y".repeat((at * 37) % 3_000)}`);
    for (const text of sent) socket.send(text);
    await all;
    expect(got).toEqual(sent);
    socket.close();
    await closed(socket);
  });

  test("carries 16 MB in one message, there and back", async () => {
    const socket = await opened(direct("/", { perMessageDeflate: false, maxPayload: 64 * 1024 * 1024 }));
    const message = Buffer.alloc(16_000_000);
    for (let at = 0; at < message.length; at += 4_096) message.writeUInt32LE(at, at);
    expect((await echo(socket, message)).equals(message)).toBe(true);
    socket.close();
    await closed(socket);
  });

  test("passes ping and pong", async () => {
    const socket = await opened(direct("/"));
    const pong = once(socket, "pong");
    socket.ping("are you there");
    expect(String((await pong)[0])).toBe("are you there");
    socket.close();
    await closed(socket);
  });

  test.each([1000, 3000])("closes with code %i of either side", async (code) => {
    expect(await closed(direct(`/close?code=${code}`))).toBe(code);
    const heard: string[] = [];
    const report = createServer((one) => one.on("data", (data) => heard.push(String(data)))).listen(0, "127.0.0.1");
    await once(report, "listening");
    const { port } = report.address() as { port: number };
    const socket = await opened(direct(`/count?report=${port}`));
    socket.close(code);
    expect(await closed(socket)).toBe(code);
    await until("the application heard it", () => heard.includes(String(code)));
    report.close();
  });

  test("that breaks off on one side breaks off on the other", async () => {
    expect(await closed(direct("/die"))).toBe(1006);
    const heard: string[] = [];
    const report = createServer((one) => one.on("data", (data) => heard.push(String(data)))).listen(0, "127.0.0.1");
    await once(report, "listening");
    const { port } = report.address() as { port: number };
    const socket = await opened(direct(`/count?report=${port}`));
    socket.terminate();
    await until("the application heard it", () => heard.includes("1006"));
    report.close();
  });

  test("is refused by the application with an ordinary answer, whatever its status", async () => {
    for (const status of [200, 204, 302, 403, 426, 503]) {
      const socket = direct(`/refuse?status=${status}`);
      const [, answer] = (await once(socket, "unexpected-response")) as [unknown, import("node:http").IncomingMessage];
      expect(answer.statusCode).toBe(status);
      expect(answer.headers["x-why"]).toBe("not today");
      expect(Object.keys(answer.headers).filter((name) => name.startsWith("selvage-"))).toEqual([]);
      answer.resume();
      socket.on("error", () => {});
      socket.terminate();
    }
  });

  test("is refused by the agent where the service takes none", async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${outbound}/`, { headers: { host: "plain.mesh" } });
    const [, answer] = (await once(socket, "unexpected-response")) as [unknown, import("node:http").IncomingMessage];
    expect(answer.statusCode).toBe(501);
    socket.on("error", () => {});
    socket.terminate();
  });

  test("gets the time of a request for its handshake alone", async () => {
    const late = direct("/mute", { headers: { host: "chat.mesh", "selvage-deadline-ms": "300" } });
    const [, answer] = (await once(late, "unexpected-response")) as [unknown, import("node:http").IncomingMessage];
    expect(answer.statusCode).toBe(504);
    late.on("error", () => {});
    late.terminate();
    const socket = await opened(direct("/", { headers: { host: "chat.mesh", "selvage-deadline-ms": "2000" } }));
    await delay(2_500);
    expect(String(await echo(socket, "still here"))).toBe("still here");
    socket.close();
    await closed(socket);
  });

  test("waits for a slow reader", async () => {
    const socket = await opened(direct("/flood?bytes=50000000", { perMessageDeflate: false }));
    let bytes = 0;
    socket.on("message", (data) => {
      bytes += (data as Buffer).length;
    });
    socket.pause();
    const rss = (): number => Number(/VmRSS:\s+(\d+)/.exec(statusOf(callee))?.[1]);
    await delay(500);
    const before = rss();
    await delay(500);
    expect(rss() - before).toBeLessThan(10_000);
    socket.resume();
    expect(await closed(socket)).toBe(1000);
    expect(bytes).toBeGreaterThanOrEqual(50_000_000);
  });

  test("is one of 200, and requests pass beside them", async () => {
    const sockets = Array.from({ length: 200 }, () => direct("/"));
    await Promise.all(sockets.map(opened));
    const answers = await Promise.all(sockets.map((socket, at) => echo(socket, `socket ${at}`)));
    expect(answers.map(String)).toEqual(sockets.map((_, at) => `socket ${at}`));
    expect((await caller.calls("http://chat.mesh/beside")).status).toBe(200);
    const open = /selvage_tunnels_open\{direction="outbound",service="chat",protocol="websocket"\} (\d+)/;
    expect(Number(open.exec((await caller.admin("/metrics")).text)?.[1])).toBe(200);
    for (const socket of sockets) socket.close();
    await Promise.all(sockets.map(closed));
    await until("none is counted as open", async () => {
      const text = (await callee.admin("/metrics")).text;
      return /selvage_tunnels_open\{direction="inbound",service="caller",protocol="websocket"\} 0/.test(text);
    });
  });

  test("is one line of the log when it ends, with its bytes", async () => {
    const socket = await opened(direct("/logged"));
    await echo(socket, "12345");
    socket.close(1000);
    await closed(socket);
    for (const [agent, hop] of [
      [caller, "outbound"],
      [callee, "inbound"],
    ] as const) {
      const line = () => agent.log(hop).find(({ path }) => path === "/logged");
      await until("it is logged", () => line() !== undefined);
      expect(line()).toMatchObject({ status: 101, protocol: "websocket", method: "GET" });
      expect(line()?.bytesIn).toBeGreaterThan(5);
      expect(line()?.bytesOut).toBeGreaterThan(5);
      expect(line()?.reason).toBeUndefined();
    }
  });
});

describe("another protocol", () => {
  const raw = (head: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port: outbound, host: "127.0.0.1", allowHalfOpen: true }, () => socket.write(head));
      let text = "";
      let asked = false;
      socket.on("data", (chunk) => {
        text += chunk;
        if (asked || !text.includes("\r\n\r\n")) return;
        asked = true;
        if (text.startsWith("HTTP/1.1 101")) socket.end("one two three");
        else socket.end();
      });
      socket.on("error", reject);
      socket.on("close", () => resolve(text));
    });

  test("that the service allows is passed on, with a half-close each way", async () => {
    const text = await raw("GET /x HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: foo, Echo-Raw\r\n\r\n");
    expect(text).toMatch(/^HTTP\/1\.1 101 /);
    expect(text.toLowerCase()).toContain("upgrade: echo-raw\r\n");
    expect(text).toContain("x-from: app");
    expect(text.endsWith("\r\n\r\none two threebye")).toBe(true);
  });

  test("that it does not allow is passed over, as one that comes with a body", async () => {
    for (const head of [
      "GET /over HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
      "POST /over HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nhi",
    ]) {
      const text = await raw(head);
      expect(text).toMatch(/^HTTP\/1\.1 200 /);
      expect(text.toLowerCase()).not.toContain(`"upgrade"`);
      expect(text.toLowerCase()).not.toContain("http2-settings");
    }
  });
});

test("a WebSocket of the gateway passes the ingress, with its proof alone", async () => {
  control.setPlan("gateway", { outbound: { chat: {} } });
  const ingress = fleet.ingress("ingress-1", control.joinToken("gateway"));
  await ingress.ready();
  await until("it knows the service", async () => (await ingress.admin("/config")).text.includes("chat-1"));
  const target = `ws://127.0.0.1:${ingress.runtime.ports.ingress}/in`;
  const said = { "txn-token": await control.txnToken("read"), "selvage-service": "chat" };
  const [key] = control.hopKeys;
  if (key === undefined) throw new Error("no hop key");
  const socket = await opened(
    new WebSocket(target, { headers: proven({ method: "GET", target: "/in", headers: said }, key) }),
  );
  expect(String(await echo(socket, "hello"))).toBe("hello");
  socket.close(1000);
  expect(await closed(socket)).toBe(1000);
  const forged = new WebSocket(target, { headers: said });
  const [, answer] = (await once(forged, "unexpected-response")) as [unknown, import("node:http").IncomingMessage];
  expect(answer.statusCode).toBe(401);
  forged.on("error", () => {});
  forged.terminate();
});

test("to an agent that speaks HTTP/1.1 alone it is an upgrade of its connection", async () => {
  const { keyPem: key, certPem: cert } = await control.authority.issue("former");
  const tls = { key, cert, ca: control.authority.rootPem };
  const former = await createHttp1Server({ listen: { host: "127.0.0.1", port: 0 }, tls });
  former.onExchange((exchange) => {
    const upgrade = exchange.head.upgrade ?? "";
    const accept = createHash("sha1")
      .update(`${exchange.head.fields.get("sec-websocket-key")}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    const fields = FieldList.from([["sec-websocket-accept", accept]]);
    const writer = exchange.respond({ status: 101, fields, upgrade, bodyLength: "stream" });
    // A text frame of one letter, then a close with 1001.
    writer.write(Buffer.from([0x81, 0x01, 0x78, 0x88, 0x02, 0x03, 0xe9]));
    exchange.body.onEnd(() => writer.end());
    exchange.body.onChunk(() => writer.end());
  });
  control.setPlan("caller", { outbound: { chat: {}, former: {} } });
  control.extra = { former: [{ instance: "former-1", host: "127.0.0.1", port: former.port, labels: {} }] };
  control.announce();
  await until("the caller knows it", async () => (await caller.admin("/config")).text.includes("former-1"));
  const socket = direct("/", { headers: { host: "former.mesh" } });
  const message = once(socket, "message");
  expect(await closed(socket)).toBe(1001);
  expect(String((await message)[0])).toBe("x");
  await former.close(0);
});

describe("a WebSocket whose end dies", () => {
  test("at the application", async () => {
    const doomed = fleet.runFile("ws-app.ts", "doomed-1", control.joinToken("doomed"));
    control.setPlan("doomed", {});
    control.setPlan("caller", { outbound: { chat: {}, doomed: {} } });
    await doomed.ready();
    await until("the caller knows it", async () => (await caller.admin("/config")).text.includes("doomed-1"));
    const socket = await opened(direct("/", { headers: { host: "doomed.mesh" } }));
    const gone = closed(socket);
    process.kill(doomed.runtime.appPid ?? 0, "SIGKILL");
    expect(await gone).toBe(1006);
  });
});

describe("an agent that stops", () => {
  test("gives WebSockets time, then ends them", async () => {
    const leaving = fleet.runFile("ws-app.ts", "leaving-1", control.joinToken("leaving"));
    control.setPlan("leaving", {});
    control.setPlan("caller", { outbound: { chat: {}, leaving: {} } });
    await leaving.ready();
    await until("the caller knows it", async () => (await caller.admin("/config")).text.includes("leaving-1"));
    const [stays, ends] = await Promise.all(
      [1, 2].map(() => opened(direct("/", { headers: { host: "leaving.mesh" } }))),
    );
    const gone = closed(stays as WebSocket);
    leaving.kill("SIGTERM");
    await until("it drains", () => leaving.runtime.phase === "draining");
    await delay(1_500);
    expect(String(await echo(ends as WebSocket, "still served"))).toBe("still served");
    (ends as WebSocket).close(1000);
    expect(await closed(ends as WebSocket)).toBe(1000);
    leaving.kill("SIGTERM");
    expect(await gone).toBe(1006);
    await leaving.ended;
  });
});

function statusOf(agent: TestAgent): string {
  return readFileSync(`/proc/${agent.runtime.pid}/status`, "utf8");
}
