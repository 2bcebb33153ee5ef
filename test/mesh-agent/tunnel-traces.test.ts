/** What a WebSocket leaves of spans at two agents. */
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { OtlpReceiver, treeOf } from "../support/otlp-receiver.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const fleet = new Fleet();
let control: TestControl;
let receiver: OtlpReceiver;
let caller: TestAgent;

beforeAll(async () => {
  [receiver, control] = await Promise.all([OtlpReceiver.start(), TestControl.start()]);
  const otlp = { endpoint: receiver.url, headers: {}, timeoutMs: 5_000 };
  control.telemetry = { otlp, resource: {}, traces: { ratio: 0, errors: false } };
  const upgrades = ["websocket"];
  control.setPlan("caller", { outbound: { chat: { upgrades } } });
  control.setPlan("chat", { inbound: { upgrades } });
  const chat = fleet.runFile("ws-app.ts", "chat-1", control.joinToken("chat"));
  caller = fleet.run("caller-1", control.joinToken("caller"));
  await Promise.all([chat.ready(), caller.ready()]);
  await until("the caller knows it", async () => (await caller.admin("/config")).text.includes(`"instance":"chat-1"`));
}, 60_000);

afterAll(async () => {
  await fleet.end();
  await Promise.all([control.close(), receiver.close()]);
});

test("a tunnel is one span from its beginning to its end, and tells what went through", async () => {
  const traceId = "d".repeat(32);
  const headers = { host: "chat.mesh", traceparent: `00-${traceId}-${"e".repeat(16)}-01` };
  const socket = new WebSocket(`ws://127.0.0.1:${caller.runtime.ports.outbound}/`, { headers });
  await once(socket, "open");
  const answer = once(socket, "message");
  socket.send("x".repeat(1_000));
  await answer;
  const ended = once(socket, "close");
  socket.close(1000);
  await ended;
  await until("its spans are here", () => receiver.of(traceId).length >= 3);
  const spans = receiver.of(traceId);
  const shown = treeOf(
    spans,
    ({ resource, kind, attributes }) =>
      `${resource["service.name"]} ${kind} ${attributes["http.response.status_code"]}`,
  );
  expect(shown).toEqual(["caller internal 101", "  caller client 101", "    chat server 101"]);
  for (const { attributes } of spans.filter(({ kind }) => kind !== "client")) {
    expect(Number(attributes["selvage.tunnel.bytes_in"])).toBeGreaterThan(0);
    expect(Number(attributes["selvage.tunnel.bytes_out"])).toBeGreaterThan(0);
  }
  expect([spans.some(({ failed }) => failed), receiver.faults]).toEqual([false, []]);
});
