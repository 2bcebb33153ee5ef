/** WebSockets through the whole chain: front, workerd, gateway, and an origin or a service of the mesh. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:http2";
import { Agent, WebSocket as UndiciWebSocket } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import { speak } from "../conformance/http1/raw-client.ts";
import { chromiumPath, startChromium } from "../support/chromium.ts";
import { type StreamWorld, startStreamWorld, type Way } from "../support/stream-world.ts";
import { until } from "../support/system.ts";

let world: StreamWorld;
beforeAll(async () => {
  world = await startStreamWorld();
});
afterAll(() => world?.stop());

const WAYS: readonly Way[] = ["origin", "mesh"];
let ids = 0;
const newId = (): string => `socket-${++ids}`;

/** @param path with its way, such as `/origin/echo` */
const dial = (path: string, options: ClientOptions = {}, protocols: string[] = []): WebSocket =>
  new WebSocket(`ws://127.0.0.1:${world.plain}${path}`, protocols, options);

async function opened(socket: WebSocket): Promise<WebSocket> {
  await once(socket, "open");
  return socket;
}

async function closing(socket: WebSocket): Promise<{ code: number; reason: string }> {
  socket.on("error", () => undefined);
  const [code, reason] = (await once(socket, "close")) as [number, Buffer];
  return { code, reason: String(reason) };
}

async function echo(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  const answer = once(socket, "message");
  socket.send(message);
  return (await answer)[0] as Buffer;
}

/** Status and problem of a handshake that is refused. */
async function refusal(
  path: string,
  options: ClientOptions = {},
): Promise<{ status: number; text: string; headers: object }> {
  const socket = dial(path, options);
  socket.on("error", () => undefined);
  const [, response] = await once(socket, "unexpected-response");
  let text = "";
  for await (const part of response) text += part;
  return { status: response.statusCode, text, headers: response.headers };
}

describe.each(WAYS)("to the %s", (way) => {
  test.each([
    ["text", "hello"],
    ["no bytes", ""],
    ["125 bytes", randomBytes(125)],
    ["126 bytes", randomBytes(126)],
    ["65,535 bytes", randomBytes(65_535)],
    ["65,536 bytes", randomBytes(65_536)],
    ["5 MB", randomBytes(5_000_000)],
  ])("a message of %s comes back as it went", async (_what, message) => {
    const socket = await opened(dial(`/${way}/echo`));
    const answer = await echo(socket, message);
    expect(answer.equals(Buffer.from(message))).toBe(true);
    socket.terminate();
  });

  test("a subprotocol and permessage-deflate are agreed on by the ends", async () => {
    const socket = await opened(dial(`/${way}/echo`, {}, ["chat.v1", "chat.v2"]));
    expect(socket.protocol).toBe("chat.v2");
    expect(socket.extensions).toContain("permessage-deflate");
    expect(String(await echo(socket, "z".repeat(100_000)))).toHaveLength(100_000);
    socket.terminate();
    const plain = await opened(dial(`/${way}/echo`, { perMessageDeflate: false }));
    expect(plain.extensions).toBe("");
    expect(String(await echo(plain, "plain"))).toBe("plain");
    plain.terminate();
  });

  test("fragments, and pings in both directions", async () => {
    const socket = await opened(dial(`/${way}/ping`));
    const [message] = await once(socket, "message");
    expect(String(message)).toBe("pong are you there");
    const pong = once(socket, "pong");
    socket.ping("here");
    expect(String((await pong)[0])).toBe("here");
    const answer = once(socket, "message");
    socket.send("one ", { fin: false });
    socket.send("two ", { fin: false });
    socket.send("three", { fin: true });
    expect(String((await answer)[0])).toBe("one two three");
    socket.terminate();
  });

  test.each([1000, 1001, 1011, 3000, 4999])("the code %i and its reason reach the other end", async (code) => {
    const id = newId();
    const socket = await opened(dial(`/${way}/echo?id=${id}`));
    socket.close(code, "enough");
    expect(await closing(socket)).toEqual({ code, reason: "enough" });
    const state = await until("the application hears of it", async () => {
      const found = await world.state(id);
      return found.closed && found;
    });
    expect(state.code).toBe(code);
    expect(await closing(dial(`/${way}/close?code=${code}`))).toEqual({ code, reason: "as asked" });
  });

  test("an application that breaks off is 1006, and so is one that ends without a word", async () => {
    expect((await closing(dial(`/${way}/die`))).code).toBe(1006);
    expect((await closing(dial(`/${way}/half`))).code).toBe(1006);
  });

  test("a client that breaks off is 1006 to the application", async () => {
    const id = newId();
    const socket = await opened(dial(`/${way}/echo?id=${id}`));
    await echo(socket, "there");
    socket.terminate();
    await until("the application hears of it", async () => (await world.state(id)).code === 1006);
  });

  test("an answer that is no WebSocket is the client's", async () => {
    const { status, text, headers } = await refusal(`/${way}/refuse`);
    expect({ status, text }).toEqual({ status: 403, text: "sorry" });
    expect(headers).toMatchObject({ "x-why": "not today" });
    expect(await refusal(`/${way}/plain`)).toMatchObject({ status: 200, text: "plain" });
  });

  test("it outlives the route's timeout, which is for the handshake", async () => {
    const socket = await opened(dial(`/quick/${way}/echo`));
    await new Promise((done) => setTimeout(done, 2_500));
    expect(String(await echo(socket, "still here"))).toBe("still here");
    socket.terminate();
  });

  test("a client that does not read holds the application up", async () => {
    const id = newId();
    const socket = await opened(dial(`/${way}/flood?id=${id}`, { perMessageDeflate: false }));
    socket.pause();
    const stopped = await until("nothing more is sent", async () => {
      const { sent } = await world.state(id);
      await new Promise((done) => setTimeout(done, 700));
      return sent > 0 && (await world.state(id)).sent === sent && sent;
    });
    // What sockets, windows and the bodies between hold: far from what it would send.
    expect(stopped).toBeLessThan(64 * 1024 * 1024);
    socket.resume();
    await until("it goes on", async () => (await world.state(id)).sent > stopped);
    socket.terminate();
    await until("the application hears of the end", async () => (await world.state(id)).closed);
  });

  test("who is there is told, and what a client must not say is not", async () => {
    const headers = { "selvage-service": "other", "x-forwarded-for": "6.6.6.6", "txn-token": "forged" };
    const socket = dial(`/${way}/headers`, { headers, origin: "https://app.example" });
    const [message] = await once(socket, "message");
    const seen = JSON.parse(String(message)) as Record<string, string>;
    expect(seen["x-forwarded-for"]).toMatch(/^127\.0\.0\.1/);
    expect(seen["selvage-service"]).toBeUndefined();
    expect(seen["txn-token"]).not.toBe("forged");
    if (way === "mesh") expect(seen["txn-token"]).toMatch(/^ey/);
    expect(seen.traceparent).toMatch(/^00-/);
    socket.terminate();
  });
});

