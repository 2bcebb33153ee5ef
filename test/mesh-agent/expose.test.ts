/** A service that faces the outside by its own agent, on real sockets: who is let in, what the application is told, what clients hear. */
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sendRaw } from "../support/raw-http.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";
import { compiledExpose, HOST, type OutsideAnswer, outside, TestCertificate, TestIssuer } from "./support/outside.ts";

const fleet = new Fleet();
let control: TestControl;
let issuer: TestIssuer;
let certificate: TestCertificate;
let agent: TestAgent;

const ORIGIN = "https://app.example.com";

const routes = () => [
  {
    name: "orders",
    match: { path: "/orders/*", methods: ["GET", "POST"] },
    auth: { any: ["login"], scopes: ["orders:read"] },
    identityHeaders: { "x-user": "{identity.sub}" },
    transform: {
      request: { headers: { set: { "x-source": "outside" }, remove: ["x-internal"] } },
      response: { headers: { set: { "x-answered": "by selvage" } } },
    },
    maxBody: "1KiB",
  },
  { name: "public", match: { path: "/public/{id}" }, rewrite: "/items/{id}" },
  { name: "limited", match: { path: "/limited" }, rateLimit: { limit: "2/hour", by: "ip" } },
  { name: "by-user", match: { path: "/by-user" }, auth: "login", rateLimit: { limit: "1/hour", by: "identity" } },
  { name: "watched", match: { path: "/watched" }, rateLimit: { limit: "1/hour", by: "all", shadow: true } },
  { name: "one", match: { path: "/hold" }, rateLimit: { concurrent: 1, by: "all" } },
  { name: "adults", match: { path: "/adults" }, auth: { any: ["login"], when: "identity.claims.age >= 18.0" } },
];

const cors = { origins: [ORIGIN], methods: ["GET", "POST"], exposeHeaders: ["ratelimit"] };

const identity = () => ({ login: { jwt: { issuer: issuer.url, audience: "shop-api" } } });
const expose = (more: object = {}) => compiledExpose({ cors, routes: routes(), ...more }, identity());

beforeAll(async () => {
  control = await TestControl.start();
  issuer = await TestIssuer.start();
  certificate = await TestCertificate.make(fleet.folder());
  control.setPlan("shop", { expose: expose(), access: [] });
  agent = fleet.run("shop", control.joinToken("shop"), ["--expose", "127.0.0.1:0", ...certificate.flags]);
  await agent.ready();
  await until("it is open to the outside", () => agent.runtime.ports.expose !== undefined);
}, 40_000);

afterAll(async () => {
  await fleet.end();
  await Promise.all([control.close(), issuer.close()]);
});

const portOf = (one: TestAgent): number => one.runtime.ports.expose ?? 0;
const ask = (path: string, options: Parameters<typeof outside>[3] = {}): Promise<OutsideAnswer> =>
  outside(portOf(agent), certificate.authority.rootPem, path, options);
const bearer = async (claims: Record<string, unknown> = {}) => ({
  authorization: `Bearer ${await issuer.token(claims)}`,
});

/** What the application got. */
const seen = ({ json }: OutsideAnswer): Record<string, string> => json.headers as Record<string, string>;

