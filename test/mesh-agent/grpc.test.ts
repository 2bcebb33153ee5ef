/** The gRPC client and server that applications use, unmodified, with two agents between them. */
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OutboundServicePlan } from "../../shared/plan/plan.ts";
import { OtlpReceiver, treeOf } from "../support/otlp-receiver.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { outboundDefaults, TestControl } from "./support/control-plane.ts";
import { EchoClient, statusOf } from "./support/grpc-client.ts";

const fleet = new Fleet();
const clients: EchoClient[] = [];
let control: TestControl;
let receiver: OtlpReceiver;
let caller: TestAgent;
let callee: TestAgent;
let client: EchoClient;

const byGrpc: Partial<OutboundServicePlan> = {
  protocol: "grpc",
  timeoutMs: 0,
  streamIdleMs: 0,
  retries: { attempts: 2, on: ["unavailable", "resource-exhausted"], idempotent: ["/test.Echo/Fail"] },
  breaker: { ...outboundDefaults.breaker, consecutiveFailures: 1_000 },
};

function connect(address: string, options?: grpc.ClientOptions): EchoClient {
  const made = new EchoClient(address, options);
  clients.push(made);
  return made;
}

const direct = (service: string): EchoClient =>
  connect(`127.0.0.1:${caller.runtime.ports.outbound}`, { "grpc.default_authority": `${service}.mesh` });

beforeAll(async () => {
  control = await TestControl.start();
  receiver = await OtlpReceiver.start();
  const otlp = { endpoint: receiver.url, headers: {}, timeoutMs: 5_000 };
  control.telemetry = { otlp, resource: {}, traces: { ratio: 0, errors: false } };
  control.setPlan("caller", {
    outbound: { callee: byGrpc, locked: { protocol: "grpc" }, empty: { protocol: "grpc" } },
  });
  control.setPlan("callee", { inbound: { protocol: "grpc", streamIdleMs: 0 } });
  control.setPlan("locked", { inbound: { protocol: "grpc" }, access: [] });
  callee = fleet.grpc("callee-1", control.joinToken("callee"));
  const locked = fleet.grpc("locked-1", control.joinToken("locked"));
  caller = fleet.run("caller-1", control.joinToken("caller"));
  await Promise.all([callee.ready(), caller.ready(), locked.ready()]);
  await until("the caller knows the others", async () => {
    const { text } = await caller.admin("/config");
    return text.includes(`"instance":"callee-1"`) && text.includes(`"instance":"locked-1"`);
  });
  client = direct("callee");
}, 30_000);

afterAll(async () => {
  for (const one of clients) one.close();
  await fleet.end();
  await Promise.all([control.close(), receiver.close()]);
});

describe("a client reaches a service", () => {
  test("by its authority at the outbound listener", async () => {
    const { code, body, head } = await client.unary("Unary", "hello");
    expect(code).toBe(grpc.status.OK);
    expect(String(body)).toBe("hello");
    expect(head?.get("from")).toEqual(["callee-1"]);
  });

  test("by its name, through the proxy that its environment names", async () => {
    process.env.grpc_proxy = `http://127.0.0.1:${caller.runtime.ports.outbound}`;
    try {
      const { code, body } = await connect("callee.mesh:80").unary("Unary", "tunnelled");
      expect([code, String(body)]).toEqual([grpc.status.OK, "tunnelled"]);
    } finally {
      delete process.env.grpc_proxy;
    }
  });
});

