/** Past requests of a whole system, replayed by a document that is to come: exactly those that it changes are told. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RequestRecord } from "../../shared/policy/request-record.ts";
import { controlCalls } from "../../shared/wire/control-calls.ts";
import { type System, startSystem, until } from "../support/system.ts";

const shop = readFileSync(path.resolve(import.meta.dirname, "../../examples/shop/selvage.yaml"), "utf8");
const NAMED = 20;

let system: System;
let file: string;

/** One route more for each of three requests, which does one thing otherwise. */
const CHANGED = `
    - { name: scoped, match: { path: /load/orders/3 }, auth: { any: [login], scopes: ["orders:all"] }, to: orders }
    - { name: limited, match: { path: /load/orders/5 }, auth: login, rateLimit: { limit: 5/minute, by: identity }, to: orders }
    - { name: kept, match: { path: /load/orders/7 }, auth: login, cache: { ttl: 9s, shared: false }, to: orders }
`;

const saved = async (): Promise<RequestRecord[]> => {
  const { stderr, code } = await system.selvage("diff", "--save", path.join(system.state, "kept.ndjson"));
  if (code !== 0) throw new Error(stderr);
  const lines = readFileSync(path.join(system.state, "kept.ndjson"), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
};

// Where the control plane keeps no records there is nothing to replay.
describe.runIf(Object.hasOwn(controlCalls, "GET /v1/records"))("a whole system", () => {
  beforeAll(async () => {
    system = await startSystem();
    file = path.join(system.state, "next.yaml");
    writeFileSync(file, shop.replace("\nmesh:", `${CHANGED}\nmesh:`));
    const token = await system.token("alice");
    for (let at = 0; at < NAMED; at++) await system.get(`/load/orders/${at}`, token);
    for (let at = 0; at < 3; at++) await system.get("/api/v2/orders/1");
    await system.get("/there-is-no-such-route", token);
  });
  afterAll(() => system?.stop());

  test("requests that were made are replayed, and exactly those that change are told", async () => {
    await until("all are kept", async () => {
      await system.get("/there-is-no-such-route");
      const paths = new Set((await saved()).map(({ entry }) => entry.path));
      return Array.from({ length: NAMED }, (_, at) => `/load/orders/${at}`).every((one) => paths.has(one));
    });
    const { stdout, code } = await system.selvage("diff", file, "--replay", "--json", "--exit-code");
    expect(code).toBe(1);
    const { replay } = JSON.parse(stdout);
    expect(replay).toMatchObject({ changed: 3, unexplained: 0 });
    expect(replay.requests).toBeGreaterThan(NAMED + 3);
    interface Group {
      readonly kinds: readonly string[];
      readonly requests: readonly { readonly path: string; readonly sub: string; readonly traceId: string }[];
    }
    const told = replay.groups.flatMap(({ kinds, requests }: Group) =>
      requests.map(({ path: asked, sub }) => `${asked} of ${sub}: ${kinds.join(" ")}`),
    );
    expect(told.sort()).toEqual([
      "/load/orders/3 of alice: route auth outcome",
      "/load/orders/5 of alice: route limit",
      "/load/orders/7 of alice: route cache",
    ]);
  });

  test("the live document changes none of them, with and without the control plane", async () => {
    const live = path.join(system.state, "live.yaml");
    writeFileSync(live, shop);
    const same = await system.selvage("diff", live, "--replay", "--exit-code");
    expect(same).toMatchObject({ code: 0, stdout: expect.stringMatching(/replayed: none changes\n$/) });
    await saved();
    const kept = path.join(system.state, "kept.ndjson");
    expect(readFileSync(kept, "utf8")).not.toMatch(/eyJ[\w-]+\./);
    const alone = await system.selvage("diff", file, "--base", live, "--records", kept, "--exit-code");
    expect(alone).toMatchObject({ code: 1, stdout: expect.stringContaining("replayed: 3 change\n") });
  });
});