describe("whoever has proven who it is", () => {
  test("is let in, and the application is told by the route's own words", async () => {
    const answer = await ask("/orders/1?a=b", { headers: { ...(await bearer()), "x-internal": "1" } });
    expect(answer.status).toBe(200);
    expect(answer.json.path).toBe("/orders/1?a=b");
    expect(answer.headers["x-answered"]).toBe("by selvage");
    const { authorization, ...told } = seen(answer);
    expect(authorization).toBeUndefined();
    expect(told).toMatchObject({
      "x-user": "ann",
      "x-source": "outside",
      host: HOST,
      forwarded: `for=127.0.0.1;host="${HOST}";proto=https`,
      "x-forwarded-for": "127.0.0.1",
    });
    expect(told["x-internal"]).toBeUndefined();
    expect(told.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(Number(told["selvage-deadline-ms"])).toBeGreaterThan(1000);
  });

  test("stands in the access log with route, subject and address", async () => {
    await ask("/orders/log", { headers: await bearer({ sub: "log-reader" }) });
    await until("it is logged", () => agent.log("expose").some(({ sub }) => sub === "log-reader"));
    expect(agent.log("expose").find(({ sub }) => sub === "log-reader")).toMatchObject({
      route: "orders",
      clientIp: "127.0.0.1",
      status: 200,
      path: "/orders/log",
      plan: 1,
    });
  });

  test("asks the issuer for its keys once", async () => {
    const before = issuer.asked;
    for (let count = 0; count < 5; count++) await ask("/orders/1", { headers: await bearer({ count }) });
    expect(issuer.asked).toBe(before);
  });

  test("a condition of the route decides by the claims", async () => {
    expect((await ask("/adults", { headers: await bearer({ age: 20 }) })).status).toBe(200);
    const refused = await ask("/adults", { headers: await bearer({ age: 7 }) });
    expect(refused.status).toBe(403);
    expect(refused.json.code).toBe("not_permitted");
  });
});

describe("whoever has not", () => {
  test("is told what is asked for, in a problem like the gateway's, which scripts may read", async () => {
    const answer = await ask("/orders/1", { headers: { origin: ORIGIN } });
    expect(answer.status).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe(`Bearer realm="${HOST}"`);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.headers["access-control-allow-origin"]).toBe(ORIGIN);
    expect(answer.json).toMatchObject({ code: "credentials_missing", status: 401 });
    expect(answer.json.traceId).toMatch(/^[0-9a-f]{32}$/);
  });

  test.each([
    ["no scope", { scope: "" }, 403, "scope_missing", /error="insufficient_scope", scope="orders:read"/],
    ["another audience", { aud: "others" }, 401, "credentials_invalid", /error="invalid_token"/],
    ["an end that is over", { exp: 1 }, 401, "credentials_invalid", /error="invalid_token"/],
    [
      "a bound token without its proof",
      { cnf: { jkt: `${"a".repeat(42)}A` } },
      401,
      "credentials_invalid",
      /invalid_token/,
    ],
  ])("%s", async (_, claims, status, code, challenge) => {
    const answer = await ask("/orders/1", { headers: await bearer(claims) });
    expect(answer.status).toBe(status);
    expect(answer.json.code).toBe(code);
    expect(answer.headers["www-authenticate"]).toMatch(challenge);
  });

  test("a key of the issuer that is new is fetched, and its tokens pass", async () => {
    await issuer.rotate("k2");
    expect((await ask("/orders/1", { headers: await bearer() })).status).toBe(200);
  }, 20_000);
});

describe("limits", () => {
  test("count here, and say what is left", async () => {
    const first = await ask("/limited");
    expect(first.status).toBe(200);
    expect(first.headers["ratelimit-policy"]).toBe('"ip";q=2;w=3600');
    expect(first.headers.ratelimit).toMatch(/^"ip";r=1;t=\d+$/);
    await ask("/limited");
    const refused = await ask("/limited", { headers: { origin: ORIGIN } });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(3000);
    expect(refused.headers.ratelimit).toMatch(/^"ip";r=0;t=\d+$/);
    expect(refused.headers["access-control-expose-headers"]).toBe("ratelimit");
    expect(refused.json).toMatchObject({
      code: "limit_exceeded",
      type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
      "violated-policies": ["ip"],
    });
    expect((await agent.admin("/metrics")).text).toContain(
      'selvage_limited_total{direction="expose",limit="ip",mode="enforce"} 1',
    );
  });

  test("by identity: each has its own, whatever fields it sends", async () => {
    const statusOf = async (sub: string): Promise<number> =>
      (await ask("/by-user", { headers: { ...(await bearer({ sub })), "x-forwarded-for": "203.0.113.7" } })).status;
    expect([await statusOf("bob"), await statusOf("bob"), await statusOf("eve")]).toEqual([200, 429, 200]);
  });

  test("in shadow refuse nobody, and are logged", async () => {
    expect((await ask("/watched")).status).toBe(200);
    expect((await ask("/watched")).status).toBe(200);
    await until("the log tells", () =>
      agent.log("expose").some(({ wouldRefuse }) => JSON.stringify(wouldRefuse)?.includes('"limit_exceeded"')),
    );
  });

  test("at once: a place is given back when its request is over", async () => {
    const first = ask("/hold");
    await until("it is there", async () => (await agent.app("/held")).json.count === 1);
    expect((await ask("/hold")).status).toBe(429);
    await agent.app("/release");
    expect((await first).status).toBe(200);
    const next = ask("/hold");
    await until("the next one is", async () => (await agent.app("/held")).json.count === 1);
    await agent.app("/release");
    expect((await next).status).toBe(200);
  });

  test("to a caller by gRPC a refusal is RESOURCE_EXHAUSTED", async () => {
    const headers = { "content-type": "application/grpc", te: "trailers" };
    for (let count = 0; count < 3; count++) {
      const answer = await ask("/limited", { method: "POST", headers });
      if (answer.status === 200 && answer.headers["grpc-status"] === "8") {
        expect(answer.headers["content-type"]).toBe("application/grpc");
        expect(Number(answer.headers["grpc-retry-pushback-ms"])).toBeGreaterThan(1000);
        return;
      }
    }
    throw new Error("never refused");
  });
});

