/** The session of somebody new: init, dev, a request, an edit, a bad edit, check, test, explain, tap; each screen names the next command. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, request as httpRequest, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROCESSES_FILE, type ProcessEntry } from "../../shared/wire/runtime-files.ts";
import { OPENAPI } from "../support/cli-files.ts";
import { runSelvage } from "../support/run-selvage.ts";
import { type Ended, ended, freePorts, processesOf, root, until } from "../support/system.ts";

const folder = join(mkdtempSync(join(tmpdir(), "selvage-first-")), "shop");
const state = join(folder, ".selvage");
const file = join(folder, "selvage.yaml");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let child: ChildProcess;
let over: Promise<Ended>;
let squatter: Server;
let stdout = "";
let stderr = "";
let url = "";

beforeAll(async () => {
  mkdirSync(folder);
  writeFileSync(join(folder, "openapi.yaml"), OPENAPI);
  writeFileSync(join(folder, "compose.yaml"), 'services: { orders: { ports: ["1:80"] } }\n');
  const made = await runSelvage(folder, ["init", "-y"]);
  expect(made).toMatchObject({ code: 0 });
  expect(made.stdout).toMatch(/^Scanning shop {2}found openapi.yaml \(1 operations\), .*compose.yaml/);
  expect(made.stdout).toContain("ok package.json (scripts dev, test, check)");
  expect(made.stderr).toMatch(/^Next: selvage dev --stub$/m);
  const [port = 0, control = 0] = await freePorts(2);
  squatter = createServer();
  await new Promise<void>((done) => squatter.listen(port, "127.0.0.1", done));
  const ports = ["--gateway-port", String(port), "--control-port", String(control)];
  child = spawn(process.execPath, [join(root, "bin/selvage.mjs"), "dev", "--stub", ...ports], {
    cwd: folder,
    env: { ...process.env, SELVAGE_STATE: state, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  over = ended(child);
  child.stdout?.on("data", (text) => {
    stdout += text;
  });
  child.stderr?.on("data", (text) => {
    stderr += text;
  });
  await until(
    () => `dev is ready: ${stderr}`,
    () => stderr.includes("selvage dev ready"),
    60_000,
  );
  url = /gateway +(http:\/\/127\.0\.0\.1:\d+)/.exec(stderr)?.[1] ?? "";
});

afterAll(async () => {
  child?.kill("SIGTERM");
  await over;
  squatter?.close();
  agent.destroy();
  rmSync(join(folder, ".."), { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
  /** Of this side of the connection. */
  readonly port: number | undefined;
}

function get(path: string): Promise<Answer> {
  return new Promise((done, fail) => {
    const sent = httpRequest(url + path, { agent }, (response) => {
      let body = "";
      const port = response.socket.localPort;
      response.on("data", (text) => {
        body += text;
      });
      response.on("end", () => done({ status: response.statusCode ?? 0, headers: response.headers, body, port }));
    });
    sent.on("error", fail).end();
  });
}

function edit(from: string | RegExp, to: string): void {
  const before = readFileSync(file, "utf8");
  const after = before.replace(from, to);
  expect(after).not.toBe(before);
  writeFileSync(`${file}~`, after);
  renameSync(`${file}~`, file);
}

const saidOf = (pattern: RegExp): Promise<string> =>
  until(
    () => `${pattern} in ${stderr}`,
    () => pattern.exec(stderr)?.[0],
  );
const pids = (): number[] =>
  (JSON.parse(readFileSync(join(state, PROCESSES_FILE), "utf8")) as ProcessEntry[]).map(({ pid }) => pid).sort();

test("dev took the next port, names who has the wished one, and says what to try", () => {
  expect(stderr).toMatch(new RegExp(`is taken by pid ${process.pid} .*Using \\d+ instead`));
  expect(stderr).toContain(`Try: curl -i ${url}/v1/orders/1`);
  expect(stderr).toContain("watching     selvage.yaml, openapi.yaml");
  expect(stderr).toMatch(/^ {2}Why: selvage explain GET \/v1\/orders\/1$/m);
});

test("a request is answered by the example of its description, and is a line", async () => {
  const answer = await get("/v1/orders/7");
  expect(answer).toMatchObject({ status: 200, body: '{"id":7,"state":"open"}' });
  expect(answer.headers).toMatchObject({ "content-type": "application/json", "x-selvage-stub": "getOrder" });
  await until(
    () => stdout,
    () => /GET +\/v1\/orders\/7 +200 +\d+ms {2}api +127\.0\.0\.1 +stub:getOrder/.test(stdout),
  );
});

test("what is not described is refused by this setting at this line", async () => {
  expect(await get("/v1/orders/none")).toMatchObject({ status: 400 });
  await until(
    () => stdout,
    () => /\/v1\/orders\/none +400 .*request_invalid \(selvage.yaml:\d+\)/.test(stdout),
  );
});

test("an edit is live at once, in the document's words, on the same processes and connections", async () => {
  const before = pids();
  const { port } = await get("/v1/orders/7");
  edit("100/minute", "50/minute");
  const said = await saidOf(/~ selvage\.yaml {2}version 1 -> 2 in \d+ ms.*kept[\s\S]*?50\/minute/);
  expect(said).toMatch(/1 connection kept/);
  expect(said).toMatch(/rateLimit\.limit +100\/minute -> 50\/minute/);
  expect(await get("/v1/orders/7")).toMatchObject({ port, headers: { "ratelimit-policy": '"ip";q=50;w=60' } });
  expect(pids()).toEqual(before);
});