describe("every kind of call", () => {
  test("from a client that streams", async () => {
    const length = await new Promise<string>((resolve, reject) => {
      const call = client.clientStream("ClientStream", (error, value) =>
        error === null ? resolve(String(value)) : reject(error),
      );
      for (let at = 0; at < 100; at++) call.write(Buffer.alloc(1_000));
      call.end();
    });
    expect(length).toBe("100000");
  });

  test("from a server that streams", async () => {
    const call = client.serverStream("ServerStream", "500");
    const seen: string[] = [];
    call.on("data", (message: Buffer) => seen.push(String(message)));
    expect((await statusOf(call)).code).toBe(grpc.status.OK);
    expect(seen).toEqual(Array.from({ length: 500 }, (_, at) => String(at)));
  });

  test("both ways at once: each message is answered before the next is sent", async () => {
    const call = client.bidi("Bidi");
    const over = statusOf(call);
    for (let at = 0; at < 20; at++) {
      const answered = new Promise<string>((resolve) => call.once("data", (message) => resolve(String(message))));
      call.write(Buffer.from(`m${at}`));
      expect(await answered).toBe(`m${at}`);
    }
    call.end();
    expect((await over).code).toBe(grpc.status.OK);
  });

  test("with a message of 8 MB each way", async () => {
    const message = Buffer.alloc(8 << 20, "abcdefg");
    const { code, body } = await client.unary("Unary", message);
    expect(code).toBe(grpc.status.OK);
    expect(body?.equals(message)).toBe(true);
  });

  test("that is compressed: the flag and the bytes pass as they are", async () => {
    const zipped = direct("callee");
    const own = connect(`127.0.0.1:${caller.runtime.ports.outbound}`, {
      "grpc.default_authority": "callee.mesh",
      "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip,
    });
    for (const one of [zipped, own]) {
      const { code, body } = await one.unary("Unary", "z".repeat(10_000));
      expect([code, body?.length]).toEqual([grpc.status.OK, 10_000]);
    }
  });

  test("10,000 of them over one connection of the client", async () => {
    const codes = await Promise.all(Array.from({ length: 10_000 }, (_, at) => client.unary("Unary", String(at))));
    const wrong = codes.filter(({ code, body }, at) => code !== grpc.status.OK || String(body) !== String(at));
    expect(wrong).toEqual([]);
  }, 60_000);
});

