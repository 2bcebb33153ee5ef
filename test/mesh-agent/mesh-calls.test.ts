/** Two agents and their applications on real sockets: who may call whom, and what crosses. */
import { connect } from "node:net";
import * as tls from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeAuthority, type TestLeaf } from "../support/certificates.ts";
import { traceContextCases, wrongContext } from "../support/trace-context-cases.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const fleet = new Fleet();
let control: TestControl;
let caller: TestAgent;
let callee: TestAgent;

beforeAll(async () => {
  control = await TestControl.start();
  control.setPlan("caller", { outbound: { callee: {}, locked: {} } });
  control.setPlan("callee", {
    access: [
      { from: "caller", scopes: [], methods: ["GET", "POST", "HEAD"] },
      { from: "caller", scopes: ["write"], methods: ["PUT"] },
      { from: "gateway", scopes: ["read"], methods: ["GET"] },
    ],
  });
  control.setPlan("locked", { access: [{ from: "nobody", scopes: [], methods: [] }] });
  callee = fleet.run("callee-1", control.joinToken("callee"), ["--label", "version=v1"]);
  caller = fleet.run("caller-1", control.joinToken("caller"));
  await Promise.all([callee.ready(), caller.ready()]);
  await until("the caller knows the callee", async () =>
    (await caller.admin("/config")).text.includes(`"instance":"callee-1"`),
  );
}, 30_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

test("an application with Node's keep-alive of five seconds is warned of, once", async () => {
  const told = (): string[] => callee.stdout.split("\n").filter((line) => line.includes("app_keep_alive_short"));
  for (let n = 0; n < 3; n++) expect((await caller.calls("http://callee.mesh/lint")).status).toBe(200);
  await until("it is logged", () => told().length > 0);
  expect(told()).toHaveLength(1);
  expect(JSON.parse(told()[0] ?? "")).toMatchObject({ kind: "agent", keepAliveMs: 5_000, observed: "said" });
});

describe("an application believes a Txn-Token", () => {
  const ask = (method: string, path: string, token: string): Promise<string> =>
    raw(
      caller.runtime.ports.outbound ?? 0,
      `${method} ${path} HTTP/1.1\r\nHost: callee.mesh\r\nTxn-Token: ${token}\r\nConnection: close\r\n\r\n`,
    );
  const logged = (path: string): Record<string, unknown> | undefined =>
    callee.log("inbound").find((line) => line.path === path);

  test("so a forged one does not reach it where no scopes are needed, and the log says so", async () => {
    const answer = await ask("GET", "/forged", "e30.e30.AAAA");
    expect(answer).toContain("HTTP/1.1 200");
    expect(answer).not.toContain("e30.e30.AAAA");
    await until("it is logged", () => logged("/forged") !== undefined);
    expect(logged("/forged")).toMatchObject({ status: 200, reason: expect.stringContaining("txn_token_invalid") });
    expect(logged("/forged")?.sub).toBeUndefined();
  });

  test("so a forged one is refused where scopes are needed", async () => {
    expect(await ask("PUT", "/forged-put", "e30.e30.AAAA")).toContain("HTTP/1.1 401");
  });

  test("and a good one goes on", async () => {
    const token = await control.txnToken("read");
    expect(await ask("GET", "/good", token)).toContain(token);
    await until("it is logged", () => logged("/good") !== undefined);
    expect(logged("/good")).toMatchObject({ status: 200, sub: "alice" });
    expect(logged("/good")?.reason).toBeUndefined();
  });
});

test("an application cannot speak as its agent in an interim answer", async () => {
  const port = caller.runtime.ports.outbound ?? 0;
  const answer = await raw(port, "GET /hint HTTP/1.1\r\nHost: callee.mesh\r\nConnection: close\r\n\r\n");
  expect(answer).toMatch(/^HTTP\/1\.1 103 /);
  expect(answer.toLowerCase()).toContain("link: </a.css>; rel=preload");
  expect(answer.toLowerCase()).not.toContain("selvage-");
});

describe("a call through the mesh", () => {
  test("by fetch, which opens a tunnel", async () => {
    const { status, body } = await caller.calls("http://callee.mesh/a/b?c=1", "POST");
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ name: "callee-1", method: "POST", path: "/a/b?c=1", body: "hello" });
  });

  test("by node:http, which sends the absolute form", async () => {
    const { json } = await caller.app(`/http?url=${encodeURIComponent("http://callee.mesh/x")}`);
    expect(json.status).toBe(200);
    expect(JSON.parse(json.body as string)).toMatchObject({ name: "callee-1", path: "/x" });
  });

  test("by plain HTTP to the outbound listener, full and short name", async () => {
    for (const host of ["callee.mesh", "callee", "CALLEE.mesh:80"]) {
      const port = caller.runtime.ports.outbound ?? 0;
      const answer = await raw(port, `GET /y HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(answer).toContain('"path":"/y"');
    }
  });

  test("carries the trace on, and no policy that an application made up", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const port = caller.runtime.ports.outbound ?? 0;
    const fields = [
      `traceparent: 00-${traceId}-b7ad6b7169203331-01`,
      "tracestate: a=b",
      "selvage-sent: none",
      "selvage-service: other",
      "selvage-deadline-ms: 4000",
    ].join("\r\n");
    const answer = await raw(port, `GET / HTTP/1.1\r\nHost: callee\r\nConnection: close\r\n${fields}\r\n\r\n`);
    const { headers } = JSON.parse(answer.slice(answer.indexOf("{"), answer.lastIndexOf("}") + 1));
    expect(headers.traceparent).toMatch(new RegExp(`^00-${traceId}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
    expect(headers.tracestate).toBe("a=b");
    expect(Object.keys(headers).filter((name) => name.startsWith("selvage-"))).toEqual(["selvage-deadline-ms"]);
    expect(Number(headers["selvage-deadline-ms"])).toBeLessThanOrEqual(4000);
    await until("both agents logged it", () => {
      const spans = [...caller.log("outbound"), ...callee.log("inbound")].filter((line) => line.traceId === traceId);
      return spans.length === 2 && new Set(spans.map(({ spanId }) => spanId)).size === 2;
    });
  });

  test.each(traceContextCases)("$name", async (one) => {
    const port = caller.runtime.ports.outbound ?? 0;
    const lines = (name: string, values: readonly string[] = []): string =>
      values.map((value) => `${name}: ${value}\r\n`).join("");
    const fields = lines("traceparent", one.traceparent) + lines("tracestate", one.tracestate);
    const answer = await raw(port, `GET / HTTP/1.1\r\nHost: callee\r\nConnection: close\r\n${fields}\r\n`);
    const { headers } = JSON.parse(answer.slice(answer.indexOf("{"), answer.lastIndexOf("}") + 1));
    expect(wrongContext(one, headers), one.name).toBeUndefined();
  });

  test("an unknown service is a problem that names what can be called", async () => {
    const { status, body, headers } = await caller.calls("http://nobody.mesh/");
    expect(status).toBe(404);
    expect(headers["content-type"]).toBe("application/problem+json");
    expect(JSON.parse(body)).toMatchObject({
      code: "unknown_service",
      service: "nobody",
      callable: ["callee", "locked"],
    });
  });

  test("a host outside of the mesh is a problem that says what to do", async () => {
    const { status, body } = await caller.calls("http://example.com/");
    expect(status).toBe(404);
    expect(JSON.parse(body).detail).toContain("NO_PROXY");
  });

  test("a service without endpoints is unavailable", async () => {
    const { status, body } = await caller.calls("http://locked.mesh/");
    expect(status).toBe(503);
    expect(JSON.parse(body).code).toBe("no_healthy_endpoint");
  });

  test("the time that is left bounds the call", async () => {
    const port = caller.runtime.ports.outbound ?? 0;
    const head = "GET /slow?ms=5000 HTTP/1.1\r\nHost: callee\r\nConnection: close\r\nselvage-deadline-ms: 300\r\n\r\n";
    const answer = await raw(port, head);
    expect(answer).toMatch(/^HTTP\/1\.1 504 /);
    expect(answer).toContain("deadline_exceeded");
  });

  test("a large body arrives whole, of known length and in chunks", async () => {
    const port = caller.runtime.ports.outbound ?? 0;
    const body = Buffer.alloc(3_000_000, "y");
    const stated = await raw(
      port,
      `POST /len HTTP/1.1\r\nHost: callee\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(stated).toMatch(/^HTTP\/1\.1 200 /);
    expect(stated.slice(0, 2_000)).toContain('"length":3000000');
    const chunk = `${(100_000).toString(16)}\r\n${"z".repeat(100_000)}\r\n`;
    const chunked = await raw(
      port,
      `POST /len HTTP/1.1\r\nHost: callee\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}0\r\n\r\n`,
    );
    expect(chunked.slice(0, 2_000)).toContain('"length":2000000');
  });

  test("a large answer arrives whole", async () => {
    const { body } = await caller.calls("http://callee.mesh/big?bytes=3000000");
    expect(body.length).toBe(3_000_000);
  });
});

describe("the inbound listener", () => {
  test("what the access list does not name is refused with a reason for operators only", async () => {
    const port = caller.runtime.ports.outbound ?? 0;
    const answer = await raw(port, "DELETE / HTTP/1.1\r\nHost: callee\r\nConnection: close\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).not.toContain("no rule");
    expect(answer.toLowerCase()).not.toContain("selvage-");
    await until("the callee logged why", () =>
      callee.log("inbound").some((line) => line.reason === "no rule lets caller use DELETE"),
    );
  });

  test("plain HTTP gets no answer", async () => {
    const port = callee.runtime.ports.inbound ?? 0;
    const answer = await raw(port, "GET / HTTP/1.1\r\nHost: callee.mesh\r\n\r\n").catch(
      (error: Error) => error.message,
    );
    expect(answer).not.toContain("HTTP/1.1 200");
    expect(answer).not.toContain("callee-1");
  });

  test("no certificate, or one of another authority, is refused; one of the trust domain is not", async () => {
    const own = await control.authority.issue("caller");
    const other = await (await makeAuthority("test.internal")).issue("caller");
    expect(await overTls(undefined)).toBe("refused");
    expect(await overTls(other)).toBe("refused");
    expect(await overTls(own)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("a root that is added is believed at once, one that is taken away no longer", async () => {
    const other = await makeAuthority("test.internal");
    const leaf = await other.issue("caller");
    expect(await overTls(leaf)).toBe("refused");
    control.otherRoots = [other.rootPem];
    control.announceTrust();
    await until("it is believed", async () => (await overTls(leaf)).startsWith("HTTP/1.1 200 "));
    control.otherRoots = [];
    control.announceTrust();
    await until("it is not", async () => (await overTls(leaf)) === "refused");
    expect((await caller.calls("http://callee.mesh/")).status).toBe(200);
  });

  test("another trust domain under the same root is refused", async () => {
    const foreign = await control.authority.issue("caller", { uris: ["spiffe://other.internal/service/caller"] });
    const answer = await overTls(foreign);
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).toContain("selvage-sent: none");
  });

  function overTls(leaf: TestLeaf | undefined): Promise<string> {
    return new Promise((resolve) => {
      const socket = tls.connect({
        host: "127.0.0.1",
        port: callee.runtime.ports.inbound ?? 0,
        ca: control.authority.rootPem,
        checkServerIdentity: () => undefined,
        ...(leaf !== undefined && { key: leaf.keyPem, cert: leaf.certPem }),
      });
      let answer = "";
      socket.on("secureConnect", () => socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
      socket.on("data", (chunk) => {
        answer += chunk;
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(answer === "" ? "refused" : answer));
    });
  }
});

describe("the application's environment", () => {
  test("names the proxy, and not the join token", async () => {
    const { json } = await caller.app("/env");
    const proxy = `http://127.0.0.1:${caller.runtime.ports.outbound}`;
    expect(json).toMatchObject({ HTTP_PROXY: proxy, SELVAGE_OUTBOUND: proxy, NODE_USE_ENV_PROXY: "1" });
    expect(json.SELVAGE_JOIN_TOKEN).toBeUndefined();
  });
});

describe("the admin listener", () => {
  test("health, readiness, counters and configuration, without secrets", async () => {
    expect((await caller.admin("/healthz")).status).toBe(200);
    expect((await caller.admin("/readyz")).status).toBe(200);
    expect((await caller.admin("/nothing")).status).toBe(404);
    const { text } = await caller.admin("/metrics");
    expect(text).toMatch(/^selvage_requests_total\{direction="outbound",service="callee",status="2xx"\} \d+$/m);
    expect(text).toContain('selvage_endpoints{service="callee"} 1');
    const config = (await caller.admin("/config")).text;
    expect(config).toContain("spiffe://test.internal/service/caller");
    expect(config).not.toContain("PRIVATE KEY");
    expect(config).not.toContain("token");
  });
});
