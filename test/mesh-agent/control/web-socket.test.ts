/** The WebSocket to the hub against a server that others wrote, and against servers that break RFC 6455. */
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { WebSocketClient } from "../../../mesh-agent/control/web-socket.ts";
import { readFrame, TEXT, writeFrame } from "../../../mesh-agent/control/web-socket-frame.ts";
import { limits } from "../../../shared/limits.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** What the client is told, in order; `ended:` is last. */
function connect(port: number, headers = {}): { client: WebSocketClient; told: string[] } {
  const told: string[] = [];
  const client = new WebSocketClient(new URL(`http://127.0.0.1:${port}/v1`), headers, {
    opened: () => told.push("opened"),
    text: (message) => told.push(message),
    ended: (reason) => told.push(`ended:${reason}`),
  });
  closers.push(() => client.close());
  return { client, told };
}

async function listen(server: Server): Promise<number> {
  closers.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return (server.address() as AddressInfo).port;
}

/** @param onPeer for each connection that was accepted */
async function serve(onPeer: (peer: WebSocket, authorization: string | undefined) => void): Promise<number> {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (peer, request) => onPeer(peer, request.headers.authorization));
  closers.push(() => sockets.close());
  return listen(server);
}

test.each([0, 125, 126, 65_535, 65_536, 300_000])("a message of %i bytes goes both ways", async (length) => {
  const port = await serve((peer) => peer.on("message", (data) => peer.send(String(data))));
  const { client, told } = connect(port);
  await vi.waitFor(() => expect(told).toEqual(["opened"]));
  client.send("ä".repeat(length / 2));
  await vi.waitFor(() => expect(told).toHaveLength(2));
  expect(told[1]).toBe("ä".repeat(length / 2));
});

test("fields go along, fragments are one message, pings are answered, and the server's reason is told", async () => {
  const pongs: string[] = [];
  const port = await serve((peer, authorization) => {
    peer.on("pong", (data) => pongs.push(String(data)));
    peer.send(String(authorization));
    peer.ping("there?");
    peer.send("one ", { fin: false });
    peer.send("message", { fin: true });
    peer.close(4001, "replaced");
  });
  const { told } = connect(port, { authorization: "Bearer t" });
  await vi.waitFor(() => expect(told.at(-1)).toBe("ended:replaced"));
  expect(told).toEqual(["opened", "Bearer t", "one message", "ended:replaced"]);
  await vi.waitFor(() => expect(pongs).toEqual(["there?"]));
});

test("a close of ours tells nobody, and the server sees a clean one", async () => {
  const codes: number[] = [];
  const port = await serve((peer) => peer.on("close", (code) => codes.push(code)));
  const { client, told } = connect(port);
  await vi.waitFor(() => expect(told).toEqual(["opened"]));
  client.close();
  await vi.waitFor(() => expect(codes).toEqual([1000]));
  expect(told).toEqual(["opened"]);
});

test("whoever does not speak the protocol, or nobody, never was open", async () => {
  const refusing = await listen(createServer((_request, response) => response.writeHead(401).end("no")));
  const wrong = createServer();
  wrong.on("upgrade", (_request, socket) =>
    socket.end("HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"),
  );
  const gone = createServer();
  const nobody = await listen(gone);
  gone.close();
  for (const port of [refusing, await listen(wrong), nobody]) {
    const { told } = connect(port);
    await vi.waitFor(() => expect(told).toEqual(["ended:undefined"]));
  }
});

const frame = (...bytes: number[]): Buffer => Buffer.from(bytes);
const hostile: [string, Buffer][] = [
  ["a reserved bit", frame(0xc1, 0)],
  ["a masked frame", frame(0x81, 0x80, 0, 0, 0, 0)],
  ["an unknown opcode", frame(0x83, 0)],
  ["an unknown control opcode", frame(0x8b, 0)],
  ["a control frame in fragments", frame(0x09, 0)],
  ["a long control frame", frame(0x89, 126, 0, 126)],
  ["a message that goes on from nothing", frame(0x80, 0)],
  ["a message within a message", frame(0x01, 0, 0x81, 0)],
  ["bytes instead of text", frame(0x82, 0)],
  ["what is no UTF-8", frame(0x81, 1, 0xff)],
  ["a frame larger than any message", frame(0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0)],
];

test.each(hostile)("%s ends the connection", async (_, bytes) => {
  const server = createServer();
  let peer: Socket | undefined;
  server.on("upgrade", (request, socket: Socket) => {
    peer = socket;
    const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    const head = `HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
    socket.on("error", () => undefined);
    socket.write(Buffer.concat([Buffer.from(head), bytes]));
  });
  const { told } = connect(await listen(server));
  await vi.waitFor(() => expect(told).toHaveLength(2));
  expect(told[1]).toMatch(/^ended:the control plane breaks the WebSocket protocol \(\d{4}\)$/);
  peer?.destroy();
});

test("a frame is read when it is whole, and none is larger than the bound", () => {
  const bytes = Buffer.concat([frame(0x81, 126, 1, 0), Buffer.alloc(256, "a")]);
  for (let end = 0; end < bytes.length; end++) expect(readFrame(bytes.subarray(0, end), 256)).toBeUndefined();
  expect(readFrame(bytes, 256)).toMatchObject({ opcode: TEXT, fin: true, size: bytes.length });
  expect(readFrame(bytes, 255)).toBe("too_large");
  expect(limits.control.messageBytesMax).toBeLessThan(2 ** 32);
  expect(writeFrame(TEXT, Buffer.from("a"), frame(1, 2, 3, 4))).toEqual(frame(0x81, 0x81, 1, 2, 3, 4, 0x60));
});
