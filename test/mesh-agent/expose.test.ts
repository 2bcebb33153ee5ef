/** A service that faces the outside by its own agent, on real sockets: who is let in, what the application is told, what clients hear. */
import { connect as connectHttp2 } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "./support/agents.ts";
import { ExposedWorld, ORIGIN } from "./support/exposed-world.ts";
import { HOST, type OutsideAnswer } from "./support/outside.ts";

let started: ExposedWorld | undefined;
let world: ExposedWorld;
beforeAll(async () => {
  world = started = await ExposedWorld.start();
}, 40_000);
afterAll(() => started?.end());

const ask: ExposedWorld["ask"] = (...given) => world.ask(...given);
const bearer: ExposedWorld["bearer"] = (claims) => world.bearer(claims);

/** What the application got. */
const seen = ({ json }: OutsideAnswer): Record<string, string> => json.headers as Record<string, string>;

describe("where `auth` is in shadow", () => {
  test.each<[string, () => Promise<Record<string, string>>, string | undefined, string | undefined]>([
    ["nobody", async () => ({}), undefined, "credentials_missing"],
    ["a token that is none", async () => ({ authorization: "Bearer a.b.c" }), undefined, "credentials_invalid"],
    ["somebody without the scope", () => bearer({ scope: "other" }), "ann", "scope_missing"],
    ["somebody with it", () => bearer(), "ann", undefined],
  ])("%s passes as who that is", async (_, headersOf, sub, error) => {
    const answer = await ask(`/tried?${error}`, { headers: { ...(await headersOf()), "x-user": "admin" } });
    expect([answer.status, answer.headers["www-authenticate"]]).toEqual([200, undefined]);
    expect([seen(answer)["x-user"], seen(answer).authorization]).toEqual([sub, undefined]);
    const name = error ?? "";
    const metrics = `selvage_would_refuse_total{policy="auth",error="${name}"} 1`;
    if (error !== undefined) expect((await world.agent.admin("/metrics")).text).toContain(metrics);
    await until("it is logged", () =>
      world.agent
        .log("expose")
        .some(({ route, wouldRefuse }) => route === "tried" && JSON.stringify(wouldRefuse)?.includes(name) !== false),
    );
  });
});

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
    expect(told.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-03$/);
    expect(Number(told["selvage-deadline-ms"])).toBeGreaterThan(1000);
  });

  test("stands in the access log with route, subject and address", async () => {
    await ask("/orders/log", { headers: await bearer({ sub: "log-reader" }) });
    await until("it is logged", () => world.agent.log("expose").some(({ sub }) => sub === "log-reader"));
    expect(world.agent.log("expose").find(({ sub }) => sub === "log-reader")).toMatchObject({
      route: "orders",
      clientIp: "127.0.0.1",
      status: 200,
      path: "/orders/log",
      plan: 1,
    });
  });

  test("asks the issuer for its keys once", async () => {
    const before = world.issuer.asked;
    for (let count = 0; count < 5; count++) await ask("/orders/1", { headers: await bearer({ count }) });
    expect(world.issuer.asked).toBe(before);
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
    await world.issuer.rotate("k2");
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
    expect((await world.agent.admin("/metrics")).text).toContain(
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
      world.agent.log("expose").some(({ wouldRefuse }) => JSON.stringify(wouldRefuse)?.includes('"limit_exceeded"')),
    );
  });

  test("at once: a place is given back when its request is over", async () => {
    const first = ask("/hold");
    await until("it is there", async () => (await world.agent.app("/held")).json.count === 1);
    expect((await ask("/hold")).status).toBe(429);
    await world.agent.app("/release");
    expect((await first).status).toBe(200);
    const next = ask("/hold");
    await until("the next one is", async () => (await world.agent.app("/held")).json.count === 1);
    await world.agent.app("/release");
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
    const session = connectHttp2(`https://127.0.0.1:${world.port}`, {
      ca: world.certificate.authority.rootPem,
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
