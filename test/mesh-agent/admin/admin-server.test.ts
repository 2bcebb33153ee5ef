import type { Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openAdmin } from "../../../mesh-agent/admin/admin-server.ts";
import type { MetricFamily } from "../../../shared/http/metrics-text.ts";

let server: Server;
beforeEach(async () => {
  const view = {
    unready: () => undefined,
    metrics: () => [
      { name: "a_total", type: "counter", help: "A.", samples: [{ labels: {}, value: 1 }] } satisfies MetricFamily,
    ],
    config: () => ({ secretive: true }),
  };
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

test.each([
  ["text/plain", "text/plain; version=0.0.4; charset=utf-8", "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n"],
  [
    "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "# HELP a A.\n# TYPE a counter\na_total 1\n# EOF\n",
  ],
])("metrics are in the form of Accept: %s", async (accept, type, text) => {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept } });
  expect(response.headers.get("content-type")).toBe(type);
  expect(await response.text()).toBe(text);
});
