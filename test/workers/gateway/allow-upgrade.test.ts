/** WebSockets in the Worker: what goes on, what comes back, and who is refused before the upstream hears of it. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Env } from "../../../workers/gateway/env.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { limit, plan, route } from "./support/plans.ts";

const toOrigin = { kind: "forward", to: { origin: "http://origin.example:8080" } } as const;
const upgrades = ["websocket"];
const routes = [
  route("chat", "/chat", { upgrades, target: toOrigin }),
  route("mesh", "/mesh", { upgrades }),
  route("mine", "/mine", { upgrades, target: toOrigin, auth: { any: ["login"], scopes: ["chat"] } }),
  route("bounded", "/bounded", { upgrades, target: toOrigin, streamIdleMs: 5_000, upgradedMax: 3 }),
  route("limited", "/limited", { upgrades, target: toOrigin, rateLimits: [limit("once", 1)] }),
  route("plain", "/plain", { target: toOrigin }),
  route("edited", "/edited", {
    upgrades,
    target: toOrigin,
    transform: {
      request: { remove: [], set: { "x-a": "b" }, add: {} },
      response: { remove: [], set: { "x-c": "d" }, add: {} },
    },
  }),
];
const cors = {
  origins: ["https://app.example"],
  methods: ["GET"],
  allowHeaders: [],
  exposeHeaders: [],
  credentials: true,
  maxAgeMs: 0,
};

let gateway: Gateway;
let issuer: Issuer;
let answer: (request: Request) => Response;

/** As an upstream's answer arrives here: with the end of the socket that nobody has accepted. */
function webSocketAnswer(headers: Record<string, string> = {}): Response {
  const [near, far] = Object.values(new WebSocketPair());
  far?.accept();
  far?.addEventListener("message", ({ data }) => far.send(`echo ${data}`));
  return new Response(null, { status: 101, webSocket: near ?? null, headers });
}

async function start(env: Partial<Env> = {}): Promise<void> {
  gateway = await startGateway(plan(routes, { cors }), (request) => issuer.answer(request.url) ?? answer(request), {
    env,
  });
}

beforeEach(async () => {
  issuer = await createIssuer();
  answer = () => webSocketAnswer();
  await start();
});
afterEach(() => vi.restoreAllMocks());

const HANDSHAKE = {
  upgrade: "websocket",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  "sec-websocket-version": "13",
};
const ask = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  gateway.fetch(path, { headers: { ...HANDSHAKE, ...headers } });

/** What comes back through an answer's socket. */
function talk({ webSocket }: Response, message: string): Promise<unknown> {
  if (webSocket === null) throw new Error("no WebSocket");
  webSocket.accept();
  return new Promise((done) => {
    webSocket.addEventListener("message", ({ data }) => done(data), { once: true });
    webSocket.send(message);
  });
}

describe("a route that takes WebSockets", () => {
  test.each(["/chat", "/mesh", "/edited"])("passes the upstream's socket on: %s", async (path) => {
    const response = await ask(path, { "sec-websocket-protocol": "v2" });
    expect(response.status).toBe(101);
    expect(await talk(response, "hello")).toBe("echo hello");
    const { headers, method } = gateway.sent.at(-1) as Request;
    expect(method).toBe("GET");
    expect(headers.get("upgrade")).toBe("websocket");
    expect(headers.get("sec-websocket-protocol")).toBe("v2");
    if (path === "/mesh") expect(headers.get("txn-token")).toMatch(/^ey/);
    if (path === "/mesh") expect(headers.get("signature")).not.toBeNull();
    if (path === "/edited") expect([headers.get("x-a"), response.headers.get("x-c")]).toEqual(["b", "d"]);
  });

  test("logs the handshake", async () => {
    (await ask("/chat")).webSocket?.accept();
    expect(gateway.logs.at(-1)).toMatchObject({ status: 101, route: "chat", kind: "access" });
  });

  test("passes on what the upstream answers instead", async () => {
    answer = () => new Response("not now", { status: 503 });
    const response = await ask("/chat");
    expect([response.status, await response.text()]).toEqual([503, "not now"]);
  });

  test("what ends here of the upstream's answer ends, and CORS is said", async () => {
    answer = () => webSocketAnswer({ "selvage-stream": "1 1 x", "sec-websocket-protocol": "v2" });
    const { headers, webSocket } = await ask("/chat", { origin: "https://app.example" });
    expect(headers.get("selvage-stream")).toBeNull();
    expect(headers.get("sec-websocket-protocol")).toBe("v2");
    expect(headers.get("access-control-allow-origin")).toBe("https://app.example");
    webSocket?.accept();
  });

  test("tells a front its bounds, and nobody else", async () => {
    expect((await ask("/bounded")).headers.get("selvage-stream")).toBeNull();
    await start({ CLIENT_IP: "socket" });
    expect((await ask("/bounded")).headers.get("selvage-stream")).toBe("5000 3 bounded");
    expect((await ask("/chat")).headers.get("selvage-stream")).toBeNull();
  });
});

describe("nothing reaches the upstream", () => {
  test.each<[string, string, Record<string, string>, number, string]>([
    ["of a route that takes none", "/plain", {}, 501, "not_implemented"],
    ["for another site's page", "/chat", { origin: "https://evil.example" }, 403, "origin_not_allowed"],
    ["without credentials", "/mine", {}, 401, "credentials_missing"],
    ["without a key", "/chat", { "sec-websocket-key": "" }, 400, "bad_request"],
    ["of another version", "/chat", { "sec-websocket-version": "12" }, 426, "websocket_version"],
  ])("%s", async (_what, path, headers, status, code) => {
    const response = await ask(path, headers);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
    expect(response.headers.get("sec-websocket-version")).toBe(status === 426 ? "13" : null);
    expect(gateway.sent).toEqual([]);
  });

  test("when the credentials do not suffice", async () => {
    const authorization = `Bearer ${await issuer.sign({ scope: "orders:read" })}`;
    expect((await ask("/mine", { authorization })).status).toBe(403);
    expect(gateway.sent).toEqual([]);
  });

  test("when the limit is spent", async () => {
    (await ask("/limited")).webSocket?.accept();
    expect((await ask("/limited")).status).toBe(429);
    expect(gateway.sent).toHaveLength(1);
  });
});

test("an offer of another protocol is passed over", async () => {
  answer = () => new Response("plain");
  const response = await gateway.fetch("/plain", { headers: { upgrade: "h2c" } });
  expect(await response.text()).toBe("plain");
  expect(gateway.sent.at(-1)?.headers.has("upgrade")).toBe(false);
});