test("a bad edit keeps what is live and shows where it is wrong", async () => {
  edit("rateLimit:", "rateLimt:");
  const said = await saidOf(/x selvage\.yaml: 1 error[\s\S]*did you mean[^\n]*/);
  expect(said).toContain("version 2 goes on");
  expect(said).toMatch(/error\[SLV2003\]: unknown key "rateLimt"[^\n]*\n +--> selvage\.yaml:\d+:7\n/);
  expect(said).toContain("^^^^^^^^");
  expect(said).toContain("did you mean rateLimit?");
  expect((await get("/v1/orders/7")).headers).toMatchObject({ "ratelimit-policy": '"ip";q=50;w=60' });
  edit("rateLimt:", "rateLimit:");
  await saidOf(/~ selvage\.yaml {2}means the same/);
});

test("a description that changes is one more change", async () => {
  writeFileSync(
    join(folder, "openapi.yaml"),
    OPENAPI.replace("type: integer", "type: string").replace("open }", "new }"),
  );
  await saidOf(/version 2 -> 3 in \d+ ms/);
  expect(await get("/v1/orders/none")).toMatchObject({ status: 200, body: '{"id":7,"state":"new"}' });
});

test("code is rebuilt when it is saved; variables of .dev.vars are secrets", async () => {
  const policy = (word: string): string =>
    `import { definePolicy } from "selvage/policy";\nimport { word } from "./word.ts";\nexport default definePolicy(async (c, next) => { await next(); c.header("x-word", word + "${word}"); });\n`;
  writeFileSync(join(folder, "word.ts"), 'export const word = "a";\n');
  writeFileSync(join(folder, "policy.ts"), policy("1"));
  writeFileSync(join(folder, ".dev.vars"), "WORD=hidden\n");
  edit(
    / {6}rateLimit:.*\n/,
    '      policies: [{ use: policy.ts }]\n      transform: { response: { headers: { set: { x-var: "${env:WORD}" } } } }\n',
  );
  const { port } = await get("/v1/orders/7");
  await saidOf(/version 3 -> 4 in \d+ ms, gateway started anew: its code changed, 1 connection kept/);
  const answer = await get("/v1/orders/7");
  expect(answer).toMatchObject({ port, headers: { "x-word": "a1", "x-var": "hidden" } });
  writeFileSync(join(folder, "word.ts"), 'export const word = "b";\n');
  await saidOf(/means the same, in \d+ ms, gateway started anew: its code changed/);
  expect((await get("/v1/orders/7")).headers).toMatchObject({ "x-word": "b1" });
  expect(processesOf(state).length).toBeGreaterThan(0);
});

test("check, explain and test answer about the same document; a case that fails shows both sides and what says why", async () => {
  const wrong = `cases:\n  - name: wrong\n    request: { url: /v1/orders/7, method: DELETE }\n    expect: { outcome: forward }\n`;
  writeFileSync(join(folder, "wrong.test.yaml"), wrong);
  const run = (...args: string[]) => runSelvage(folder, args, { SELVAGE_STATE: state, WORD: "hidden" });
  const [checked, explained, tested, live] = await Promise.all([
    run("check", "selvage.yaml"),
    run("explain", "GET", "/v1/orders/7"),
    run("test", "selvage.test.yaml", "wrong.test.yaml"),
    run("test", "--live", url),
  ]);
  expect(checked).toMatchObject({ code: 0 });
  expect(checked.stderr).toMatch(/^Next: selvage test, then selvage apply selvage.yaml$/m);
  expect(explained).toMatchObject({ code: 0 });
  expect(explained.stderr).toMatch(/^Next: selvage tap --route api$/m);
  expect(explained.stdout).toMatch(/route +api +selvage\.yaml:\d+/);
  expect(tested).toMatchObject({ code: 1 });
  expect(tested.stdout).toMatch(/wrong\.test\.yaml:4:24 +outcome\n +expected +forward\n +seen +refuse/);
  expect(tested.stdout).toContain("why: selvage explain DELETE /v1/orders/7 --file selvage.yaml");
  expect(tested.stdout).toContain("3 cases: 2 passed, 1 failed");
  expect(live).toMatchObject({ code: 0 });
  expect(live.stdout).toContain("2 passed, 0 failed");
  expect(live.stderr).toMatch(/^Next: selvage apply selvage.yaml$/m);
});

test("a tap shows a request as it comes, and saves it as a case that is judged", async () => {
  const tap = spawn(
    process.execPath,
    [join(root, "bin/selvage.mjs"), "tap", "--route", "api", "--save", "seen.test.yaml"],
    { cwd: folder, env: { ...process.env, SELVAGE_STATE: state, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] },
  );
  const end = ended(tap);
  let rows = "";
  tap.stdout?.on("data", (text) => {
    rows += text;
  });
  await until(
    () => `a row: ${rows}`,
    async () => {
      await get("/v1/orders/7?fields=id");
      return /GET +\/v1\/orders\/7\S* +200/.test(rows);
    },
  );
  tap.kill("SIGINT");
  const { code, stderr: said } = await end;
  expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^Next: selvage test seen.test.yaml$/m) });
  const judged = await runSelvage(folder, ["test", "seen.test.yaml"], { SELVAGE_STATE: state, WORD: "hidden" });
  expect(judged).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Next: /m) });
  expect(judged.stdout).toMatch(/ 0 failed$/m);
});

test("SIGINT ends everything that was started", async () => {
  child.kill("SIGINT");
  expect(await over).toMatchObject({ code: 0 });
  expect(processesOf(state)).toEqual([]);
});
