import type { Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openAdmin } from "../../../mesh-agent/admin/admin-server.ts";

let server: Server;
beforeEach(async () => {
  const view = { unready: () => undefined, metrics: () => "", config: () => ({ secretive: true }) };
  server = await openAdmin({ host: "127.0.0.1", port: 0 }, view);
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

/** Status line of the answer to a raw request. */
function statusOf(target: string, host: string): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.end(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("end", () => resolve(text.slice(9, 12)));
    socket.on("error", reject);
  });
}

test.each(["127.0.0.1", "127.0.0.1:9000", "localhost:9000", "[::1]:9000"])("by %s it answers", async (host) => {
  expect(await statusOf("/config", host)).toBe("200");
});

test.each(["evil.example", "evil.example:80", "127.0.0.1.evil.example"])(
  "a page of %s whose name leads to loopback reads nothing",
  async (host) => expect(await statusOf("/config", host)).toBe("421"),
);

test.each(["//[", "//evil.example/config", "http://[/"])("the target %s is answered, as not found", async (target) => {
  expect(await statusOf(target, "127.0.0.1")).toBe("404");
});
