/** `selvage diff --replay`, as it is printed, with a control plane that keeps records and without one. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { stringify } from "yaml";
import { freePort } from "../../cli/local/ports.ts";
import { checkDocument } from "../../shared/config/check-document.ts";
import type { Document } from "../../shared/config/schema.ts";
import { compile } from "../../shared/plan/compile.ts";
import { preparePlan } from "../../shared/plan/explain.ts";
import type { RequestRecord } from "../../shared/policy/request-record.ts";
import { recordOf } from "../support/request-records.ts";
import { runInProcess } from "../support/run-cli.ts";

type Json = Record<string, unknown>;
const orders: Json = { name: "orders", match: { path: "/orders/*" }, auth: "login", to: "orders" };
const items: Json = { name: "items", match: { path: "/items/*" }, auth: "login", to: "orders" };
const documentOf = (...routes: Json[]): Json => ({
  ...{ selvage: 1, name: "shop" },
  gateway: {
    hosts: ["api.shop.example"],
    identity: { login: { jwt: { issuer: "https://login.example/", audience: "shop" } } },
    routes,
  },
  mesh: { trustDomain: "shop.internal", services: { orders: { port: 1, access: [{ from: "gateway" }] } } },
});
const usual = documentOf(orders, items);
const { document } = checkDocument(usual);
const plan = preparePlan(compile(document as Document), undefined);

const HOUR_MS = 3_600_000;
const NOW_MS = Date.now() - 5 * HOUR_MS;
const claims = { iss: "https://login.example/", aud: "shop", sub: "alice", exp: NOW_MS / 1000 + 60, scope: "read" };
const records: readonly RequestRecord[] = Array.from({ length: 200 }, (_, at) =>
  recordOf(
    plan,
    {
      ...{ method: "GET", host: "api.shop.example", path: at % 2 === 0 ? `/orders/${at}` : `/items/${at}`, query: "" },
      ...{ headers: [["authorization", "Bearer x"]], clientIp: "192.0.2.7" },
      credential: { kind: "token", header: { alg: "ES256" }, claims },
    },
    NOW_MS + at,
    at + 1,
  ),
);

let kept: readonly RequestRecord[];
let calls: string[];
let live: Json;
let server: Server;
let control: string[];
let folder: string;
const file = (name: string): string => path.join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-replay-"));
  server = createServer(({ url = "" }, response) => {
    calls.push(url);
    response.end(JSON.stringify(answerTo(new URL(url, "http://control"))));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  control = ["--control", `http://127.0.0.1:${(server.address() as AddressInfo).port}`, "--token", "t"];
  writeFileSync(file("base.yaml"), stringify(usual));
  writeFileSync(file("same.yaml"), stringify(usual));
  const auth = { any: ["login"], scopes: ["write"] };
  const one = { ...items, name: "one", match: { path: "/items/3" }, auth };
  const limited = { ...items, name: "items", match: { path: "/items/5" }, rateLimit: { limit: "5/minute", by: "ip" } };
  const kept = { ...items, name: "kept", match: { path: "/items/199" }, cache: { ttl: "9s" } };
  const three = [one, { ...limited, name: "limited" }, kept];
  writeFileSync(file("new.yaml"), stringify(documentOf(orders, items, ...three)));
  writeFileSync(
    file("scope.yaml"),
    stringify(documentOf(orders, { ...items, auth: { any: ["login"], scopes: ["write"] } })),
  );
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  kept = records;
  calls = [];
  live = usual;
});

/** A page of two hundred at most, newest first. */
function answerTo({ pathname, searchParams }: URL): object {
  if (pathname === "/v1/status") return { version: 7, agents: [], gateways: [], keys: [] };
  if (pathname !== "/v1/records") return { version: 7, source: stringify(live), file: "selvage.yaml", document: live };
  const route = searchParams.get("route");
  const found = kept.filter(({ entry }) => route === null || entry.route === route).toReversed();
  return { records: found.slice(0, 200), leftOut: Math.max(0, found.length - 200) };
}

interface Group {
  readonly kinds: readonly string[];
  readonly requests: readonly { readonly path: string }[];
}

const diff = (...args: string[]) => runInProcess(["diff", ...args]);

test("requests that change alike are one group, with examples", async () => {
  const { code, stdout } = await diff(file("scope.yaml"), "--replay", ...control);
  expect(code).toBe(0);
  const [, told] = stdout.split("\n\n200 requests");
  expect(`200 requests${told}`).toBe(`200 requests of the last 5 h replayed: 100 change

100 requests: auth, outcome
  auth     pass -> scope_missing
  outcome  forwarded -> refused with 403 scope_missing
    GET api.shop.example/items/1 by alice, 200 then  selvage explain --trace 00000000000000000000000000000002
    GET api.shop.example/items/3 by alice, 200 then  selvage explain --trace 00000000000000000000000000000004
    GET api.shop.example/items/5 by alice, 200 then  selvage explain --trace 00000000000000000000000000000006
  and 97 more: --json names all
`);
});

