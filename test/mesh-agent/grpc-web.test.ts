/** Calls by gRPC-Web to a real server of gRPC: through the ingress as the gateway makes them, and at an exposed service as browsers do. */
import { randomBytes } from "node:crypto";
import { connect as connectHttp2 } from "node:http2";
import type { LookupFunction } from "node:net";
import { connect as connectTls } from "node:tls";
import * as grpc from "@grpc/grpc-js";
import { Agent, fetch } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HopKey } from "../../shared/wire/hop-key.ts";
import { callWeb, frame, framesOf, readWeb, sendWeb, type WebCall, WebReader } from "../support/grpc-web-client.ts";
import { proven } from "../support/hop-proof.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { outboundDefaults, TestControl } from "./support/control-plane.ts";
import { EchoClient } from "./support/grpc-client.ts";
import { compiledExpose, HOST, TestCertificate } from "./support/outside.ts";

const ORIGIN = "https://app.example.com";
const fleet = new Fleet();
let control: TestControl;
let ingress: TestAgent;
let callee: TestAgent;
let certificate: TestCertificate;
let outside: Agent;
/** Past all agents. */
let app: EchoClient;

beforeAll(async () => {
  [control, certificate] = await Promise.all([TestControl.start(), TestCertificate.make(fleet.folder())]);
  const retries = { attempts: 2, on: ["unavailable" as const], idempotent: ["/test.Echo/Fail"] };
  const breaker = { ...outboundDefaults.breaker, consecutiveFailures: 1_000 };
  const byGrpc = { protocol: "grpc", timeoutMs: 0, streamIdleMs: 0, retries, breaker } as const;
  control.setPlan("gateway", { outbound: { callee: byGrpc, plain: {}, empty: { protocol: "grpc" } } });
  const expose = compiledExpose({
    cors: { origins: [ORIGIN], methods: ["POST"] },
    routes: [
      { name: "echo", match: { path: "/test.Echo/*", methods: ["POST"] }, timeout: "3s", maxBody: "20MiB" },
      { name: "quick", match: { path: "/test.Echo/Paced", methods: ["POST"] }, timeout: "600ms" },
    ],
  });
  control.setPlan("callee", { inbound: { protocol: "grpc", streamIdleMs: 0 }, expose });
  control.setPlan("plain", {});
  const flags = ["--expose", "127.0.0.1:0", ...certificate.flags];
  callee = fleet.grpc("callee-1", control.joinToken("callee"), flags);
  const plain = fleet.run("plain-1", control.joinToken("plain"));
  ingress = fleet.ingress("ingress-1", control.joinToken("gateway"));
  await Promise.all([callee.ready(), plain.ready(), ingress.ready()]);
  await until("the ingress knows both", async () => {
    const { text } = await ingress.admin("/config");
    return text.includes(`"instance":"callee-1"`) && text.includes(`"instance":"plain-1"`);
  });
  await until("the service is open to the outside", () => callee.runtime.ports.expose !== undefined);
  const ca = certificate.authority.rootPem;
  const lookup: LookupFunction = (_host, _options, found) => found(null, [{ address: "127.0.0.1", family: 4 }]);
  outside = new Agent({ allowH2: false, connect: { ca, lookup } });
  app = new EchoClient(`127.0.0.1:${callee.runtime.ports.app}`);
}, 40_000);

afterAll(async () => {
  app?.close();
  await outside?.close();
  await fleet.end();
  await control?.close();
});

interface Door {
  readonly url: (method: string) => string;
  /** What a call needs beside its own fields. */
  readonly call: (method: string, call?: WebCall, service?: string) => Promise<WebCall>;
}

const byIngress: Door = {
  url: (method) => `http://127.0.0.1:${ingress.runtime.ports.ingress}/test.Echo/${method}`,
  call: async (method, call = {}, service = "callee") => {
    const type = call.text === true ? "application/grpc-web-text+proto" : "application/grpc-web+proto";
    const own = { "txn-token": await control.txnToken("any"), "selvage-service": service, "selvage-body": "stream" };
    const headers = { "content-type": type, "selvage-deadline-ms": "3000", ...own, ...call.headers };
    const request = { method: "POST", target: `/test.Echo/${method}`, headers };
    return { ...call, headers: proven(request, control.hopKeys[0] as HopKey) };
  },
};
const byExpose: Door = {
  url: (method) => `https://${HOST}:${callee.runtime.ports.expose}/test.Echo/${method}`,
  call: async (_method, call = {}) => ({
    ...call,
    headers: { origin: ORIGIN, ...call.headers },
    dispatcher: outside,
  }),
};

