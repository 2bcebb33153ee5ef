/** `selvage check` as a process: formats, exit codes, what is ignored. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSelvage } from "../../support/run-selvage.ts";

let folder: string;
const check = (...args: string[]) => runSelvage(folder, ["check", ...args]);

const text = (more = ""): string => `selvage: 1
name: shop
${more}gateway:
  hosts: [localhost]
  routes: [{ name: users, match: { path: /users }, to: users }]
mesh:
  trustDomain: shop.internal
  services:
    users: { port: 8080 }
`;
const IGNORE = "check: { ignore: [{ code: SLV3011, at: services.users, reason: everybody may }] }\n";

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-check-"));
  writeFileSync(path.join(folder, "selvage.yaml"), text());
  writeFileSync(path.join(folder, "meant.yaml"), text(IGNORE));
  writeFileSync(path.join(folder, "broken.yaml"), text("nmae: x\n"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("several files: each is told, one that is broken makes it 2", async () => {
  const { code, stdout } = await check("-o", "short", "selvage.yaml", "broken.yaml", "meant.yaml");
  expect(code).toBe(2);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.map((line) => line.split(" ")[0])).toEqual([
    "selvage.yaml:9:5:",
    "broken.yaml:3:1:",
    "broken.yaml:10:5:",
  ]);
});

test("without a name it is selvage.yaml; warnings fail when asked to", async () => {
  expect(await check("--fail-on", "warning", "-o", "github")).toEqual({
    code: 1,
    stderr: "",
    stdout: expect.stringMatching(
      /^::warning file=selvage.yaml,line=9,col=5,endColumn=10,title=SLV3011::users has no /,
    ),
  });
});

test("what a document ignores is no finding, and is told as such", async () => {
  expect(await check("--fail-on", "warning", "meant.yaml")).toEqual({
    code: 0,
    stderr: "\nNext: selvage test, then selvage apply meant.yaml\n",
    stdout: "ok meant.yaml: 1 routes, 1 services, 0 errors, 0 warnings, 1 ignored\n",
  });
  const { stdout } = await check("-o", "sarif", "meant.yaml");
  const [result] = JSON.parse(stdout).runs[0].results;
  expect(result.suppressions).toEqual([{ kind: "inSource", justification: "everybody may" }]);
});

test("--ignore, and one that hits nothing", async () => {
  expect((await check("--fail-on", "warning", "--ignore", "SLV3011@services.users")).code).toBe(0);
  const { code, stdout } = await check(
    "--json",
    "--fail-on",
    "warning",
    "--ignore",
    "SLV3011",
    "--ignore",
    "SLV3012@x",
  );
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    valid: true,
    problems: [{ code: "SLV3241" }],
    ignored: [{ code: "SLV3011", ignored: { inDocument: false } }],
  });
});

test("--live: an agent behind is waited for; nobody there is 3, and the document is told all the same", async () => {
  let asked = 0;
  const behind = { instance: "a", service: "users", version: 1, phase: "ready", lastSeenMsAgo: 1 };
  const status = () => ({
    ...{ version: 2, hash: "ff", gateways: [], keys: [] },
    agents: [{ ...behind, state: ++asked > 1 ? "current" : "behind", certificateNotAfterMs: Date.now() + 80_000_000 }],
  });
  const server = createServer(({ url }, response) => {
    const answer = url === "/v1/status" ? status() : url === "/v1/drift" ? { drift: [] } : { document: {} };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const control = ["--control", `http://127.0.0.1:${(server.address() as AddressInfo).port}`, "--token", "t"];
  try {
    const once = await check("--live", "--fail-on", "warning", "meant.yaml", ...control);
    expect(once.code).toBe(1);
    expect(once.stdout).toContain(
      "mesh\n----\n√ 1 agent is connected\n‼ agent users/a serves version 1, not 2 [SLV3251]",
    );
    asked = 0;
    expect((await check("--live", "--wait", "20s", "--fail-on", "warning", "meant.yaml", ...control)).code).toBe(0);
    expect(asked).toBe(2);
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
  const away = await check("--live", "meant.yaml", ...control);
  expect(away).toMatchObject({ code: 3, stdout: expect.stringMatching(/^ok meant.yaml/) });
  expect(away.stderr).toContain("does not answer");
});

test("wrong usage is 2", async () => {
  expect((await check("--wait", "3s", "meant.yaml")).code).toBe(2);
  expect((await check("--ignore", "SLV1", "meant.yaml")).code).toBe(2);
});
