import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test, vi } from "vitest";
import { backoffMs } from "../../../mesh-agent/control/backoff.ts";
import { HubClient } from "../../../mesh-agent/control/hub-client.ts";
import { limits } from "../../../shared/limits.ts";
import { acceptWebSocket } from "../support/web-socket-server.ts";

/** Of the longest pauses. */
const SHARE = 1 / 16;

test("two agents of one name take each other's place with growing pauses", async () => {
  const openedAtMs: number[] = [];
  const server = createServer();
  let enough: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    enough = resolve;
  });
  server.on("upgrade", (request, stream) => {
    // As the hub to one that another of its name replaces: it hears something, then it is closed.
    const socket = acceptWebSocket(request, stream, { text: () => {}, end: () => {} });
    socket.send(JSON.stringify({ type: "trust", roots: [], txnKeys: [] }));
    openedAtMs.push(performance.now());
    setTimeout(() => socket.close(), 20);
    if (openedAtMs.length === 3) enough();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  let heard = 0;
  const client = new HubClient({
    controlUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: () => "token",
    greeting: () => [],
    onMessage: () => {
      heard++;
    },
    onRefused: () => {},
    onConnected: () => {},
    random: () => SHARE,
  });
  client.start();
  await done;
  client.stop();
  server.close();
  expect(heard).toBeGreaterThanOrEqual(2);
  const { returnPauseMs, reconnectMaxMs } = limits.control;
  const pauses =
    backoffMs(1, returnPauseMs, reconnectMaxMs, SHARE) + backoffMs(2, returnPauseMs, reconnectMaxMs, SHARE);
  const [first = 0, , third = 0] = openedAtMs;
  // A timer is early by its rounding at most.
  expect(third - first).toBeGreaterThan(pauses - 10);
});

test("the pauses of reconnects begin anew only after the longest of them", () => {
  expect(limits.control.connectionSteadyMs).toBeGreaterThan(limits.control.reconnectMaxMs);
});

test.each([
  ["milliseconds are waited for", "Selvage-Retry-After-Ms: 900\r\n", 900],
  ["what is no number is passed over", "Retry-After: 9\r\nSelvage-Retry-After-Ms: soon\r\n", 0],
])("a hub that asks to come later: %s", async (_, header, waitMs) => {
  const triedAtMs: number[] = [];
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const server = createServer();
  server.on("upgrade", (_request, stream) => {
    triedAtMs.push(performance.now());
    stream.on("error", () => {});
    stream.end(`HTTP/1.1 503 Service Unavailable\r\n${header}content-length: 0\r\n\r\n`);
    if (triedAtMs.length === 2) resolve();
  });
  await new Promise<void>((listens) => server.listen(0, "127.0.0.1", listens));
  const reasons: (string | undefined)[] = [];
  const controlUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new HubClient({
    ...{ controlUrl, token: () => "token", greeting: () => [], onMessage: () => {}, onRefused: () => {} },
    onConnected: (_connected, reason) => void reasons.push(reason),
    random: () => 0.5,
  });
  client.start();
  await enough;
  client.stop();
  server.close();
  const [first = 0, second = 0] = triedAtMs;
  expect(second - first).toBeGreaterThan(waitMs - 10);
  if (waitMs === 0) expect(second - first).toBeLessThan(900);
  expect(reasons[0]).toBe(`${controlUrl} refuses this agent (503)`);
});

test("pauses grow while nobody opens a connection, however long the process has run", async () => {
  const now = performance.now.bind(performance);
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now() + 60 * limits.control.connectionSteadyMs);
  const triedAtMs: number[] = [];
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const server = createServer();
  server.on("upgrade", (_, stream) => {
    triedAtMs.push(now());
    // The client hangs up as soon as it has read the status.
    stream.on("error", () => {});
    stream.end("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    if (triedAtMs.length === 4) resolve();
  });
  await new Promise<void>((listens) => server.listen(0, "127.0.0.1", listens));
  const client = new HubClient({
    controlUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: () => "token",
    greeting: () => [],
    onMessage: () => {},
    onRefused: () => {},
    onConnected: () => {},
    random: () => 1,
  });
  client.start();
  await enough;
  client.stop();
  server.close();
  clock.mockRestore();
  const { reconnectBaseMs } = limits.control;
  const [first = 0, , , fourth = 0] = triedAtMs;
  // Three pauses, each twice the one before.
  expect(fourth - first).toBeGreaterThan(7 * reconnectBaseMs - 10);
});