async function call(door: Door, method: string, message: Buffer | string, options: WebCall = {}) {
  return callWeb(door.url(method), message, await door.call(method, options));
}
const counts = () => app.counts();
const logOf = (door: Door): Record<string, unknown>[] =>
  door === byIngress ? ingress.log("ingress") : callee.log("expose");

describe.each([
  ["the ingress", byIngress],
  ["an exposed service", byExpose],
])("through %s", (_name, door) => {
  test("a unary call has its message, its metadata both ways, and its status at the end", async () => {
    const headers = { "x-text": "said", "x-bytes-bin": Buffer.from([0, 1, 255]).toString("base64") };
    const answer = await call(door, "Unary", "hello", { headers });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/grpc-web+proto");
    expect(answer.messages.map(String)).toEqual(["hello"]);
    expect(answer.headers.get("echo-x-text")).toBe("said");
    const binary = Buffer.from(answer.headers.get("echo-x-bytes-bin") ?? "", "base64");
    expect([...binary]).toEqual([0, 1, 255]);
    expect(answer.code).toBe(grpc.status.OK);
    expect([...Buffer.from(answer.trailers?.get("trailer-bin") ?? "", "base64")]).toEqual([0, 1, 255]);
    expect(answer.rest).toHaveLength(0);
    expect(answer.headers.get("grpc-status")).toBeNull();
    await until("the log has its status", () => logOf(door).some(({ grpcStatus }) => grpcStatus === 0));
  });

  test("messages of a stream come one by one while the server still sends", async () => {
    const id = randomBytes(6).toString("hex");
    const response = await sendWeb(door.url("Paced"), frame(id), await door.call("Paced"));
    const reader = new WebReader(response);
    expect(String(await reader.next())).toBe(`begun ${id}`);
    for (const text of ["one", "two"]) {
      await app.unary("Next", `${id} ${text}`);
      expect(String(await reader.next())).toBe(text);
    }
    expect(reader.trailers).toBeUndefined();
    await app.unary("Next", id);
    expect(await reader.next()).toBeUndefined();
    expect(reader.trailers?.get("grpc-status")).toBe("0");
  });

  test("a stream outlasts the time in which it has to begin", async () => {
    const id = randomBytes(6).toString("hex");
    const quick = { headers: { "selvage-deadline-ms": "600" } };
    const response = await sendWeb(door.url("Paced"), frame(id), await door.call("Paced", quick));
    const reader = new WebReader(response);
    expect(String(await reader.next())).toBe(`begun ${id}`);
    // Ends after that time, by itself.
    const late = await call(door, "Hang", "", { headers: { "grpc-timeout": "700m" } });
    expect(late.code).toBe(grpc.status.DEADLINE_EXCEEDED);
    await app.unary("Next", `${id} later`);
    expect(String(await reader.next())).toBe("later");
    await app.unary("Next", id);
    expect(await reader.next()).toBeUndefined();
    expect(reader.trailers?.get("grpc-status")).toBe("0");
  });

  test.each([
    ["in the head", {}],
    ["behind it", { "x-head": "1" }],
  ])("an error of the server that says it %s has code, words, details and metadata", async (_where, headers) => {
    const details = Buffer.from([8, 5, 18, 0, 255]).toString("base64");
    const said = { ...headers, "grpc-status-details-bin": details, "x-bytes-bin": "AQI" };
    const answer = await call(door, "Fail", "5", { headers: said });
    expect(answer.status).toBe(200);
    expect([answer.code, answer.message]).toEqual([grpc.status.NOT_FOUND, "as asked: é"]);
    expect(answer.trailers?.get("grpc-status-details-bin")?.replace(/=+$/, "")).toBe(details.replace(/=+$/, ""));
    expect([...Buffer.from(answer.trailers?.get("x-bytes-bin") ?? "", "base64")]).toEqual([1, 2]);
    expect(answer.headers.get("x-bytes-bin")).toBeNull();
    expect([...(answer.trailers?.keys() ?? [])].filter((name) => name.startsWith("selvage-"))).toEqual([]);
    expect(answer.messages).toEqual([]);
  });

  test("a method that does not exist is unimplemented", async () => {
    expect((await call(door, "Nothing", "")).code).toBe(grpc.status.UNIMPLEMENTED);
  });

  test("the time that the client gives reaches the server, and ends a call that is late", async () => {
    const answer = await call(door, "Unary", "x", { headers: { "grpc-timeout": "2S" } });
    const leftMs = Number(answer.headers.get("left-ms"));
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(2_000);
    const late = await call(door, "Hang", "x", { headers: { "grpc-timeout": "100m" } });
    expect(late.code).toBe(grpc.status.DEADLINE_EXCEEDED);
  });

  test.each(["Hang", "Paced"])("a client that leaves %s ends the call at the server", async (method) => {
    const { cancelled, hanging } = await counts();
    const stop = new AbortController();
    const sent = sendWeb(door.url(method), frame("left"), await door.call(method, { signal: stop.signal }));
    if (method === "Paced") await new WebReader(await sent).next();
    else await until("it hangs", async () => (await counts()).hanging > hanging);
    stop.abort();
    await sent.catch(() => undefined);
    await until("the server knows", async () => (await counts()).cancelled > cancelled);
  });

  test("a large message passes both ways", async () => {
    const large = randomBytes(8 << 20);
    const { messages, code } = await call(door, "Unary", large);
    expect(code).toBe(grpc.status.OK);
    expect(messages[0]?.equals(large)).toBe(true);
  });

  test("many messages come in order, whoever reads slowly", async () => {
    const { messages, code } = await call(door, "ServerStream", "20000");
    expect(code).toBe(grpc.status.OK);
    expect(messages.map(Number)).toEqual(Array.from({ length: 20_000 }, (_, at) => at));
  });

  test("as text: base64 both ways", async () => {
    const large = randomBytes(100_001);
    const answer = await call(door, "Unary", large, { text: true });
    expect(answer.headers.get("content-type")).toBe("application/grpc-web-text+proto");
    expect([answer.code, answer.messages[0]?.equals(large)]).toEqual([0, true]);
    const many = await call(door, "ServerStream", "300", { text: true });
    expect(many.messages.map(Number)).toEqual(Array.from({ length: 300 }, (_, at) => at));
    expect((await call(door, "Fail", "9", { text: true })).code).toBe(grpc.status.FAILED_PRECONDITION);
  });

  test("content that comes octet by octet, as text in padded pieces", async () => {
    const whole = frame("pieces");
    const pieces = async function* (text: boolean) {
      for (const octet of whole)
        yield text ? Buffer.from(Buffer.from([octet]).toString("base64")) : Buffer.from([octet]);
    };
    for (const text of [false, true]) {
      const response = await sendWeb(door.url("Unary"), pieces(text), await door.call("Unary", { text }));
      expect((await readWeb(response)).messages.map(String)).toEqual(["pieces"]);
    }
  });

  test("a client that streams is heard to its end", async () => {
    const content = Buffer.concat(["one", "three"].map((text) => frame(text)));
    const response = await sendWeb(door.url("ClientStream"), content, await door.call("ClientStream"));
    const { messages, code } = await readWeb(response);
    expect([code, messages.map(String)]).toEqual([0, ["8"]]);
  });

  test("what is malformed behind good messages ends the answer that they have, with its status", async () => {
    let goOn = (): void => undefined;
    const answered = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const content = async function* () {
      yield frame("good");
      await answered;
      yield frame("grpc-status: 0\r\n", 0x80);
    };
    const reader = new WebReader(await sendWeb(door.url("Bidi"), content(), await door.call("Bidi")));
    expect(String(await reader.next())).toBe("good");
    const { cancelled } = await counts();
    goOn();
    expect(await reader.next()).toBeUndefined();
    expect(reader.trailers?.get("grpc-status")).toBe(String(grpc.status.INTERNAL));
    await until("the server knows", async () => (await counts()).cancelled > cancelled);
  });

  test.each<[what: string, content: Buffer, code: number, text?: boolean]>([
    ["trailers", Buffer.concat([frame("a"), frame("grpc-status: 0\r\n", 0x80)]), grpc.status.INTERNAL],
    ["compressed trailers", frame("x", 0x81), grpc.status.INTERNAL],
    ["an unknown flag", frame("x", 0x02), grpc.status.INTERNAL],
    ["an end within a head", frame("abc").subarray(0, 3), grpc.status.INTERNAL],
    ["an end within a message", frame("abc").subarray(0, 7), grpc.status.INTERNAL],
    ["more than the length says", Buffer.concat([frame("abc"), Buffer.from("zz")]), grpc.status.INTERNAL],
    ["a length of 4 GiB", Buffer.from([0, 255, 255, 255, 255, 1]), grpc.status.INTERNAL],
    ["a message above what the server takes", frame(Buffer.alloc(33 << 20)), grpc.status.RESOURCE_EXHAUSTED],
    ["no message at all", Buffer.alloc(0), grpc.status.UNIMPLEMENTED],
    ["text that is no base64", Buffer.from("@@@@"), grpc.status.INTERNAL, true],
    ["text of the other alphabet", Buffer.from("AAAAAAM_-_"), grpc.status.INTERNAL, true],
    ["text with padding in the middle of four", Buffer.from("A=AA"), grpc.status.INTERNAL, true],
    ["text that ends within four", Buffer.from("AAA"), grpc.status.INTERNAL, true],
  ])("hostile: %s", async (_what, content, code, text = false) => {
    const sent = text ? content.toString("latin1") : content;
    const answer = await readWeb(await sendWeb(door.url("Unary"), sent, await door.call("Unary", { text })));
    expect([answer.status, answer.code]).toEqual([200, code]);
    expect(answer.message ?? "").not.toMatch(/node:|\.ts|Error:/);
  });
});

