/** A real server of gRPC behind everything, called by gRPC-Web through front, gateway, ingress and its agent. */
import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import * as grpc from "@grpc/grpc-js";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EchoClient, statusOf } from "../mesh-agent/support/grpc-client.ts";
import { chromiumPath, startChromium } from "../support/chromium.ts";
import { callWeb, frame, readWeb, sendWeb, WebReader } from "../support/grpc-web-client.ts";
import { callInPage, type PageAnswer, type PageCall, servePage } from "../support/grpc-web-page.ts";
import { type GrpcWorld, ORIGIN, startGrpcWorld } from "../support/grpc-world.ts";
import { until } from "../support/system.ts";

const program = chromiumPath();
if (program === undefined) console.warn("no Chromium here: calls by a page are not tested (CHROMIUM_PATH)");

let world: GrpcWorld;
beforeAll(async () => {
  world = await startGrpcWorld();
});
afterAll(() => world?.stop());

const newId = (): string => randomBytes(6).toString("hex");

describe("gRPC-Web", () => {
  test("a unary call: message, metadata both ways, status", async () => {
    const headers = { "x-text": "said", "x-bytes-bin": Buffer.from([0, 255]).toString("base64"), origin: ORIGIN };
    const answer = await callWeb(world.url("Unary"), "hello", { headers });
    expect([answer.status, answer.code, answer.messages.map(String)]).toEqual([200, 0, ["hello"]]);
    expect(answer.headers.get("content-type")).toBe("application/grpc-web+proto");
    expect(answer.headers.get("echo-x-text")).toBe("said");
    expect([...Buffer.from(answer.trailers?.get("trailer-bin") ?? "", "base64")]).toEqual([0, 255]);
    expect(answer.headers.get("access-control-allow-origin")).toBe(ORIGIN);
    expect([...answer.headers.keys()].filter((name) => name.startsWith("selvage-"))).toEqual([]);
  });

  test("browsers are told beforehand that they may", async () => {
    const asked = "content-type,x-grpc-web,x-user-agent,grpc-timeout";
    const preflight = await fetch(world.url("Unary"), {
      method: "OPTIONS",
      headers: { origin: ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": asked },
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([204, asked]);
  });

  test("messages of a stream come one by one while the server still sends, for longer than the route's timeout", async () => {
    const id = newId();
    const reader = new WebReader(await sendWeb(world.url("Paced", "/quick"), frame(id)));
    expect(String(await reader.next())).toBe(`begun ${id}`);
    // Ends by the route's time, which is then over for the stream, too.
    expect((await callWeb(world.url("Hang", "/quick"), "")).code).toBe(grpc.status.DEADLINE_EXCEEDED);
    for (const text of ["one", "two"]) {
      await world.app.unary("Next", `${id} ${text}`);
      expect(String(await reader.next())).toBe(text);
    }
    await world.app.unary("Next", id);
    expect(await reader.next()).toBeUndefined();
    expect(reader.trailers?.get("grpc-status")).toBe("0");
  });

  test.each([{}, { "x-head": "1" }])("an error with details and metadata %j", async (more) => {
    const details = Buffer.from([8, 5, 18, 0]).toString("base64");
    const headers = { ...more, "grpc-status-details-bin": details, "x-bytes-bin": "AQI=" };
    const answer = await callWeb(world.url("Fail"), "5", { headers });
    expect([answer.status, answer.code, answer.message]).toEqual([200, grpc.status.NOT_FOUND, "as asked: é"]);
    expect(answer.trailers?.get("grpc-status-details-bin")).toBe(details);
    expect(answer.trailers?.get("x-bytes-bin")).toBe("AQI=");
  });

  test("a client's time reaches the server and ends the call", async () => {
    const answer = await callWeb(world.url("Unary"), "x", { headers: { "grpc-timeout": "2S" } });
    expect(Number(answer.headers.get("left-ms"))).toBeGreaterThan(0);
    expect(Number(answer.headers.get("left-ms"))).toBeLessThanOrEqual(2_000);
    const late = await callWeb(world.url("Hang"), "x", { headers: { "grpc-timeout": "200m" } });
    expect(late.code).toBe(grpc.status.DEADLINE_EXCEEDED);
  });

  test.each(["Hang", "Paced"])("a client that leaves %s ends the call at the server", async (method) => {
    const { cancelled, hanging } = await world.app.counts();
    const stop = new AbortController();
    const sent = sendWeb(world.url(method), frame(newId()), { signal: stop.signal });
    if (method === "Paced") await new WebReader(await sent).next();
    else await until("it hangs", async () => (await world.app.counts()).hanging > hanging);
    stop.abort();
    await sent.catch(() => undefined);
    await until("the server knows", async () => (await world.app.counts()).cancelled > cancelled);
  });

  test("as text, and large", async () => {
    const large = randomBytes(8 << 20);
    const binary = await callWeb(world.url("Unary"), large);
    expect([binary.code, binary.messages[0]?.equals(large)]).toEqual([0, true]);
    const text = await callWeb(world.url("Unary"), large.subarray(0, 100_001), { text: true });
    expect([text.code, text.messages[0]?.equals(large.subarray(0, 100_001))]).toEqual([0, true]);
  });

  test("what the gateway refuses, it refuses in the last frame", async () => {
    expect((await callWeb(`${world.served.url}/few/x`, "x")).code).toBe(grpc.status.OK);
    expect((await callWeb(`${world.served.url}/few/x`, "x")).code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    expect((await callWeb(`${world.served.url}/nowhere`, "x")).code).toBe(grpc.status.UNIMPLEMENTED);
  });

  test.each<[string, Buffer]>([
    ["trailers of a client", frame("grpc-status: 0\r\n", 0x80)],
    ["compressed trailers", frame("", 0x81)],
    ["half a message", frame("abc").subarray(0, 6)],
    ["an unknown flag", frame("abc", 4)],
  ])("malformed content: %s", async (_what, content) => {
    const answer = await readWeb(await sendWeb(world.url("Unary"), content));
    expect([answer.status, answer.code]).toEqual([200, grpc.status.INTERNAL]);
  });
});

describe.skipIf(program === undefined)("a page of another origin, in Chromium", () => {
  let browser: Browser;
  let pages: Server;
  let page: Page;

  beforeAll(async () => {
    pages = await servePage(world.pagePort);
    browser = await startChromium(program ?? "");
    page = await browser.newPage();
    await page.goto(`http://localhost:${world.pagePort}/`);
  }, 30_000);
  afterAll(async () => {
    await browser?.close();
    pages?.close();
  });

  const call = (one: PageCall, at = page): Promise<PageAnswer> => at.evaluate<PageAnswer>(callInPage(one));

  test.each([false, true])("a unary call, its metadata and its end (text: %s)", async (text) => {
    // Each has a path of its own, for browsers remember what they were told of one.
    const url = world.url("Unary", text ? "/quick" : "");
    const asked = () => world.accessLog().filter(({ method, path }) => method === "OPTIONS" && url.endsWith(path));
    const before = asked().length;
    const fields = { "x-text": "said", "x-bytes-bin": "AP8=", "x-user-agent": "page", "grpc-timeout": "3S" };
    const answer = await call({ url, text, message: "grüße", fields });
    expect(answer).toMatchObject({ status: 200, messages: ["grüße"], trailers: { "grpc-status": "0" } });
    expect(answer.fields["content-type"]).toBe(`application/grpc-web${text ? "-text" : ""}+proto`);
    // Named by `exposeHeaders`; other metadata of the head is not for the page, and that of the end needs no leave.
    expect(answer.fields["echo-x-text"]).toBe("said");
    expect(answer.fields["left-ms"]).toBeUndefined();
    expect(atob(answer.trailers["trailer-bin"] ?? "")).toBe("\u0000\u00ff");
    await until("the browser asked beforehand", () => asked().length > before && asked().at(-1)?.status === 204);
  });

  test.each([false, true])("an error (text: %s)", async (text) => {
    const answer = await call({ url: world.url("Fail"), text, message: "5" });
    expect(answer).toMatchObject({ status: 200, messages: [], trailers: { "grpc-status": "5" } });
    expect(decodeURIComponent(answer.trailers["grpc-message"] ?? "")).toBe("as asked: é");
    const nowhere = await call({ url: `${world.served.url}/nowhere`, text, message: "" });
    expect(nowhere.trailers["grpc-status"]).toBe(String(grpc.status.UNIMPLEMENTED));
  });

  test.each([false, true])("a stream, message by message (text: %s)", async (text) => {
    const id = newId();
    const over = call({ url: world.url("Paced"), text, message: id });
    const seen = [`begun ${id}`];
    for (const next of ["one", "two", undefined]) {
      await until("the page has what was sent", async () => {
        const found = await page.evaluate<string[]>("seen");
        return found.join() === seen.join();
      });
      await world.app.unary("Next", next === undefined ? id : `${id} ${next}`);
      if (next !== undefined) seen.push(next);
    }
    expect(await over).toMatchObject({ messages: seen, trailers: { "grpc-status": "0" } });
  });

  test("one of an origin that is not named reads nothing", async () => {
    const other = await browser.newPage();
    await other.goto(`http://127.0.0.1:${world.pagePort}/`);
    for (const text of [false, true])
      expect((await call({ url: world.url("Unary"), text, message: "x" }, other)).failed).toContain("TypeError");
    await other.close();
  });
});

describe("gRPC, at the front", () => {
  let client: EchoClient;
  beforeAll(() => {
    client = new EchoClient(`127.0.0.1:${world.served.port}`);
  });
  afterAll(() => client?.close());

  test("a unary call: message, metadata both ways, status", async () => {
    const metadata = new grpc.Metadata();
    metadata.set("x-text", "said");
    metadata.set("x-bytes-bin", Buffer.from([0, 255]));
    const { code, body, head, trailers } = await client.unary("Unary", "hello", metadata);
    expect([code, String(body)]).toEqual([grpc.status.OK, "hello"]);
    expect(head?.get("echo-x-text")).toEqual(["said"]);
    expect(head?.get("echo-x-bytes-bin")).toEqual([Buffer.from([0, 255])]);
    expect(trailers?.get("trailer-bin")).toEqual([Buffer.from([0, 255])]);
  });

  test("a stream comes message by message, in both directions", async () => {
    const call = client.bidi("Bidi");
    const over = statusOf(call);
    const next = (): Promise<string> => new Promise((said) => call.once("data", (message) => said(String(message))));
    for (const text of ["one", "two", "three"]) {
      call.write(Buffer.from(text));
      expect(await next()).toBe(text);
    }
    call.end();
    expect((await over).code).toBe(grpc.status.OK);
    const many = client.serverStream("ServerStream", "20000");
    let count = 0;
    many.on("data", (message) => expect(String(message)).toBe(String(count++)));
    expect([(await statusOf(many)).code, count]).toEqual([grpc.status.OK, 20_000]);
  });

  test.each([undefined, "1"])("an error with details (head of its own: %s)", async (own) => {
    const metadata = new grpc.Metadata();
    if (own !== undefined) metadata.set("x-head", own);
    metadata.set("grpc-status-details-bin", Buffer.from([8, 5, 18, 0]));
    const { code, details, trailers } = await client.unary("Fail", "5", metadata);
    expect([code, details]).toEqual([grpc.status.NOT_FOUND, "as asked: é"]);
    expect(trailers?.get("grpc-status-details-bin")).toEqual([Buffer.from([8, 5, 18, 0])]);
  });

  test("a deadline, and a client that leaves", async () => {
    const late = await client.unary("Hang", "", new grpc.Metadata(), { deadline: Date.now() + 300 });
    expect(late.code).toBe(grpc.status.DEADLINE_EXCEEDED);
    const { cancelled } = await world.app.counts();
    const call = client.serverStream("Paced", newId());
    await new Promise((said) => call.once("data", said));
    const over = statusOf(call);
    call.cancel();
    expect((await over).code).toBe(grpc.status.CANCELLED);
    await until("the server knows", async () => (await world.app.counts()).cancelled > cancelled);
  });

  test("policies of the gateway hold, and answer by gRPC", async () => {
    const at = (path: string): Promise<grpc.status> =>
      new Promise((said) =>
        client.client
          .makeUnaryRequest(
            path,
            (value: Buffer) => value,
            (value) => value,
            Buffer.from("x"),
            () => undefined,
          )
          .on("status", ({ code }) => said(code)),
      );
    await at("/few/test");
    expect(await at("/few/test")).toBe(grpc.status.RESOURCE_EXHAUSTED);
    expect(await at("/nowhere")).toBe(grpc.status.UNIMPLEMENTED);
  });

  test("a large message", async () => {
    const large = randomBytes(8 << 20);
    const { code, body } = await client.unary("Unary", large);
    expect([code, body?.equals(large)]).toEqual([grpc.status.OK, true]);
  });
});
