/** The command line against the running system: check, apply, rollback, status, explain. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { orderLoad } from "../support/outages.ts";
import { root, type System, startSystem, until } from "../support/system.ts";

const FILE = "examples/shop/selvage.yaml";

let system: System;
let token: string;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "selvage-config-"));
  system = await startSystem();
  token = await system.token("alice");
});
afterAll(async () => {
  await system?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The shop's document with an edit. @throws Error when there is nothing to edit */
function edited(name: string, ...edits: readonly (readonly [from: string | RegExp, to: string])[]): string {
  let text = readFileSync(join(root, FILE), "utf8");
  for (const [from, to] of edits) {
    const next = text.replace(from, to);
    if (next === text) throw new Error(`${FILE} has no ${from}`);
    text = next;
  }
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

async function liveVersion(): Promise<number> {
  const { code, stdout } = await system.selvage("status", "--json");
  // 1: an alarm, which a slow machine can cause.
  expect([0, 1]).toContain(code);
  return (JSON.parse(stdout) as { version: number }).version;
}

/** Versions of orders that answer a number of requests in a row. */
async function answering(count: number): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let index = 0; index < count; index++) {
    const response = await system.get(`/load/orders/${index}`, token);
    seen.add(((await response.json()) as { version: string }).version);
  }
  return seen;
}

const ONLY_V2 = [/split: \{ v1: 90, v2: 10 \}/, "split: { v2: 100 }"] as const;

test("check accepts the shop's document", async () => {
  expect((await system.selvage("check", FILE)).code).toBe(0);
});

describe("apply", () => {
  test("refuses a broken document with every error at once, and the old version still serves", async () => {
    const before = await liveVersion();
    const file = edited(
      "broken.yaml",
      [/rateLimit: \{ limit: 100\/minute/, "rateLimit: { limt: 100/minute"],
      [/consecutiveFailures: 3/, "consecutiveFailures: many"],
      [/to: v2 \}/, "to: v3 }"],
    );
    const { code, stdout, stderr } = await system.selvage("apply", file, "--wait");
    expect(code).toBe(2);
    const said = stdout + stderr;
    for (const error of ["limt", "consecutiveFailures", "v3"]) {
      const at = readFileSync(file, "utf8")
        .split("\n")
        .findIndex((line) => line.includes(error) || line.includes(`${error}:`));
      expect(said).toMatch(new RegExp(`broken\\.yaml:${at + 1}:\\d+`));
    }
    expect(said).toMatch(/limit/);
    expect(said).toMatch(/did you mean/i);
    expect(await liveVersion()).toBe(before);
    expect((await system.get("/load/orders/1", token)).status).toBe(200);
  });

  test("of a good one under load: every part has acknowledged when it returns, and the next request obeys", async () => {
    const before = await liveVersion();
    const load = orderLoad(system, token, 100);
    const applied = await system.selvage("apply", edited("good.yaml", ONLY_V2), "--wait");
    expect(applied, applied.stderr).toMatchObject({ code: 0 });
    expect(await answering(30)).toEqual(new Set(["v2"]));
    expect(await liveVersion()).toBe(before + 1);

    const rolledBack = await system.selvage("rollback", String(before), "--wait");
    expect(rolledBack, rolledBack.stderr).toMatchObject({ code: 0 });
    expect(await answering(30)).toContain("v1");
    expect(await liveVersion()).toBe(before + 2);
    expect((await load.stop()).failures).toEqual([]);
  });

  test("a change of the gateway alone is obeyed by the next request", async () => {
    const file = edited("gateway.yaml", [
      /match: \{ path: \/load\/orders\/\* \}/,
      "match: { path: /renamed/orders/* }",
    ]);
    expect((await system.selvage("apply", file, "--wait")).code).toBe(0);
    expect((await system.get("/renamed/orders/1", token)).status).toBe(200);
    expect((await system.get("/load/orders/1", token)).status).toBe(404);
    expect((await system.selvage("apply", FILE, "--wait")).code).toBe(0);
    expect((await system.get("/load/orders/1", token)).status).toBe(200);
  });
});

test("status names every agent and its version", async () => {
  const { code, stdout } = await system.selvage("status");
  expect(code).toBe(0);
  for (const name of ["users-1", "preferences-1", "orders-v1-1", "orders-v1-2", "orders-v2-1", "inventory-1"])
    expect(stdout).toContain(name);
});

test("a secret that the gateway lacks is found, with the line that uses it, and no longer once it is not used", async () => {
  const [from, to] = ["x-request-source: external", `x-request-source: "\${secret:NOT_THERE}"`];
  const file = edited("secret.yaml", [from, to]);
  expect((await system.selvage("apply", file, "--wait")).code).toBe(0);
  expect((await system.get("/api/v2/orders/1", token)).status).toBe(500);
  await until("the gateway has said so", async () => (await system.selvage("status")).stdout.includes("NOT_THERE"));
  const { code, stdout } = await system.selvage("check", FILE, "--live", "--json");
  expect(code).toBe(1);
  const found = JSON.parse(stdout).problems.find((one: { code: string }) => one.code === "SLV3260");
  const line = readFileSync(file, "utf8").split(to)[0]?.split("\n").length;
  expect(found.message).toBe(`secret NOT_THERE is missing at the gateway, used at ${file}:${line}`);
  expect(found.fix).toContain("npx wrangler secret put SECRET_NOT_THERE");
  expect((await system.selvage("apply", FILE, "--wait")).code).toBe(0);
  await until("it has forgotten", async () => !(await system.selvage("status")).stdout.includes("NOT_THERE"));
});