describe("routes", () => {
  test("rewrite the path", async () => {
    expect((await ask("/public/a%20b?q=1")).json.path).toBe("/items/a%20b?q=1");
  });

  test("preflights are answered here", async () => {
    const asked = { origin: ORIGIN, "access-control-request-method": "POST" };
    const answer = await ask("/orders/1", { method: "OPTIONS", headers: asked });
    expect(answer.status).toBe(204);
    expect(answer.headers["access-control-allow-methods"]).toBe("GET, POST");
    const others = await ask("/orders/1", { method: "OPTIONS", headers: { ...asked, origin: "https://evil.example" } });
    expect(others.headers["access-control-allow-origin"]).toBeUndefined();
  });

  test("a body is bounded, stated or streamed", async () => {
    const headers = await bearer();
    const inBounds = await ask("/orders/1", { method: "POST", headers, body: "x".repeat(1024) });
    expect(inBounds.status).toBe(200);
    const stated = await ask("/orders/1", { method: "POST", headers, body: "x".repeat(1025) });
    expect([stated.status, stated.json.code]).toEqual([413, "body_too_large"]);
    const streamed = await ask("/orders/1", {
      method: "POST",
      headers: { ...headers, "transfer-encoding": "chunked" },
      body: "x".repeat(1025),
    });
    expect([streamed.status, streamed.json.code]).toEqual([413, "body_too_large"]);
  });

  test("HTTP/2 is spoken where the client asks for it", async () => {
    const session = connectHttp2(`https://127.0.0.1:${portOf(agent)}`, {
      ca: certificate.authority.rootPem,
      servername: HOST,
    });
    const stream = session.request({ ":path": "/public/h2", ":authority": HOST });
    const status = await new Promise((resolve, reject) => {
      stream.on("response", (headers) => resolve(headers[":status"]));
      stream.on("error", reject);
    });
    expect(status).toBe(200);
    expect(session.alpnProtocol).toBe("h2");
    session.destroy();
  });
});

