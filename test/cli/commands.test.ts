/** The commands as processes: exit codes, stdout and stderr. What needs a control plane is tested in test/system. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { decodeJwt, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonicalJson } from "../../shared/plan/canonical-json.ts";
import { runSelvage } from "../support/run-selvage.ts";

const root = path.resolve(import.meta.dirname, "../..");
const shop = path.join(root, "examples/shop/selvage.yaml");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `selvage` in an empty folder, with nothing of the surrounding configuration. */
const selvage = (args: readonly string[], environment?: Record<string, string>) =>
  runSelvage(folder, args, environment);

function edited(name: string, from: string, to: string): string {
  const text = readFileSync(shop, "utf8");
  if (!text.includes(from)) throw new Error(`the shop has no ${from}`);
  const file = path.join(folder, name);
  writeFileSync(file, text.replace(from, to));
  return file;
}

/** A server that counts what it is asked and answers the same always. */
/** @param body what every call is answered, or what one is; undefined: 404 */
async function withServer<T>(
  status: number,
  body: string | ((path: string) => string | undefined),
  use: (url: string, calls: string[]) => Promise<T>,
): Promise<T> {
  const calls: string[] = [];
  const server = createServer((request, response) => {
    calls.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    const answer = typeof body === "string" ? body : body(request.url ?? "");
    response.writeHead(answer === undefined ? 404 : status, { "content-type": "application/json" }).end(answer ?? "{}");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe("check", () => {
  test("a good document: 0, on stdout", async () => {
    const { code, stdout, stderr } = await selvage(["check", shop]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: `\nNext: selvage test, then selvage apply ${shop}\n` });
    expect(stdout).toContain("3 routes, 4 services, 0 errors, 0 warnings");
  });
  test("a broken one: 2, frames on stderr, nothing on stdout", async () => {
    const { code, stdout, stderr } = await selvage(["check", edited("broken.yaml", "to: orders #", "too: ordres #")]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("broken.yaml:26:7");
    expect(stderr).toContain("did you mean to?");
  });
  test("--json: the same as data", async () => {
    const { code, stdout } = await selvage(["check", "--json", edited("broken.yaml", "timeout: 10s", "timeout: 10")]);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      valid: false,
      problems: [{ code: "SLV2001", line: 44, column: 16, suggestion: "10s" }],
    });
  });
  test("warnings fail only when asked to", async () => {
    const file = edited("warned.yaml", "users: { port: 8080, access: [{ from: gateway }] }", "users: { port: 8080 }");
    expect((await selvage(["check", file])).code).toBe(0);
    expect((await selvage(["check", "--fail-on", "warning", file])).code).toBe(1);
  });
  test("files that cannot be read: 2", async () => {
    writeFileSync(path.join(folder, "latin1.yaml"), Buffer.from([0x61, 0x3a, 0xe9]));
    for (const file of ["nowhere.yaml", ".", "latin1.yaml"]) expect((await selvage(["check", file])).code).toBe(2);
  });
  test("secrets come from the environment or a private file", async () => {
    const file = edited("secret.yaml", "x-request-source: external", 'x-request-source: "${secret:KEY}"');
    expect((await selvage(["check", file])).stderr).toContain("the secret KEY was not found in the environment");
    expect((await selvage(["check", file], { SECRET_KEY: "v" })).stderr).toMatch(/^\nNext: /);
    const state = mkdtempSync(path.join(folder, "state-"));
    writeFileSync(path.join(state, "secrets"), "KEY=v\n", { mode: 0o600 });
    expect((await selvage(["check", file], { SELVAGE_STATE: state })).stderr).toMatch(/^\nNext: /);
    const open = mkdtempSync(path.join(folder, "state-"));
    writeFileSync(path.join(open, "secrets"), "KEY=v\n", { mode: 0o644 });
    expect(await selvage(["check", file], { SELVAGE_STATE: open })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("chmod 600"),
    });
  });
});

describe("plan and schema", () => {
  test("--json and --out are the canonical bytes", async () => {
    const { stdout } = await selvage(["plan", shop, "--gateway", "--json"]);
    expect(stdout).toBe(`${canonicalJson(JSON.parse(stdout))}\n`);
    const out = path.join(folder, "plan.json");
    expect((await selvage(["plan", shop, "--gateway", "--out", out])).code).toBe(0);
    expect(readFileSync(out, "utf8")).toBe(stdout);
  });
  test("faces", async () => {
    expect(JSON.parse((await selvage(["plan", shop, "--agent", "orders"])).stdout)).toMatchObject({
      service: "orders",
    });
    expect((await selvage(["plan", shop, "--agent", "nobody"])).code).toBe(2);
    expect((await selvage(["plan", shop, "--agent", "orders", "--gateway"])).code).toBe(2);
  });
  test("the schema is a JSON Schema", async () => {
    expect(JSON.parse((await selvage(["schema"])).stdout)).toMatchObject({
      $schema: "http://json-schema.org/draft-07/schema#",
      required: ["selvage", "name"],
    });
  });
});

