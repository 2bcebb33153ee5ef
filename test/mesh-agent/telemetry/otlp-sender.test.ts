import { globalAgent } from "node:https";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OtlpSender } from "../../../mesh-agent/telemetry/otlp-sender.ts";
import { SpanBuffer, spanKind } from "../../../shared/telemetry/span-buffer.ts";
import { makeAuthority, type TestAuthority } from "../../support/certificates.ts";
import { OtlpReceiver } from "../../support/otlp-receiver.ts";
import { until } from "../support/agents.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const { ca: trusted } = globalAgent.options;

let authority: TestAuthority;
let receiver: OtlpReceiver;

beforeAll(async () => {
  authority = await makeAuthority("otel.internal");
  receiver = await OtlpReceiver.start(await authority.issue("receiver", { dnsNames: ["localhost"] }));
});

afterAll(async () => {
  globalAgent.options.ca = trusted;
  await receiver.close();
});

/** Sends one span. @returns what the sender complains of */
function send(url: string): { readonly troubles: string[]; readonly sender: OtlpSender } {
  const troubles: string[] = [];
  const settings = { url: `${url}/v1/traces`, headers: { "x-tenant": "t1" }, timeoutMs: 5_000, resource: {} };
  const sender = new OtlpSender(settings, "spans", (sentence) => troubles.push(sentence));
  const spans = new SpanBuffer();
  const ids = { traceId: TRACE_ID, spanId: "b7ad6b7169203331", flags: "01" };
  spans.begin(ids, { name: "GET", kind: spanKind.server, parentId: "", startMs: 1, endMs: 2 });
  spans.end();
  sender.add(spans.take(), 1);
  return { troubles, sender };
}

test("over TLS nothing goes to a receiver whose certificate nobody vouches for", async () => {
  const { sender } = send(receiver.url);
  await sender.close();
  expect(receiver.received).toEqual([]);
});

test("over TLS it goes to one that this machine trusts", async () => {
  globalAgent.options.ca = authority.rootPem;
  const { troubles, sender } = send(receiver.url);
  await until("it is here", () => receiver.spans.length > 0);
  await sender.close();
  expect(receiver.of(TRACE_ID)).toMatchObject([{ name: "GET", kind: "server" }]);
  expect(receiver.received[0]).toMatchObject({ path: "/v1/traces", headers: { "x-tenant": "t1" } });
  expect([troubles, receiver.faults]).toEqual([[], []]);
});
