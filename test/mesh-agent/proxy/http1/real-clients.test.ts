/** The engine between clients and servers that others wrote. */
import { execFile } from "node:child_process";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import * as v8 from "node:v8";
import * as vm from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ClientPool } from "../../../../mesh-agent/proxy/engine.ts";
import { createHttp1Pool } from "../../../../mesh-agent/proxy/http1/client-pool.ts";
import { createHttp1Server, type Http1Server } from "../../../../mesh-agent/proxy/http1/server-engine.ts";
import { answerWith, forward } from "../../../support/http1-exchange.ts";

const run = promisify(execFile);
const MIB = 1024 * 1024;
const LARGE = 100 * MIB;

let app: http.Server;
let server: Http1Server;
let pool: ClientPool;
let base: string;

function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  if (request.url === "/large") {
    const chunk = Buffer.alloc(MIB, "x");
    Readable.from(Array.from({ length: LARGE / MIB }, () => chunk)).pipe(response);
    return;
  }
  if (request.url === "/early") {
    response.writeEarlyHints({ link: "</a>; rel=preload" });
    response.end("late");
    return;
  }
  if (request.url === "/refused") {
    response.writeHead(413, { connection: "close" });
    response.end("too large");
    return;
  }
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on("end", () => {
    response.setHeader("set-cookie", ["a=1", "b=2"]);
    response.setHeader("x-seen", `${request.method} ${request.url}`);
    response.setHeader("x-trailers", JSON.stringify(request.trailers));
    response.end(String(bytes));
  });
}

beforeAll(async () => {
  app = http.createServer(answer);
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  pool = createHttp1Pool({ host: "127.0.0.1", port: (app.address() as AddressInfo).port });
  server = await createHttp1Server({ listen: { host: "127.0.0.1", port: 0 } });
  forward(server, pool);
  base = `http://127.0.0.1:${server.port}`;
});
afterAll(async () => {
  await server.close(0);
  pool.close();
  app.close();
  app.closeAllConnections();
});

describe("fetch", () => {
  test.each([
    ["GET", undefined, "0"],
    ["POST", "hello", "5"],
    ["PUT", "", "0"],
    ["DELETE", undefined, "0"],
    ["PATCH", "x".repeat(200_000), "200000"],
  ])("%s", async (method, body, expected) => {
    const response = await fetch(`${base}/a?b=c`, { method, ...(body === undefined ? {} : { body }) });
    expect(await response.text()).toBe(expected);
    expect(response.headers.get("x-seen")).toBe(`${method} /a?b=c`);
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  });

  test("HEAD", async () => {
    const response = await fetch(`${base}/a`, { method: "HEAD" });
    expect([response.status, await response.text(), response.headers.get("content-length")]).toEqual([200, "", null]);
  });

  test("a hundred at once", async () => {
    const texts = await Promise.all(
      Array.from({ length: 100 }, async (_unused, i) =>
        (await fetch(`${base}/`, { method: "POST", body: "x".repeat(i) })).text(),
      ),
    );
    expect(texts).toEqual(texts.map((_text, i) => String(i)));
  });

  test("that is given up ends the work behind it", async () => {
    const controller = new AbortController();
    const response = await fetch(`${base}/large`, { signal: controller.signal });
    await response.body?.getReader().read();
    controller.abort();
    while (server.counts().exchanges > 0 || pool.counts().active > 0)
      await new Promise((resolve) => setTimeout(resolve, 2));
  });
});

describe("node:http", () => {
  function send(
    options: http.RequestOptions,
    write: (request: http.ClientRequest) => void,
  ): Promise<http.IncomingMessage & { text: string }> {
    return new Promise((resolve, reject) => {
      const request = http.request(`${base}/n`, options, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk;
        });
        response.on("end", () => resolve(Object.assign(response, { text })));
      });
      request.on("error", reject);
      write(request);
    });
  }

  test("chunks, trailers and a kept connection", async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 5; i++) {
      const response = await send({ method: "POST", agent, headers: { "transfer-encoding": "chunked" } }, (request) => {
        request.write("hel");
        request.addTrailers({ "x-sum": "1" });
        request.end("lo");
      });
      expect([response.text, response.headers["x-trailers"]]).toEqual(["5", '{"x-sum":"1"}']);
    }
    agent.destroy();
  });

  test("Expect: 100-continue", async () => {
    const response = await send(
      { method: "PUT", headers: { expect: "100-continue", "content-length": 5 } },
      (request) => {
        request.on("continue", () => request.end("hello"));
      },
    );
    expect(response.text).toBe("5");
  });

  test("an upload that the application refuses and does not read gets the refusal", async () => {
    const body = Buffer.alloc(3 * MIB);
    const seen: string[] = [];
    for (let i = 0; i < 20; i++) {
      const { promise, resolve } = Promise.withResolvers<string>();
      const request = http.request(`${base}/refused`, { method: "POST" }, (response) => {
        response.resume();
        response.on("end", () => resolve(String(response.statusCode)));
      });
      request.on("error", (error) => resolve(error.message));
      request.end(body);
      seen.push(await promise);
    }
    // A reset that overtakes the answer cannot be undone; it must be the exception.
    expect(seen.filter((status) => status === "413").length).toBeGreaterThan(15);
  });

  test("early hints", async () => {
    const hints: unknown[] = [];
    const text = await new Promise((resolve, reject) => {
      const request = http.get(`${base}/early`, (response) => {
        response.on("data", (chunk: Buffer) => resolve(String(chunk)));
      });
      request.on("information", (information) => hints.push(information.statusCode));
      request.on("error", reject);
    });
    expect([text, hints]).toEqual(["late", [103]]);
  });
});