describe("explain", () => {
  test("0 when it would forward, 1 when not, each step with file and line", async () => {
    const forward = await selvage([
      "explain",
      "GET",
      "/api/v2/orders/42",
      "--file",
      shop,
      "--as",
      "alice",
      "--scope",
      "orders:read",
    ]);
    expect(forward).toMatchObject({ code: 0, stderr: `\nNext: selvage apply ${shop}\n` });
    expect(forward.stdout).toMatch(/route\s+orders\s+\S+selvage\.yaml:19/);
    expect(forward.stdout).toMatch(/access\s+pass\s+\S+selvage\.yaml:48/);
    const refused = await selvage(["explain", "GET", "/api/v2/orders/42", "--file", shop, "--json"]);
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({
      result: { code: "credentials_missing", status: 401 },
      dryRun: true,
      signatureChecked: false,
      fix: expect.stringContaining("--as"),
    });
  });
  test("--expect: 0 when it would end so, 1 with a word when not, 2 for what is no status", async () => {
    const expecting = (status: string) =>
      selvage(["explain", "GET", "/api/v2/orders/42", "--file", shop, "--expect", status]);
    const held = await expecting("401");
    expect(held).toMatchObject({ code: 0, stderr: "" });
    expect(held.stdout).toMatch(/step {6}auth, \S+selvage\.yaml:21\n fix {7}send a credential/);
    expect(await expecting("forward")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("it is: refused: 401"),
    });
    expect(await expecting("often")).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("token", () => {
  const secret = Buffer.alloc(32, 7).toString("base64url");
  test("is signed by the secret and lives as long as it says", async () => {
    const { code, stdout } = await selvage(["token", "--sub", "ana", "--expires", "2h"], {
      SELVAGE_TOKEN_SECRET: secret,
    });
    expect(code).toBe(0);
    const { payload, protectedHeader } = await jwtVerify(stdout.trim(), Buffer.alloc(32, 7), {
      issuer: "selvage",
      audience: "selvage-control",
    });
    expect(payload).toMatchObject({ role: "admin", sub: "ana" });
    expect(protectedHeader).toMatchObject({ alg: "HS256", typ: "selvage-control+jwt" });
    const { iat = 0, exp = 0 } = decodeJwt(stdout.trim());
    expect(exp - iat).toBe(7_200);
  });
  test("needs a secret that is one", async () => {
    const env = { SELVAGE_TOKEN_SECRET: "short" };
    expect(await selvage(["token", "--sub", "a"], env)).toMatchObject({ code: 2, stdout: "" });
  });
  test("without one it is made by the control plane, which is asked for it", async () => {
    expect(await selvage(["token", "--sub", "a"])).toMatchObject({ code: 3, stdout: "" });
    const made = {
      token: "a.b.c",
      jti: "id-1",
      role: "owner",
      sub: "ci",
      owners: ["pay"],
      expiresAtMs: Date.now() + 3_600_000,
    };
    await withServer(201, JSON.stringify(made), async (url, calls) => {
      const asked = ["token", "--role", "owner", "--owner", "pay", "--sub", "ci", "--control", url, "--token", "t"];
      const { code, stdout, stderr } = await selvage(asked);
      expect([code, stdout]).toEqual([0, "a.b.c\n"]);
      expect(stderr).toContain("selvage token --revoke id-1");
      expect(calls).toEqual(["POST /v1/tokens Bearer t"]);
    });
  });
  test("of an owner names what it owns, and others own nothing", async () => {
    for (const args of [
      ["--role", "owner"],
      ["--owner", "pay"],
      ["--role", "root"],
    ])
      expect((await selvage(["token", "--sub", "a", ...args], { SELVAGE_TOKEN_SECRET: secret })).code).toBe(2);
    const { stdout } = await selvage(["token", "--role", "owner", "--owner", "a", "b"], {
      SELVAGE_TOKEN_SECRET: secret,
    });
    expect(decodeJwt(stdout.trim())).toMatchObject({ role: "owner", owners: ["a", "b"], jti: expect.any(String) });
  });
});

describe("the control plane", () => {
  test("none: 3, and how to start one", async () => {
    for (const args of [
      ["status"],
      ["history"],
      ["diff", shop],
      ["audit"],
      ["token", "--list"],
      ["apply", shop],
      ["rollback", "1"],
      ["join-token", "orders"],
      ["explain", "GET", "/"],
    ]) {
      const { code, stderr } = await selvage(args);
      expect({ args, code }).toEqual({ args, code: 3 });
      expect(stderr).toContain("npm start");
    }
  });
  test("one that is away: 3", async () => {
    const url = await withServer(200, "", async (free) => free);
    expect(await selvage(["status", "--control", url, "--token", "t"])).toMatchObject({ code: 3, stdout: "" });
  });
  test("something else that answers: 3", async () => {
    await withServer(200, "<html>", async (url) =>
      expect((await selvage(["status", "--control", url, "--token", "t"])).code).toBe(3),
    );
  });
  test("a refused token: 1", async () => {
    await withServer(401, '{"detail":"Valid credentials are required."}', async (url) =>
      expect(await selvage(["status", "--control", url, "--token", "t"])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("Valid credentials"),
      }),
    );
  });
  test("a broken document is not sent", async () => {
    const file = edited("broken.yaml", "timeout: 10s", "timeout: 10");
    await withServer(201, "{}", async (url, calls) => {
      expect(await selvage(["apply", file, "--control", url, "--token", "t"])).toMatchObject({ code: 2, stdout: "" });
      expect(calls).toEqual([]);
    });
  });
  test("the local system's token goes to the local system only", async () => {
    const state = mkdtempSync(path.join(folder, "state-"));
    await withServer(401, "{}", (local, localCalls) =>
      withServer(401, "{}", async (other, otherCalls) => {
        writeFileSync(
          path.join(state, "local.json"),
          JSON.stringify({ control: local, gateway: local, adminToken: "local-token" }),
        );
        await selvage(["status"], { SELVAGE_STATE: state });
        expect(localCalls).toEqual(["GET /v1/status Bearer local-token"]);
        expect(await selvage(["status", "--control", other], { SELVAGE_STATE: state })).toMatchObject({ code: 2 });
        expect(otherCalls).toEqual([]);
      }),
    );
  });
});

describe("usage", () => {
  test("help is data, wrong usage is not", async () => {
    const help = await selvage(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const name of [
      "check",
      "diff",
      "audit",
      "apply",
      "status",
      "rollback",
      "history",
      "explain",
      "schema",
      "plan",
      "token",
      "join-token",
      "serve",
    ])
      expect(help.stdout).toContain(`  ${name} `);
    expect(await selvage(["aply"])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("Did you mean apply?"),
    });
    for (const args of [
      ["check"],
      ["rollback", "x"],
      ["rollback", "0"],
      ["status", "--nope"],
      ["apply", shop, "--timeout", "10"],
    ])
      expect(await selvage(args)).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("status", () => {
  const quiet = { version: 3, hash: "abc", gateways: [], agents: [], keys: [] };
  const text = "limit `by-ip` of route `login` could not be counted for 312 requests in the last 5 min (answered open)";
  const alarmed = {
    ...quiet,
    alarms: [{ code: "limit_uncounted", text }],
    counters: { windowMs: 300_000, series: [] },
  };
  const askFor = (answers: Record<string, object>, ...args: string[]) =>
    withServer(
      200,
      (path) => answers[path] && JSON.stringify(answers[path]),
      (url) => selvage(["status", "--control", url, "--token", "t", ...args]),
    );
  const ask = (answer: object, ...args: string[]) => askFor({ "/v1/status": answer }, ...args);

  test("is 0 where all is well, also of a control plane that counts nothing yet", async () => {
    expect((await ask({ ...quiet, alarms: [], counters: { windowMs: 1, series: [] } })).code).toBe(0);
    expect((await ask(quiet)).code).toBe(0);
  });

  test("tells what is wrong in a sentence, and ends with 1", async () => {
    const { code, stdout, stderr } = await ask(alarmed);
    expect([code, stderr]).toEqual([1, ""]);
    expect(stdout.trimEnd().split("\n").at(-1)).toBe(`alarm: ${text}`);
  });

  test("names who refuses the live version with the reason, and ends with 1", async () => {
    const isolate = { isolate: "g1", version: 2, state: "refused", reason: "unknown format", leaseEndsInMs: 900 };
    const { code, stdout } = await ask({ ...quiet, gateways: [isolate] });
    expect(code).toBe(1);
    expect(stdout).toMatch(/g1 +2 +refused +900 ms +unknown format/);
    const agent = {
      instance: "o1",
      service: "orders",
      version: 2,
      state: "refused",
      reason: "no room",
      phase: "ready",
      lastSeenMsAgo: 1,
      certificateNotAfterMs: 0,
    };
    expect((await ask({ ...quiet, agents: [agent] })).code).toBe(1);
    expect((await ask({ ...quiet, agents: [{ ...agent, state: "behind" }] })).code).toBe(0);
  });

  test("as JSON, too", async () => {
    const { code, stdout } = await ask(alarmed, "--json");
    expect([code, JSON.parse(stdout)]).toEqual([1, alarmed]);
  });

  test("tells of purges, where the gateway does", async () => {
    const purges = { number: 1_800_000_000_001, floor: 1_800_000_000_000, remembered: 2 };
    const answers = { "/v1/status": quiet, "/v1/cache/purges": purges };
    expect((await askFor(answers)).stdout).toContain(
      "cache: purge 1800000000001 is the last of 2 that are remembered; nothing is served that was stored before 2027-01-15",
    );
    expect(JSON.parse((await askFor(answers, "--json")).stdout)).toEqual({ ...quiet, purges });
    expect((await ask(quiet)).stdout).toContain("the gateway does not tell of purges");
  });

  test("nothing in it can command the terminal", async () => {
    const { stdout } = await ask({ ...quiet, alarms: [{ code: "x", text: "\u001b[2Jgone" }] });
    expect(stdout).not.toContain("\u001b");
  });
});