describe("metadata", () => {
  test("text and bytes both ways, in head and trailers", async () => {
    const metadata = new grpc.Metadata();
    const binary = Buffer.from([0, 255, 10, 13, 128]);
    metadata.set("x-text", "a b");
    metadata.set("x-bytes-bin", binary);
    const { head, trailers } = await client.unary("Unary", "", metadata);
    expect(head?.get("echo-x-text")).toEqual(["a b"]);
    expect(head?.get("echo-x-bytes-bin")).toEqual([binary]);
    expect(trailers?.get("trailer-bin")).toEqual([binary]);
  });

  test("of 40 KB both ways", async () => {
    const metadata = new grpc.Metadata();
    metadata.set("x-text", "t".repeat(20_000));
    metadata.set("x-bytes-bin", Buffer.alloc(15_000, 7));
    const { code, head, trailers } = await client.unary("Unary", "", metadata);
    expect(code).toBe(grpc.status.OK);
    expect(head?.get("echo-x-text")[0]).toHaveLength(20_000);
    expect(trailers?.get("trailer-bin")[0]).toHaveLength(15_000);
  });

  test("that is too large is RESOURCE_EXHAUSTED, and calls beside it go on", async () => {
    const metadata = new grpc.Metadata();
    metadata.set("x-text", "t".repeat(50_000));
    metadata.set("x-bytes-bin", Buffer.alloc(15_000, 7));
    const [large, small] = await Promise.all([client.unary("Unary", "", metadata), client.unary("Unary", "small")]);
    expect(large.code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    expect([small.code, String(small.body)]).toEqual([grpc.status.OK, "small"]);
  });
});

describe("time", () => {
  test("what is left of a deadline reaches the application", async () => {
    const { head } = await client.unary("Unary", "", undefined, { deadline: Date.now() + 5_000 });
    const left = Number(head?.get("left-ms")[0]);
    expect(left).toBeGreaterThan(1_000);
    expect(left).toBeLessThanOrEqual(5_000);
  });

  test("without one there is none", async () => {
    const { head } = await client.unary("Unary", "");
    expect(head?.get("left-ms")).toEqual([""]);
  });

  test("that is over ends the call at the client and at the application", async () => {
    const before = await client.counts();
    const { code } = await client.unary("Hang", "", undefined, { deadline: Date.now() + 200 });
    expect(code).toBe(grpc.status.DEADLINE_EXCEEDED);
    await until("the application knows", async () => (await client.counts()).cancelled > before.cancelled);
  });

  test("a cancelled call is cancelled at the application", async () => {
    const before = await client.counts();
    const call = client.bidi("Bidi");
    const over = statusOf(call);
    call.once("data", () => call.cancel());
    call.write(Buffer.from("x"));
    expect((await over).code).toBe(grpc.status.CANCELLED);
    await until("the application knows", async () => (await client.counts()).cancelled > before.cancelled);
  });
});

describe("errors are those of gRPC", () => {
  test.each([
    ["locked", grpc.status.PERMISSION_DENIED],
    ["empty", grpc.status.UNAVAILABLE],
    ["nobody", grpc.status.UNIMPLEMENTED],
  ])("of a call to %s", async (service, code) => {
    expect((await direct(service).unary("Unary", "")).code).toBe(code);
  });

  test("what the application says passes as it is, from its head alone or from its trailers", async () => {
    const withHead = new grpc.Metadata();
    withHead.set("x-head", "1");
    for (const metadata of [new grpc.Metadata(), withHead]) {
      const { code, details } = await client.unary("Fail", "9", metadata);
      expect([code, details]).toEqual([grpc.status.FAILED_PRECONDITION, "as asked: é"]);
    }
  });
});

describe("another attempt follows", () => {
  const attempts = async (code: number, fields: Record<string, string>): Promise<number> => {
    const before = (await client.counts()).unary;
    const outcome = await client.unary("Fail", String(code), grpc.Metadata.fromHttp2Headers(fields));
    expect(outcome.code).toBe(code);
    return (await client.counts()).unary - before;
  };

  test("a status that the document names, in the head or in trailers without a message before them", async () => {
    expect(await attempts(grpc.status.UNAVAILABLE, {})).toBe(3);
    expect(await attempts(grpc.status.UNAVAILABLE, { "x-head": "1" })).toBe(3);
    expect(await attempts(grpc.status.RESOURCE_EXHAUSTED, { "x-head": "1" })).toBe(3);
  });

  test("not one that it does not name", async () => {
    expect(await attempts(grpc.status.INTERNAL, {})).toBe(1);
    expect(await attempts(grpc.status.INTERNAL, { "x-head": "1" })).toBe(1);
  });

  test("not where the server asks for none, or says nothing that can be read", async () => {
    expect(await attempts(grpc.status.UNAVAILABLE, { "x-pushback": "-1" })).toBe(1);
    expect(await attempts(grpc.status.UNAVAILABLE, { "x-head": "1", "x-pushback": "soon" })).toBe(1);
    expect(await attempts(grpc.status.UNAVAILABLE, { "x-pushback": "5" })).toBe(3);
  });
});

test("calls are counted and logged by their status of gRPC", async () => {
  await client.unary("Fail", "9");
  const { text } = await caller.admin("/metrics");
  expect(text).toMatch(/selvage_grpc_requests_total\{direction="outbound",service="callee",grpc_status="9"\} [1-9]/);
  expect(text).toMatch(/selvage_grpc_requests_total\{direction="outbound",service="callee",grpc_status="0"\} [1-9]/);
  await until("it is logged", () => callee.log("inbound").some(({ grpcStatus }) => grpcStatus === 9));
});

test.each([
  ["Unary", "hello", "OK", "3a", [false, false, false]],
  ["Fail", "13", "INTERNAL", "3b", [true, true, true]],
  ["Fail", "5", "NOT_FOUND", "3c", [false, true, false]],
] as const)("%s of %s has spans that tell of RPC, whose status is %s", async (name, body, status, id, failed) => {
  const traceId = id.padStart(32, "c");
  const metadata = new grpc.Metadata();
  metadata.set("traceparent", `00-${traceId}-00f067aa0ba902b7-01`);
  await client.unary(name, body, metadata);
  await until("its spans are here", () => receiver.of(traceId).length >= 3);
  const spans = receiver.of(traceId);
  const rpc = `test.Echo/${name}`;
  expect(treeOf(spans, (span) => `${span.resource["service.name"]} ${span.kind} ${span.name}`)).toEqual([
    `caller internal ${rpc}`,
    `  caller client ${rpc}`,
    `    callee server ${rpc}`,
  ]);
  for (const { attributes } of spans)
    expect(attributes).toMatchObject({
      "rpc.system.name": "grpc",
      "rpc.method": rpc,
      "rpc.response.status_code": status,
      "http.request.method": "POST",
    });
  const order = ["internal", "client", "server"];
  const sorted = [...spans].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  expect(sorted.map((span) => span.failed)).toEqual(failed);
  expect(receiver.faults).toEqual([]);
});