describe("who is refused", () => {
  test.each<[string, string, ClientOptions, number, string]>([
    ["a route without `upgrades`", "/closed/echo", {}, 501, "not_implemented"],
    ["another site's page", "/origin/echo", { origin: "https://evil.example" }, 403, "origin_not_allowed"],
    ["a page of no site", "/origin/echo", { origin: "null" }, 403, "origin_not_allowed"],
    ["another version", "/origin/echo", { protocolVersion: 8 }, 426, "websocket_version"],
    ["a path that is none", "/nowhere", {}, 404, "no_route"],
  ])("%s", async (_what, path, options, status, code) => {
    const refused = await refusal(path, options);
    expect(refused.status).toBe(status);
    expect(JSON.parse(refused.text)).toMatchObject({ code });
  });

  test.each([
    ["a key that is none", "GET", "Sec-WebSocket-Key: short", 400],
    ["no key", "GET", "X-A: b", 400],
    ["POST", "POST", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", 400],
  ])("%s", async (_what, method, line, status) => {
    const head = `${method} /origin/echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n`;
    const answer = await speak(world.plain, `${head}${line}\r\n\r\n`);
    expect(answer.status).toBe(status);
  });

  test("offers of other protocols are passed over", async () => {
    const head = "GET /origin/state HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n";
    expect((await speak(world.plain, head)).status).toBe(200);
  });

  test("the page of a site that CORS names is not", async () => {
    const socket = await opened(dial("/origin/echo", { origin: "https://app.example", headers: { cookie: "a=b" } }));
    socket.terminate();
    const own = await opened(dial("/origin/echo", { origin: `http://127.0.0.1:${world.plain}` }));
    own.terminate();
  });

  test("a limit counts handshakes", async () => {
    const socket = await opened(dial("/limited/echo"));
    const { status, headers } = await refusal("/limited/echo");
    expect(status).toBe(429);
    expect(headers).toHaveProperty("retry-after");
    expect(String(await echo(socket, "unmoved"))).toBe("unmoved");
    socket.terminate();
  });

  test("more than `maxConnections` of a route, until one has ended", async () => {
    const first = await opened(dial("/few/echo"));
    const second = await opened(dial("/few/echo"));
    const refused = await refusal("/few/echo");
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.text)).toMatchObject({ code: "overloaded" });
    first.terminate();
    await until("there is room", async () => {
      const third = dial("/few/echo");
      third.on("error", () => undefined);
      const isOpen = await new Promise<boolean>((done) => {
        third.once("open", () => done(true));
        third.once("unexpected-response", () => done(false));
      });
      third.terminate();
      return isOpen;
    });
    second.terminate();
  });

  test("one that stands still for longer than `streamIdle`", async () => {
    const socket = await opened(dial("/brief/echo"));
    expect((await closing(socket)).code).toBe(1006);
  });
});