describe("large bodies", () => {
  v8.setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc") as () => void;

  function heldBytes(): number {
    collect();
    return process.memoryUsage().arrayBuffers;
  }

  /** How far the memory that is in use rises above its start while something runs. */
  async function riseOf(work: () => Promise<void>): Promise<number> {
    const start = heldBytes();
    let most = start;
    // Seldom: each look collects all garbage, which on a busy machine would leave no time for the work itself.
    const timer = setInterval(() => {
      most = Math.max(most, heldBytes());
    }, 200);
    try {
      await work();
    } finally {
      clearInterval(timer);
    }
    return most - start;
  }

  test("100 MB up and down pass in little memory, and a slow reader slows the writer", async () => {
    const rise = await riseOf(async () => {
      const chunk = Buffer.alloc(MIB);
      const body = Readable.toWeb(Readable.from(Array.from({ length: LARGE / MIB }, () => chunk))) as ReadableStream;
      const upload: RequestInit & { duplex: "half" } = { method: "POST", body, duplex: "half" };
      expect(await (await fetch(`${base}/up`, upload)).text()).toBe(String(LARGE));
      let bytes = 0;
      const response = await fetch(`${base}/large`);
      for await (const part of response.body ?? []) {
        bytes += part.length;
        if (bytes % (10 * MIB) < part.length) await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(bytes).toBe(LARGE);
    });
    // Client, proxy and application share this process; a side that held the body would hold all of it.
    expect(rise).toBeLessThan(LARGE / 2);
  }, 60_000);

  test("what nobody reads is not read ahead", async () => {
    const response = await fetch(`${base}/large`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = heldBytes();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(heldBytes() - before).toBeLessThan(10 * MIB);
    await response.body?.cancel();
  });
});

describe("through a proxy listener", () => {
  let proxy: Http1Server;
  beforeAll(async () => {
    proxy = await createHttp1Server({ listen: { host: "127.0.0.1", port: 0 }, proxy: true });
    answerWith(proxy, (target) => target);
  });
  afterAll(() => proxy.close(0));

  const program = "fetch('http://orders.mesh/a?b').then(r => r.text()).then(t => process.stdout.write(t))";

  test("fetch of an application with HTTP_PROXY", async () => {
    const env = {
      ...process.env,
      HTTP_PROXY: `http://127.0.0.1:${proxy.port}`,
      NODE_USE_ENV_PROXY: "1",
      NO_PROXY: "localhost",
    };
    const { stdout } = await run(process.execPath, ["-e", program], { env });
    expect(stdout).toMatch(/^(?:http:\/\/orders\.mesh)?\/a\?b$/);
  });

  test("node:http of an application with HTTP_PROXY", async () => {
    const env = {
      ...process.env,
      HTTP_PROXY: `http://127.0.0.1:${proxy.port}`,
      NODE_USE_ENV_PROXY: "1",
      NO_PROXY: "localhost",
    };
    const code = "require('http').get('http://orders.mesh/a?b', r => r.on('data', d => process.stdout.write(d)))";
    const { stdout } = await run(process.execPath, ["-e", code], { env });
    expect(stdout).toMatch(/^(?:http:\/\/orders\.mesh)?\/a\?b$/);
  });

  test("curl, in absolute form and through a tunnel (skipped where curl is not)", async ({ skip }) => {
    const curl = async (...args: string[]): Promise<string> =>
      (await run("curl", ["-sS", "-x", `http://127.0.0.1:${proxy.port}`, ...args, "http://orders.mesh/a?b"])).stdout;
    await run("curl", ["--version"]).catch(() => skip("no curl"));
    expect(await curl()).toBe("http://orders.mesh/a?b");
    expect(await curl("-p")).toBe("/a?b");
    expect(await curl("--http1.0", "-p")).toBe("/a?b");
  });
});