test("the control API answers administrators alone", async () => {
  const status = (token: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${system.port("CONTROL")}/v1/status`, { headers: { authorization: `Bearer ${token}` } });
  const admin = (await system.script("demo-admin")).stdout.trim();
  expect((await status(admin)).status).toBe(200);
  expect((await status(token)).status).toBe(401);
});

describe("roles", () => {
  const owned = [
    [
      "name: shop\n",
      "name: shop\nowners:\n  orders: { paths: [/api/v2/orders/*, /load/*], to: [orders], services: [inventory] }\n",
    ],
    ["    - name: orders\n", "    - name: orders\n      owner: orders\n"],
  ] as const;
  const tokenFor = async (...args: string[]): Promise<{ token: string; jti: string }> => {
    const { code, stdout, stderr } = await system.selvage("token", ...args, "--json");
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout);
  };
  /** With a token of its own: it goes with the address of the local system. */
  const as = (given: { token: string }, ...args: string[]) =>
    system.selvage(...args, "--control", `http://127.0.0.1:${system.port("CONTROL")}`, "--token", given.token);

  test("a viewer sees everything and changes nothing, an owner changes its own part", async () => {
    const base = edited("owned.yaml", ...owned);
    expect((await system.selvage("apply", base, "--wait")).code).toBe(0);
    const before = await liveVersion();
    const viewer = await tokenFor("--role", "viewer", "--sub", "vera");
    const timed = edited("timed.yaml", ...owned, [
      "      to: orders # the path",
      "      timeout: 9s\n      to: orders # the path",
    ]);
    const refused = await as(viewer, "apply", timed);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("refuses the token (403)")]);
    const entry = JSON.parse((await system.selvage("audit", "--act", "call-refused", "--json")).stdout).entries[0];
    expect(entry).toMatchObject({
      by: "vera",
      outcome: "refused",
      detail: expect.stringContaining("POST /v1/config/versions"),
    });

    const owner = await tokenFor("--role", "owner", "--owner", "orders", "--sub", "ci", "--expires", "1h");
    const foreign = edited("foreign.yaml", ...owned, [
      "limit: 100/minute, by: identity, mode: exact",
      "limit: 999/minute, by: identity, mode: exact",
    ]);
    const denied = await as(owner, "apply", foreign);
    expect(denied.code).toBe(1);
    expect(denied.stderr).toMatch(/foreign\.yaml:\d+:\d+ {2}route profile: rateLimit\.limit has no owner/);
    const done = await as(owner, "apply", timed, "--wait");
    expect(done, done.stderr).toMatchObject({ code: 0 });
    expect(await liveVersion()).toBe(before + 1);
    expect((await system.selvage("history", String(before + 1))).stdout).toContain("added  route orders: timeout");
    expect((await system.selvage("token", "--revoke", owner.jti)).stdout).toContain(owner.jti);
    expect((await as(owner, "history")).code).toBe(1);
    expect((await system.selvage("apply", FILE, "--wait")).code).toBe(0);
  });

  test("the audit log is whole, and says so", async () => {
    const { code, stdout, stderr } = await system.selvage("audit", "--verify");
    expect([code, stdout], stderr).toEqual([0, expect.stringMatching(/^entries 1 to \d+ are whole/)]);
    const known = /keep (\d+:[0-9a-f]{64})/.exec(stderr)?.[1] ?? "";
    const other = known.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    expect(await system.selvage("audit", "--verify", "--known", other)).toMatchObject({ code: 1, stdout: "" });
  });
});

describe("explain", () => {
  test("names the route, why others lost, and the line of each policy", async () => {
    const { stdout } = await system.selvage(
      "explain",
      "GET",
      "/api/v2/orders/42",
      "-H",
      `authorization: Bearer ${token}`,
    );
    const line =
      readFileSync(join(root, FILE), "utf8")
        .split("\n")
        .findIndex((text) => text.includes("name: orders")) + 1;
    expect(stdout).toMatch(new RegExp(`selvage\\.yaml:${line}\\b`));
    expect(stdout).toContain("orders");
    expect(stdout).toContain("profile");
  });

  test("by an older version only what differs is shown", async () => {
    const edited = join(folder, "narrowed.yaml");
    writeFileSync(edited, readFileSync(join(root, FILE), "utf8").replace("/api/v2/orders/*", "/api/v9/orders/*"));
    const before = JSON.parse((await system.selvage("status", "--json")).stdout) as { version: number };
    await system.selvage("apply", edited, "--wait");
    const asked = ["explain", "GET", "/api/v2/orders/42", "--as", "alice", "--scope", "orders:read"];
    const { code, stdout } = await system.selvage(...asked, "--at", String(before.version));
    expect(code).toBe(0);
    expect(stdout).toMatch(/- +route +orders\n/);
    expect(stdout).toMatch(/\+ +result +refused: 404/);
    expect(stdout).not.toContain("no difference");
    await system.selvage("rollback", String(before.version), "--wait");
    expect((await system.selvage(...asked, "--at", String(before.version))).stdout).toContain("no difference");
  });

  test("counts nothing", async () => {
    const subject = await system.token("erin");
    const remaining = async (): Promise<string | undefined> =>
      /;r=(\d+)/.exec((await system.get("/user/profile", subject)).headers.get("ratelimit") ?? "")?.[1];
    expect(await remaining()).toBe("99");
    await system.selvage("explain", "GET", "/user/profile", "-H", `authorization: Bearer ${subject}`);
    expect(await remaining()).toBe("98");
  });
});