test("a change that alters 3 of 200 recorded requests is reported as exactly these 3", async () => {
  const { code, stdout } = await diff(file("new.yaml"), "--replay", "--json", "--exit-code", ...control);
  expect(code).toBe(1);
  const { replay } = JSON.parse(stdout);
  expect(replay).toMatchObject({ requests: 200, changed: 3, unexplained: 0, leftOut: 0 });
  const told = replay.groups.flatMap(({ kinds, requests }: Group) =>
    requests.map((one) => [one.path, ...kinds].join(" ")),
  );
  expect(told.sort()).toEqual(["/items/199 route cache", "/items/3 route auth outcome", "/items/5 route limit"]);
});

test("--exit-code is about requests: a document that changes none of them is 0", async () => {
  writeFileSync(file("timeout.yaml"), stringify(documentOf({ ...orders, timeout: "3s" }, items)));
  const quiet = await diff(file("timeout.yaml"), "--replay", "--exit-code", ...control);
  expect(quiet.stdout).toContain("timeout");
  expect(quiet.stdout).toContain("200 requests of the last 5 h replayed: none changes");
  expect(quiet.code).toBe(0);
  expect((await diff(file("timeout.yaml"), "--exit-code", ...control)).code).toBe(1);
  expect((await diff(file("scope.yaml"), "--replay", "--exit-code", ...control)).code).toBe(1);
  expect((await diff("--from", "6", "--replay", "--exit-code", ...control)).code).toBe(0);
});

test("what is kept can be written to a file, and replayed without a control plane", async () => {
  const saved = await diff("--save", file("kept.ndjson"), ...control);
  expect(saved).toMatchObject({ code: 0, stderr: `200 records written to ${file("kept.ndjson")}\n` });
  expect(statSync(file("kept.ndjson")).mode & 0o777).toBe(0o600);
  calls = [];
  const args = [file("scope.yaml"), "--base", file("base.yaml"), "--records", file("kept.ndjson")];
  const { code, stdout } = await diff(...args, "--exit-code");
  expect(code).toBe(1);
  expect(stdout).toMatch(/200 requests of \S+Z to \S+Z replayed: 100 change/);
  expect(calls).toEqual([]);
});

test("no records: the difference is told, and why nothing was replayed", async () => {
  kept = [];
  const none = await diff(file("scope.yaml"), "--replay", "--exit-code", ...control);
  expect(none).toMatchObject({ code: 0, stderr: expect.stringContaining("no request was recorded yet") });
  expect(none.stdout).toContain("route items");
  writeFileSync(file("empty.ndjson"), "\n");
  const empty = await diff(file("scope.yaml"), "--records", file("empty.ndjson"), ...control);
  expect(empty.stderr).toContain("empty.ndjson has no records");
});

test("more than a page are asked for by route, and what is beyond a page of one is counted", async () => {
  const [first] = records as [RequestRecord];
  const more = Array.from({ length: 250 }, (_, at) => ({
    ...first,
    entry: { ...first.entry, traceId: (at + 10_000).toString(16).padStart(32, "0") },
  }));
  kept = [...more, ...records];
  const { replay } = JSON.parse((await diff(file("scope.yaml"), "--replay", "--json", ...control)).stdout);
  expect(calls.filter((one) => one.includes("route="))).toHaveLength(2);
  expect(replay).toMatchObject({ requests: 300, changed: 100, leftOut: 150 });
});

test("records that another version decided are told to be that", async () => {
  live = documentOf(orders, { ...items, auth: { any: ["login"], scopes: ["admin"] } });
  const { stderr } = await diff(file("same.yaml"), "--replay", ...control);
  expect(stderr).toContain("100 of 200 were decided otherwise than the version before would");
});

test("wrong usage, what is no record, and no control plane", async () => {
  writeFileSync(file("bad.ndjson"), `${JSON.stringify(records[0])}\n{"entry":{"time":"now"}}\n`);
  const wrong: [string[], string][] = [
    [
      [file("new.yaml"), "--records", file("bad.ndjson"), ...control],
      "bad.ndjson:2: no record of a request: entry.time",
    ],
    [[file("new.yaml"), "--records", file("nowhere.ndjson"), ...control], "cannot be read"],
    [[file("new.yaml"), "--records", "a", "--save", "b"], "exclude each other"],
    [["--base", file("base.yaml")], "--base FILE is what another file is compared with"],
    [["--replay"], "say what to compare"],
  ];
  for (const [args, said] of wrong)
    expect(await diff(...args), args.join(" ")).toMatchObject({ code: 2, stderr: expect.stringContaining(said) });
  const closed = ["--control", `http://127.0.0.1:${await freePort()}`, "--token", "t"];
  expect((await diff(file("new.yaml"), "--replay", ...closed)).code).toBe(3);
  expect((await diff("--save", file("x.ndjson"), ...closed)).code).toBe(3);
  expect(() => readFileSync(file("x.ndjson"))).toThrow();
});
