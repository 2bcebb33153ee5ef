/** What no honest client sends: each case gets a clear refusal or does no harm, and the next request is served. */
import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { limits } from "../../shared/limits.ts";
import { type RawAnswer, sendRaw } from "../support/raw-http.ts";
import { type System, startSystem, until } from "../support/system.ts";

let system: System;
let token: string;

beforeAll(async () => {
  system = await startSystem();
  token = await system.token("mallory", "orders:read", "orders:write");
});
afterAll(() => system?.stop());
afterEach(async () => {
  const response = await system.get("/load/orders/after", token);
  expect(response.status).toBe(200);
});

const MiB = 1024 * 1024;

/** A request with valid credentials; `fields` may hold anything. */
function head(method: string, target: string, fields: readonly string[]): string {
  const own = [`Host: 127.0.0.1:${system.port("GATEWAY")}`, `Authorization: Bearer ${token}`];
  return `${[`${method} ${target} HTTP/1.1`, ...own, ...fields].join("\r\n")}\r\n\r\n`;
}

const send = (...chunks: (string | Buffer)[]): Promise<RawAnswer> => sendRaw(system.port("GATEWAY"), chunks);

/** A client error, or a connection that ended without any answer. */
function expectRefused({ status, text }: RawAnswer): void {
  if (status !== undefined) expect(status, text).toSatisfy((code: number) => code >= 400 && code < 500);
}

test("a header of 10 MB", async () => {
  expectRefused(await send(head("GET", "/load/orders/1", [`X-Long: ${"a".repeat(10 * MiB)}`])));
});

test("10,000 fields", async () => {
  expectRefused(
    await send(
      head(
        "GET",
        "/load/orders/1",
        Array.from({ length: 10_000 }, (_, n) => `X-${n}: a`),
      ),
    ),
  );
});

test("a target longer than the bound", async () => {
  expectRefused(await send(head("GET", `/load/orders/${"a".repeat(limits.http.targetBytesMax)}`, [])));
});

/**
 * What a body that is too large is told. workerd reads no more of it and resets its connection to the front, and the reset can
 * overtake the answer: the front says 502 then. The front's own connection may be reset before the client reads.
 */
const CUT_SHORT = [413, 502, undefined];

test("a body of 100 MB, announced", async () => {
  const chunks = Array.from({ length: 100 }, () => Buffer.alloc(MiB));
  const answer = await send(head("POST", "/load/orders/1", [`Content-Length: ${100 * MiB}`]), ...chunks);
  expect(CUT_SHORT).toContain(answer.status);
  const announced = await send(head("POST", "/load/orders/1", [`Content-Length: ${100 * MiB}`]));
  expect(announced.status).toBe(413);
});

test("a body of 100 MB, in chunks", async () => {
  const chunk = Buffer.concat([Buffer.from(`${MiB.toString(16)}\r\n`), Buffer.alloc(MiB), Buffer.from("\r\n")]);
  const chunks = Array.from({ length: 100 }, () => chunk);
  const answer = await send(head("POST", "/load/orders/1", ["Transfer-Encoding: chunked"]), ...chunks, "0\r\n\r\n");
  expect(CUT_SHORT).toContain(answer.status);
});

/** RFC 9112 section 6.3 allows to go by the chunks; what follows them must not be taken for a request of this client. */
test("Content-Length with Transfer-Encoding", async () => {
  const smuggled = `0\r\n\r\nGET /load/orders/smuggled HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  const fields = [`Content-Length: ${smuggled.length}`, "Transfer-Encoding: chunked"];
  const answer = await send(head("POST", "/load/orders/framing", fields), smuggled);
  expect(answer.text.match(/^HTTP\/1\.1 /gm)?.length ?? 0).toBeLessThanOrEqual(1);
  expect(system.accessLog("gateway").map(({ path }) => path)).not.toContain("/load/orders/smuggled");
});

test("two lengths that differ", async () => {
  expectRefused(await send(head("POST", "/load/orders/1", ["Content-Length: 1", "Content-Length: 2"]), "ab"));
});

test.each(["/load/orders/%2e%2e/%2e%2e/secret", "/load/orders/..%2f..%2fsecret", "/load/orders/../../secret"])(
  "a path that climbs: %s",
  async (target) => {
    const answer = await send(head("GET", target, ["Connection: close"]));
    expect([400, 404]).toContain(answer.status);
  },
);

test("two hosts", async () => {
  expectRefused(await send(head("GET", "/load/orders/1", ["Host: evil.example", "Connection: close"])));
});

test("a host that is not served", async () => {
  const text = `GET /load/orders/1 HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  expect((await send(text)).status).toBe(421);
});