describe("what clients say of themselves", () => {
  test.each([
    ["selvage-deadline-ms", "1"],
    ["selvage-service", "users"],
    ["Txn-Token", "eyJ.e30.x"],
    ["X-Forwarded-For", "10.0.0.1"],
    ["X_Forwarded_For", "10.0.0.1"],
    ["X-Forwarded-Proto", "http"],
    ["Forwarded", "for=10.0.0.1"],
    ["X-Real-IP", "10.0.0.1"],
    ["True-Client-IP", "10.0.0.1"],
    ["X-Original-URL", "/admin"],
    ["X-HTTP-Method-Override", "DELETE"],
    ["Client-Cert", ":AAAA:"],
    ["x-user", "root"],
    ["X_User", "root"],
    ["Via", "1.1 inside"],
  ])("%s is not believed", async (name, value) => {
    const answer = await ask("/public/1", { headers: { [name]: value } });
    expect(answer.status).toBe(200);
    const said = Object.entries(seen(answer)).filter(([, one]) => one === value && name !== "selvage-deadline-ms");
    expect(said).toEqual([]);
    expect(Number(seen(answer)["selvage-deadline-ms"])).toBeGreaterThan(1000);
    expect(seen(answer)["x-user"]).toBeUndefined();
  });

  test.each<[string, string, number | undefined]>([
    ["an unknown host", "GET /public/1 HTTP/1.1\r\nhost: other.example\r\n\r\n", 421],
    ["no host", "GET /public/1 HTTP/1.1\r\n\r\n", 400],
    ["two hosts", `GET /public/1 HTTP/1.1\r\nhost: ${HOST}\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["a host with a path", `GET /public/1 HTTP/1.1\r\nhost: ${HOST}/a\r\n\r\n`, 400],
    ["a host with a user", `GET /public/1 HTTP/1.1\r\nhost: a@${HOST}\r\n\r\n`, 400],
    ["no route", `GET /nowhere HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 404],
    ["a method that the path does not take", `DELETE /orders/1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 405],
    ["TRACE", `TRACE /public/1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 501],
    ["CONNECT", `CONNECT ${HOST}:443 HTTP/1.1\r\nhost: ${HOST}:443\r\n\r\n`, 501],
    ["OPTIONS *", `OPTIONS * HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["GET with content", `GET /public/1 HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 1\r\n\r\nx`, 400],
    ["dot segments", `GET /orders/../public/1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["encoded dot segments", `GET /orders/%2e%2e/public/1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["an encoded slash", `GET /public/a%2fb HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["a double slash", `GET //public/1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["a backslash", `GET /public\\1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["an escape of a control character", `GET /public/%00 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["an escape that is none", `GET /public/%zz HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["bytes that are no UTF-8", `GET /public/%ff HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    [
      "length and chunks",
      `POST /public/1 HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      "two lengths",
      `POST /public/1 HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc`,
      400,
    ],
    ["a target that is too long", `GET /public/${"a".repeat(17_000)} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 414],
    ["fields that are too many", `GET /public/1 HTTP/1.1\r\nhost: ${HOST}\r\n${"a: b\r\n".repeat(200)}\r\n`, 431],
    ["fields that are too long", `GET /public/1 HTTP/1.1\r\nhost: ${HOST}\r\na: ${"b".repeat(70_000)}\r\n\r\n`, 431],
    [
      "two credentials",
      `GET /orders/1 HTTP/1.1\r\nhost: ${HOST}\r\nauthorization: Bearer a.b.c\r\nauthorization: Bearer d.e.f\r\n\r\n`,
      401,
    ],
    [
      "a token that is none",
      `GET /orders/1 HTTP/1.1\r\nhost: ${HOST}\r\nauthorization: Bearer ${"x".repeat(20_000)}\r\n\r\n`,
      401,
    ],
    ["another scheme", `GET /orders/1 HTTP/1.1\r\nhost: ${HOST}\r\nauthorization: Basic YTpi\r\n\r\n`, 401],
    ["HTTP/0.9", "GET /public/1\r\n\r\n", 400],
    ["no HTTP at all", "\x00\x01\x02\x03\r\n\r\n", 400],
  ])("%s", async (_, bytes, status) => {
    const tls = { ca: certificate.authority.rootPem, servername: HOST };
    const closing = bytes.replace(" HTTP/1.1\r\n", " HTTP/1.1\r\nconnection: close\r\n");
    const answer = await sendRaw(portOf(agent), [closing], tls);
    expect(answer.status).toBe(status);
  });

  test("a client that does not speak TLS gets nothing", async () => {
    const answer = await sendRaw(portOf(agent), [`GET /public/1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`]);
    expect(answer.status).toBeUndefined();
  });
});

describe("the plan", () => {
  test("changes routes without a new connection or start, and closes what it no longer shows", async () => {
    const port = portOf(agent);
    control.setPlan("shop", { expose: expose({ routes: [{ name: "new", match: { path: "/new" } }] }), access: [] });
    await until("the new route is there", async () => (await ask("/new")).status === 200);
    expect((await ask("/public/1")).status).toBe(404);
    expect(portOf(agent)).toBe(port);
    control.setPlan("shop", { access: [] });
    await until("it is closed", () => agent.runtime.ports.expose === undefined);
    control.setPlan("shop", { expose: expose(), access: [] });
    await until("it is open again", () => agent.runtime.ports.expose !== undefined);
    expect((await ask("/public/1")).status).toBe(200);
  });

  test("that cannot be read is refused, and the last good one stays", async () => {
    const bad = { ...expose(), routes: [{ name: "x" }] } as unknown as ReturnType<typeof expose>;
    control.setPlan("shop", { expose: bad, access: [] });
    await until("it is refused", () => control.heard.some(({ type }) => /reject|refuse/.test(type)));
    expect((await ask("/public/1")).status).toBe(200);
    control.setPlan("shop", { expose: expose(), access: [] });
  });
});

describe("the certificate", () => {
  test("is read again when it changes; a bad one is said and not used", async () => {
    expect((await ask("/public/1")).server).toBe("first");
    await certificate.renew("second");
    agent.kill("SIGHUP");
    await until("the new one is used", async () => (await ask("/public/1")).server === "second");
    certificate.spoil();
    agent.kill("SIGHUP");
    await until("it is said", () => agent.stdout.includes("the certificate in use stays"));
    expect((await ask("/public/1")).server).toBe("second");
  });
});

describe("what stands in the way", () => {
  test("a port that is taken: it is said, the mesh is served, and the listener opens when the port is free", async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, "127.0.0.1", resolve));
    const { port } = squatter.address() as AddressInfo;
    await certificate.renew("fourth");
    control.setPlan("late", { expose: expose({ listen: `127.0.0.1:${port}` }), access: [] });
    const late = fleet.run("late", control.joinToken("late"), certificate.flags);
    await late.ready();
    await until("it is said", () => late.stdout.includes("the port is in use by another process"));
    await new Promise((resolve) => squatter.close(resolve));
    await until("it is open", () => late.runtime.ports.expose === port);
    expect((await outside(port, certificate.authority.rootPem, "/public/1")).status).toBe(200);
  }, 40_000);

  test("no certificate: it is said, and nothing opens", async () => {
    control.setPlan("bare", { expose: expose({ listen: "127.0.0.1:0" }), access: [] });
    const bare = fleet.run("bare", control.joinToken("bare"));
    await bare.ready();
    await until("it is said", () => bare.stdout.includes("there is no --expose-cert and --expose-key"));
    expect(bare.runtime.ports.expose).toBeUndefined();
  }, 30_000);

  test.each([
    [["--expose", "127.0.0.1:0"], "--expose needs --expose-cert and --expose-key"],
    [["--expose-cert", "a.pem"], "--expose-cert and --expose-key belong together"],
    [["--expose-cert", "/nowhere/a.pem", "--expose-key", "/nowhere/b.pem"], "cannot read /nowhere/a.pem"],
  ])("flags %j end the start with words", async (flags, words) => {
    const refused = fleet.run("refused", undefined, flags);
    expect(await refused.exited).toBe(1);
    expect(refused.stderr).toContain(words);
  });
});

describe("stopping", () => {
  test("finishes what is in flight, refuses what comes then, and ends", async () => {
    await certificate.renew("third");
    control.setPlan("leaving", { expose: expose(), access: [] });
    const leaving = fleet.run("leaving", control.joinToken("leaving"), [
      "--expose",
      "127.0.0.1:0",
      ...certificate.flags,
    ]);
    await leaving.ready();
    await until("it is open to the outside", () => leaving.runtime.ports.expose !== undefined);
    const port = portOf(leaving);
    const running = outside(port, certificate.authority.rootPem, "/hold");
    await until("it is at the application", async () => (await leaving.app("/held")).json.count === 1);
    leaving.kill("SIGTERM");
    await until("it drains", () => leaving.runtime.phase === "draining");
    const meanwhile = await outside(port, certificate.authority.rootPem, "/public/1");
    expect(meanwhile.status).toBe(200);
    expect(meanwhile.headers.connection).toBe("close");
    await leaving.app("/release");
    expect((await running).status).toBe(200);
    await leaving.ended;
    await expect(outside(port, certificate.authority.rootPem, "/public/1")).rejects.toThrow();
  }, 30_000);
});
