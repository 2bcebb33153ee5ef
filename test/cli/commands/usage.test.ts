/** `stat` and `top` against a control plane that says what is given: what they show is the same each time. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { UsageRow } from "../../../shared/policy/usage-report.ts";
import type { UsageAnswer } from "../../../shared/wire/usage.ts";
import { runSelvage } from "../../support/run-selvage.ts";

const AT = Date.UTC(2026, 10, 2, 10, 0);
const row = (name: string, requests: number, more: Partial<UsageRow> = {}): UsageRow => ({
  ...{ name, requests, perSecond: requests / 3600, success: 1, statuses: { "2xx": requests }, errors: 0 },
  ...{ limited: 0, denied: 0, meanMs: 7, p50Ms: 6.25, p95Ms: 118.4, p99Ms: 12_345, ...more },
});
const routes = [
  row("orders", 91_204, { success: 0.99996, errors: 4, limited: 410, denied: 37 }),
  row("=profile,\u001b[2J", 720, { success: 0.5, errors: 360 }),
  row("", 7),
  row("*", 1),
];
const services = [
  row("orders", 100, {
    noAnswer: 98,
    errors: 98,
    success: 0.02,
    down: [{ fromMs: AT, toMs: AT + 180_000, requests: 100, failed: 98 }],
  }),
];
const edges = [
  row("orders -> inventory", 100, {
    ...{ noAnswer: 1, denied: 0, errors: 1, success: 0.99 },
    edge: {
      ...{ source: "orders", destination: "inventory", wouldRefuse: 0, unsecured: 0 },
      ...{ connections: 0, isOpen: false },
    },
  }),
  row("orders -> billing", 4, {
    denied: 2,
    edge: { source: "orders", destination: "billing", wouldRefuse: 0, unsecured: 1, connections: 0, isOpen: false },
  }),
];

const asked: string[] = [];
let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const query = new URL(request.url ?? "", "http://control").searchParams;
    const by = (query.get("by") ?? "routes") as UsageAnswer["by"];
    const rows = { routes, services, consumers: [], edges, plans: [row("gold", 3)] }[by];
    const slots = query.has("each") ? { slots: [{ atMs: AT, rows }] } : {};
    const answer: UsageAnswer = { by, fromMs: AT, toMs: AT + 3_600_000, slotMs: 60_000, rows, leftOut: 2, ...slots };
    response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

const selvage = (...args: string[]) => runSelvage(tmpdir(), args, { SELVAGE_CONTROL_URL: url, SELVAGE_TOKEN: "t" });

test("a table by route, for people", async () => {
  const { code, stdout, stderr } = await selvage("stat", "--window", "2h");
  expect(code).toBe(0);
  expect(asked.at(-1)).toBe("/v1/usage?by=routes&windowMs=7200000");
  expect(stdout.replace(/ +$/gm, "").split("\n")).toEqual([
    "ROUTE          REQUESTS  RATE       SUCCESS  P50      P95     P99     ERRORS  429  401/403",
    "orders         91204     25.3/s     99.99 %  6.25 ms  118 ms  12.3 s  4       410  37",
    expect.stringMatching(/^=profile,\S*\[2J +720 +0\.2\/s +50\.00 % +6\.25 ms +118 ms +12\.3 s +360 +0 +0$/),
    expect.stringMatching(/^\(no route\) +7 +0\.12\/min +100 % /),
    expect.stringMatching(/^\(others\) +1 +0\.017\/min +100 % /),
    "",
  ]);
  expect(stdout).not.toContain("\u001b");
  expect(stderr).toBe("2 rows with fewer requests are left out\n");
});

test("services, and when they were down", async () => {
  const { stdout } = await selvage("stat", "services");
  expect(stdout).toMatch(/^SERVICE .* ERRORS +NO ANSWER$/m);
  expect(stdout).toMatch(/^orders was down 2026-11-02T10:00Z to 2026-11-02T10:03Z: 98 of 100 calls failed$/m);
});

test("edges of the mesh, and those of one service", async () => {
  const { stdout } = await selvage("stat", "edges", "--of", "orders");
  expect(asked.at(-1)).toBe("/v1/usage?by=edges&windowMs=3600000&of=orders");
  expect(stdout).toMatch(/^FROM -> TO .* ERRORS +NO ANSWER +REFUSED +SECURED$/m);
  expect(stdout).toMatch(/^orders -> inventory +100 .* 1 +1 +0 +mTLS$/m);
  expect(stdout).toMatch(/^orders -> billing +4 .* 0 +0 +2 +in part$/m);
});

test("lines and CSV, for other programs", async () => {
  const csv = (await selvage("stat", "--export", "csv")).stdout.split("\n");
  expect(asked.at(-1)).toBe("/v1/usage?by=routes&windowMs=3600000&each=slots");
  expect(csv[0]).toBe(
    "from,name,requests,perSecond,success,errors,limited,denied,noAnswer,meanMs,p50Ms,p95Ms,p99Ms,2xx,3xx,4xx,5xx",
  );
  expect(csv[1]).toMatch(
    /^2026-11-02T10:00:00\.000Z,orders,91204,25\.3\d*,0\.99996,4,410,37,,7,6\.25,118\.4,12345,91204,0,0,0$/,
  );
  expect(csv[2]).toContain(`"'=profile,`);
  const [line = ""] = (await selvage("stat", "--export", "ndjson")).stdout.split("\n");
  expect(JSON.parse(line)).toEqual({ fromMs: AT, toMs: AT + 60_000, by: "routes", ...routes[0] });
});

test("nothing, JSON, and once where nobody looks on", async () => {
  expect((await selvage("stat", "consumers", "--route", "orders")).stdout).toBe(
    "nothing was counted since 2026-11-02T10:00:00.000Z\n",
  );
  expect(asked.at(-1)).toBe("/v1/usage?by=consumers&windowMs=3600000&route=orders");
  expect(JSON.parse((await selvage("stat", "plans", "--json")).stdout).rows).toEqual([row("gold", 3)]);
  expect((await selvage("top", "plans")).stdout).toMatch(/^PLAN .*\ngold +3 /);
  expect(asked.at(-1)).toBe("/v1/usage?by=plans&windowMs=60000");
});

test.each([
  [["stat", "--window", "2161h"], 2, /kept for 90 days/],
  [["stat", "services", "--route", "orders"], 2, /leave out the filter/],
  [["stat", "edges", "--consumer", "acme"], 2, /leave out the filter/],
  [["stat", "services", "--of", "orders"], 2, /--of is for edges/],
  [["stat", "--json", "--export", "csv"], 2, /cannot be used with/],
  [["stat", "--control", "http://127.0.0.1:1"], 3, /127\.0\.0\.1:1/],
] as const)("%j ends with %d", async (args, code, said) => {
  const ended = await selvage(...args);
  expect([ended.code, ended.stdout]).toEqual([code, ""]);
  expect(ended.stderr).toMatch(said);
});