describe("the ingress", () => {
  test("repeats a call by its status, as the document allows", async () => {
    const before = await counts();
    const answer = await call(byIngress, "Fail", "14");
    expect(answer.code).toBe(grpc.status.UNAVAILABLE);
    expect((await counts()).unary - before.unary).toBe(3);
  });

  test("tells the gateway of its own errors in fields, and the client in the last frame", async () => {
    const answer = await callWeb(byIngress.url("Unary"), "x", await byIngress.call("Unary", {}, "empty"));
    expect([answer.status, answer.code]).toEqual([200, grpc.status.UNAVAILABLE]);
    expect(answer.headers.get("selvage-error")).toBe("no_healthy_endpoint");
    expect([...(answer.trailers?.keys() ?? [])]).toEqual(["grpc-status", "grpc-message"]);
  });

  test("lets gRPC-Web pass as it is to a service that does not speak gRPC", async () => {
    const response = await sendWeb(byIngress.url("Unary"), frame("x"), await byIngress.call("Unary", {}, "plain"));
    const { headers } = (await response.json()) as { headers: Record<string, string> };
    expect(headers["content-type"]).toBe("application/grpc-web+proto");
  });
});

describe("an exposed service", () => {
  test("answers preflights of gRPC-Web, and lets pages of another origin read the end of a call", async () => {
    const asked = "content-type,x-grpc-web,x-user-agent,grpc-timeout";
    const preflight = await outsideFetch("OPTIONS", {
      "access-control-request-method": "POST",
      "access-control-request-headers": asked,
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([204, asked]);
    const answer = await call(byExpose, "Fail", "5");
    expect(answer.headers.get("access-control-allow-origin")).toBe(ORIGIN);
    expect(answer.code).toBe(grpc.status.NOT_FOUND);
  });

  test("refuses by the status of gRPC what it would refuse otherwise", async () => {
    const answer = await callWeb(
      `https://${HOST}:${callee.runtime.ports.expose}/other`,
      "x",
      await byExpose.call("Unary"),
    );
    expect([answer.status, answer.code]).toEqual([200, grpc.status.UNIMPLEMENTED]);
  });

  test("speaks it over HTTP/2, as browsers do, and gRPC to those who know it", async () => {
    const session = connectHttp2(`https://${HOST}:${callee.runtime.ports.expose}`, {
      ca: certificate.authority.rootPem,
      createConnection: () =>
        connectTls({
          ...{ host: "127.0.0.1", port: callee.runtime.ports.expose, servername: HOST },
          ...{ ca: certificate.authority.rootPem, ALPNProtocols: ["h2"] },
        }),
    });
    const ask = (contentType: string, more: Record<string, string> = {}) =>
      new Promise<{ content: Buffer; trailers: Record<string, unknown> }>((resolve, reject) => {
        const stream = session.request({
          ...{ ":method": "POST", ":path": "/test.Echo/Unary", ":authority": HOST, "content-type": contentType },
          ...{ "grpc-timeout": "2S", te: "trailers", ...more },
        });
        const chunks: Buffer[] = [];
        let trailers: Record<string, unknown> = {};
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("trailers", (section) => {
          trailers = section;
        });
        stream.on("end", () => resolve({ content: Buffer.concat(chunks), trailers }));
        stream.on("error", reject);
        stream.end(frame("hello"));
      });
    try {
      const web = framesOf((await ask("application/grpc-web+proto")).content);
      expect([web.messages.map(String), web.trailers?.get("grpc-status")]).toEqual([["hello"], "0"]);
      const native = await ask("application/grpc");
      expect([framesOf(native.content).messages.map(String), native.trailers["grpc-status"]]).toEqual([["hello"], "0"]);
    } finally {
      session.close();
    }
  });
});

async function outsideFetch(method: string, headers: Record<string, string>) {
  const all = { origin: ORIGIN, ...headers };
  return fetch(byExpose.url("Unary"), { method, headers: all, dispatcher: outside });
}