test("a transaction token and policy fields of one's own", async () => {
  const forged = {
    "txn-token": "a.b.c",
    "selvage-service": "inventory",
    "selvage-deadline-ms": "1",
    "selvage-plan": "999",
  };
  const response = await system.get("/load/orders/7", token, forged);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ id: "7", inventory: expect.anything() });
  expect((await system.get("/load/orders/7", undefined, forged)).status).toBe(401);
});

test("the ingress agent believes only the gateway's signature", async () => {
  const ask = (fields: Record<string, string>): Promise<Response> =>
    fetch(`http://127.0.0.1:${system.port("INGRESS")}/load/orders/7`, {
      headers: { "selvage-service": "orders", ...fields },
    });
  expect((await ask({})).status).toBe(401);
  expect((await ask({ "txn-token": token })).status).toBe(401);
});

test("a captured request of the gateway is good for one delivery, and for nothing else", async () => {
  const port = system.port("INGRESS");
  const captured = await captureOne(port, "/load/orders/captured?a=b");
  expect(captured).toMatch(/^GET \/load\/orders\/captured\?a=b HTTP\/1\.1\r\n/);
  const status = async (text: string): Promise<number | undefined> => (await sendRaw(port, [text])).status;
  const altered: Record<string, string> = {
    "another path": captured.replace("/captured?", "/stolen?"),
    "another query": captured.replace("a=b", "a=c"),
    "another method": captured.replace("GET ", "DELETE "),
    "a body": `${captured.replace("GET ", "POST ").replace("\r\n", "\r\nContent-Length: 2\r\n")}{}`,
    "another service": captured.replace(/^(selvage-service: )orders/im, "$1inventory"),
    "no proof": captured.replace(/^signature: .*\r\n/im, ""),
  };
  for (const [what, text] of Object.entries(altered)) {
    expect(text, what).not.toBe(captured);
    expect(await status(text), what).toBe(401);
  }
  expect(await status(captured)).toBe(200);
  expect(await status(captured)).toBe(401);
  const refused = await until("the reasons in the ingress's log", () => {
    const entries = system.accessLog("ingress").filter(({ error }) => error === "hop_proof_invalid");
    return entries.length > 5 && entries;
  });
  expect(refused.map(({ reason }) => reason)).toContain("the gateway's proof is bad: it was used before");
});

/** What the gateway sends the ingress, taken before it gets there. */
async function captureOne(port: number, path: string): Promise<string> {
  system.kill("ingress", "ingress", "SIGTERM");
  await until("the ingress is gone", () => !system.processes().some(({ name }) => name === "ingress"));
  const taken = Promise.withResolvers<string>();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (bytes) => {
      taken.resolve(bytes.toString("latin1"));
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  try {
    expect((await system.get(path, token)).status).toBe(502);
    return (await taken.promise).replace(/\r\n/, "\r\nConnection: close\r\n");
  } finally {
    await new Promise((resolve) => server.close(resolve));
    await system.restart("ingress");
  }
}

test("traceparent garbage starts a trace of its own", async () => {
  const garbage = `00-${"0".repeat(32)}-zz-01`;
  expect((await system.get("/load/orders/garbage", token, { traceparent: garbage })).status).toBe(200);
  const entry = await until("the request in the gateway's log", () =>
    system.accessLog("gateway").find(({ path }) => path === "/load/orders/garbage"),
  );
  expect(entry.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
});

test("forwarding fields do not change who the client is", async () => {
  const fields = { "x-forwarded-for": "203.0.113.9", "x-real-ip": "203.0.113.9", "cf-connecting-ip": "203.0.113.9" };
  await system.get("/load/orders/forwarded", token, { ...fields, "x-forwarded-host": "evil.example" });
  const entry = await until("the request in the gateway's log", () =>
    system.accessLog("gateway").find(({ path }) => path === "/load/orders/forwarded"),
  );
  expect(entry.clientIp ?? "127.0.0.1").not.toBe("203.0.113.9");
});