describe("what is told", () => {
  test("a line at its beginning by the gateway, and one at its end by the front, with one trace", async () => {
    const socket = await opened(dial("/origin/echo?secret=1"));
    await echo(socket, "hello");
    socket.close(4321, "done");
    await closing(socket);
    const end = await until("the line", () => world.ended().find(({ closeCode }) => closeCode === 4321));
    expect(end).toMatchObject({ kind: "websocket", path: "/origin/echo", closedBy: "client", address: "127.0.0.1" });
    expect(end.bytesIn).toBeGreaterThan(5);
    expect(end.bytesOut).toBeGreaterThan(5);
    const begun = await until("the gateway's line", () => world.accessLog().find((one) => one.traceId === end.traceId));
    expect(begun).toMatchObject({ status: 101, route: "origin", method: "GET" });
  });

  test("who broke off, and why", async () => {
    const id = newId();
    const socket = await opened(dial(`/origin/echo?id=${id}`));
    socket.terminate();
    await until("the application hears of it", async () => (await world.state(id)).closed);
    expect((await closing(dial("/brief/echo"))).code).toBe(1006);
    await until("both lines", () => {
      const reasons = world.ended().map(({ closeCode, reason }) => (closeCode === 1006 ? reason : undefined));
      return reasons.some((one) => one?.startsWith("the client left")) && reasons.includes("nothing moved for 1 s");
    });
  });
});

describe("clients", () => {
  test("undici's", async () => {
    const socket = new UndiciWebSocket(world.url("/mesh/echo").replace("http", "ws"), {
      protocols: ["chat.v2"],
      dispatcher: new Agent(),
    });
    await new Promise((done) => socket.addEventListener("open", done, { once: true }));
    expect(socket.protocol).toBe("chat.v2");
    const answer = new Promise<unknown>((done) => {
      socket.addEventListener("message", ({ data }) => done(data), { once: true });
    });
    socket.send("from undici");
    expect(await answer).toBe("from undici");
    const ended = new Promise<number>((done) => {
      socket.addEventListener("close", ({ code }) => done(code), { once: true });
    });
    socket.close(4000, "bye");
    expect(await ended).toBe(4000);
  });

  test("over HTTP/2 (RFC 8441), of which several share a connection", async () => {
    const session = connect(`https://localhost:${world.secure}`, { rejectUnauthorized: false });
    await once(session, "remoteSettings");
    expect(session.remoteSettings.enableConnectProtocol).toBe(true);
    const open = async (path: string) => {
      const stream = session.request({
        ":method": "CONNECT",
        ":protocol": "websocket",
        ":path": path,
        "sec-websocket-version": "13",
        "sec-websocket-protocol": "chat.v2",
      });
      stream.on("error", () => undefined);
      const [headers] = await once(stream, "response");
      return { stream, headers };
    };
    const pair = await Promise.all([open("/origin/echo"), open("/mesh/echo")]);
    for (const { stream, headers } of pair) {
      expect(headers[":status"]).toBe(200);
      expect(headers["sec-websocket-protocol"]).toBe("chat.v2");
      expect(headers["sec-websocket-accept"]).toBeUndefined();
      // A masked text frame "hi" by the key 0.
      stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
      const [answer] = await once(stream, "data");
      expect(answer).toEqual(Buffer.from([0x81, 0x02, 0x68, 0x69]));
      stream.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x0f, 0xa1]));
      const [close] = await once(stream, "data");
      expect(close).toEqual(Buffer.from([0x88, 0x02, 0x0f, 0xa1]));
      await once(stream, "end");
      stream.end();
    }
    const refused = await Promise.all([open("/closed/echo"), open("/origin/plain")]);
    expect(refused.map(({ headers }) => headers[":status"])).toEqual([501, 502]);
    session.destroy();
  });

  const program = chromiumPath();
  test.skipIf(program === undefined)("a browser's, of a page that may and one that may not", async () => {
    const browser = await startChromium(program as string);
    try {
      const page = await browser.newPage();
      await page.goto(world.url("/origin/state"));
      // As text: what the page runs must not be compiled for a test.
      const talk = (url: string): Promise<unknown> =>
        page.evaluate(`new Promise((done) => {
          const socket = new WebSocket("${url}", ["chat.v2"]);
          socket.onopen = () => socket.send("from a page");
          socket.onmessage = ({ data }) => {
            socket.onclose = ({ code, wasClean }) => done([data, socket.protocol, code, wasClean].join(" "));
            socket.close(4001, "bye");
          };
          socket.onerror = () => done("refused");
        })`);
      expect(await talk(`ws://127.0.0.1:${world.plain}/mesh/echo`)).toBe("from a page chat.v2 4001 true");
      expect(await talk(`ws://localhost:${world.plain}/mesh/echo`)).toBe("refused");
    } finally {
      await browser.close();
    }
  });

  test("a hundred at once", async () => {
    const before = world.memory();
    const sockets = await Promise.all(Array.from({ length: 100 }, () => opened(dial("/origin/echo"))));
    const answers = await Promise.all(sockets.map((socket, at) => echo(socket, `message ${at}`)));
    expect(answers.map(String)).toEqual(sockets.map((_, at) => `message ${at}`));
    console.log("resident MiB with 100 WebSockets", { before, after: world.memory() });
    for (const socket of sockets) socket.terminate();
  });
});
