/** `explain --trace` and `--live` against a control plane and a gateway that are played. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { runInProcess } from "../support/run-cli.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const documentOf = (to: string) => ({
  selvage: 1,
  name: "shop",
  gateway: {
    hosts: ["api.example"],
    identity: { login: { jwt: { issuer: "https://idp.example/", audience: "shop" } } },
    routes: [{ name: "orders", match: { path: "/orders/*" }, auth: { any: ["login"], scopes: ["orders:read"] }, to }],
  },
  mesh: {
    trustDomain: "shop.internal",
    services: {
      orders: { port: 8080, access: [{ from: "gateway" }] },
      stock: { port: 8081, access: [{ from: "gateway" }] },
    },
  },
});
const SOURCE = `selvage: 1
name: shop
gateway:
  routes:
    - name: orders
      auth: login
      to: orders
`;
const entry = {
  ...{ time: "2026-07-01T12:00:00.000Z", kind: "access", hop: "gateway", service: "gateway", instance: "i" },
  ...{
    traceId: TRACE,
    spanId: SPAN,
    method: "GET",
    host: "api.example",
    path: "/orders/1",
    status: 503,
    durationMs: 12,
  },
  ...{ plan: 1, route: "orders", sub: "alice", error: "no_healthy_endpoint", reason: "all ejected" },
};
const record = {
  because: "failed",
  entry,
  request: {
    ...{ scheme: "https", authority: "api.example", query: "?token=…", headers: [["authorization", "…"]] },
    identity: {
      method: "jwt",
      sub: "alice",
      issuer: "https://idp.example/",
      scopes: ["orders:read"],
      groups: [],
      claims: {},
    },
  },
  decisions: [
    { stage: "route", verdict: "pass", text: "orders takes it" },
    { stage: "auth", verdict: "pass", text: "alice by login" },
    { stage: "target", verdict: "deny", text: "service orders: no_healthy_endpoint: all ejected" },
  ],
};
const hop = {
  ...entry,
  hop: "ingress",
  service: "ingress",
  peer: "orders",
  durationMs: 9,
  time: "2026-07-01T12:00:00.001Z",
};

let live = 1;
let answers: Record<string, unknown> = {};
let asked: IncomingMessage[] = [];
const play = (request: IncomingMessage, response: ServerResponse): void => {
  asked.push(request);
  const { url = "" } = request;
  if (url.startsWith("/orders")) {
    const told = Buffer.from(JSON.stringify({ entry: { ...entry, status: 200 }, decisions: record.decisions }));
    response.setHeader("selvage-explain", told.toString("base64url"));
    response.end("ok");
    return;
  }
  const answer = answers[url.split("?")[0] ?? ""];
  response.statusCode = answer === undefined ? 404 : 200;
  response.end(JSON.stringify(answer ?? { status: 404, code: "record_unknown", title: "Not found" }));
};
const server = createServer(play);
let url: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(() => {
  [live, asked] = [1, []];
  const version = (to: string) => ({ source: SOURCE, file: "selvage.yaml", document: documentOf(to) });
  answers = {
    [`/v1/records/${TRACE}`]: { traceId: TRACE, records: [record], hops: [hop] },
    "/v1/records": { records: [record], leftOut: 0 },
    "/v1/config/versions/1": version("orders"),
    "/v1/config/versions/2": version("stock"),
    "/v1/explain-tokens": { token: "the-token", expiresAtMs: 1 },
    get "/v1/status"() {
      return { version: live };
    },
  } as never;
});

const run = (...args: string[]) => runInProcess(["explain", ...args, "--control", url, "--token", "t"]);

test.each([TRACE, `00-${TRACE}-${SPAN}-01`, SPAN])(
  "%s is explained by what was kept, with places and hops",
  async (id) => {
    const { code, stdout } = await run("--trace", id);
    expect(code).toBe(0);
    expect(
      stdout,
    ).toBe(` request   GET api.example/orders/1?token=…   (version 1, 2026-07-01T12:00:00.000Z, kept: it failed)
 trace     ${TRACE}

 route   pass  selvage.yaml:5  orders takes it
 auth    pass  selvage.yaml:6  alice by login
 target  deny  selvage.yaml:7  service orders: no_healthy_endpoint: all ejected

 result    503 no_healthy_endpoint after 12ms

TIME          METHOD  PATH                          STATUS  LAT      CLIENT          CHAIN                   UPSTREAM
12:00:00.000  GET     /orders/1                     503     12ms     alice           auth✓ ✗ no_healthy_endpoint (all ejected)  -
  └ ingress   GET     /orders/1                     503     9.0ms    alice           auth✓ ✗ no_healthy_endpoint (all ejected)  orders
`);
  },
);

test("what differs by the live version stands below, and in JSON", async () => {
  live = 2;
  const { stdout } = await run("--trace", TRACE);
  expect(stdout).toMatch(/ now {7}version 2 is live: by a dry run, version 1 \(-\) against version 2 \(\+\)/);
  expect(stdout).toMatch(/^ \+ .*stock/m);
  const told = JSON.parse((await run("--trace", TRACE, "--json")).stdout);
  expect(told).toMatchObject({
    ...{ traceId: TRACE, live: 2, records: [record], hops: [hop] },
    explained: [{ version: 1, decisions: [{ stage: "route", place: "selvage.yaml:5" }, {}, {}], now: { version: 2 } }],
  });
});

test("a version that is gone, and a trace of agents alone, are told as far as they are known", async () => {
  delete answers["/v1/config/versions/1"];
  expect((await run("--trace", TRACE)).stdout).toContain("(version 1, which cannot be read any more,");
  answers[`/v1/records/${TRACE}`] = { traceId: TRACE, records: [], hops: [hop] };
  const { code, stdout } = await run("--trace", TRACE);
  expect([code, stdout]).toEqual([0, expect.stringContaining("the gateway kept nothing of it, agents did")]);
});

test("what was not kept is exit code 1, what is no trace 2, and nobody there 3", async () => {
  for (const id of ["0".repeat(32), "0".repeat(16)]) {
    const { code, stderr } = await run("--trace", id);
    expect([code, stderr]).toEqual([1, expect.stringContaining("selvage explain --live GET URL")]);
  }
  expect((await run("--trace", "xyz")).code).toBe(2);
  expect((await run("--trace", TRACE, "GET", "/a")).code).toBe(2);
  expect((await run()).code).toBe(2);
  const away = await runInProcess(["explain", "--trace", TRACE, "--control", "http://127.0.0.1:1", "--token", "t"]);
  expect(away.code).toBe(3);
});

test("a live request is sent with a token for its host, and its answer shown", async () => {
  const { code, stdout, stderr } = await run("--live", "GET", `${url}/orders/1`, "-H", "x-a: b");
  expect([code, stdout]).toEqual([0, expect.stringContaining(" auth    pass  selvage.yaml:6  alice by login")]);
  expect(stderr).toContain(`selvage explain --trace ${TRACE}`);
  const sent = asked.find(({ url: path }) => path === "/orders/1");
  expect(sent?.headers).toMatchObject({ "x-selvage-explain": "the-token", "x-a": "b" });
  expect((await run("--live", "GET", "/orders/1")).code).toBe(2);
  expect((await run("--live", "GET", `${url}/else`)).code).toBe(1);
});
