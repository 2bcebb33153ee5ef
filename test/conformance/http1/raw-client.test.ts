/** What is taken for silence. */
import { stat } from "node:fs";
import * as net from "node:net";
import { afterEach, expect, test } from "vitest";
import { speak } from "./raw-client.ts";

const servers: net.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(onData: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer((socket) => socket.on("data", () => onData(socket)).on("error", () => undefined));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as net.AddressInfo).port;
}

test("an answer that waits to be read while the machine stands still is no silence", async () => {
  const port = await listen((socket) => {
    // Within what is read, after which timers come next.
    const answer = (): void => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
    };
    setTimeout(() => stat(".", answer), 10);
  });
  expect(await speak(port, "x", 30)).toMatchObject({ status: 200, closed: false });
});

test("no answer is silence", async () => {
  expect(await speak(await listen(() => undefined), "x", 30)).toEqual({ text: "", status: undefined, closed: false });
});
