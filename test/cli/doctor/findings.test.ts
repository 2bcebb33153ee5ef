import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkClock } from "../../../cli/doctor/control.ts";
import { checkNode, checkPorts, checkProxy } from "../../../cli/doctor/machine.ts";
import { checkState, isRunning } from "../../../cli/doctor/state.ts";
import { SUPERVISED } from "../../../cli/local/child.ts";
import { freePort } from "../../../cli/local/ports.ts";
import { keepSecret, takeStateFolder } from "../../../cli/local/state-folder.ts";
import { findSecrets } from "../../../cli/secrets.ts";

let state: string;
beforeEach(() => {
  state = mkdtempSync(path.join(tmpdir(), "selvage-doctor-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

test.each([
  ["22.17.9", "warn"],
  ["20.19.0", "warn"],
  ["22.18.0", "ok"],
  ["24.1.0", "ok"],
])("Node %s: %s", (version, verdict) => expect(checkNode(version).verdict).toBe(verdict));

test.each([
  ["as far as the call took", 1_500, "ok", undefined],
  ["a little behind", 1_000 - 4_999, "ok", undefined],
  ["behind", 1_000 - 6_000, "warn", "6 s ahead of"],
  ["before", 2_000 + 7_000, "warn", "7 s behind"],
  ["a day before", 2_000 + 86_400_000, "fail", "1 d behind"],
])("a control plane whose clock is %s", (_, theirMs, verdict, text) => {
  const found = checkClock(theirMs, 1_000, 2_000);
  expect(found.verdict).toBe(verdict);
  if (text !== undefined) expect(found.text).toContain(text);
});

test.each([
  [{}, "ok"],
  [{ HTTP_PROXY: "http://proxy:3128" }, "warn"],
  [{ https_proxy: "http://proxy:3128", no_proxy: "localhost" }, "warn"],
  [{ https_proxy: "http://proxy:3128", no_proxy: "localhost, 127.0.0.1" }, "ok"],
  [{ ALL_PROXY: "socks5://proxy", NO_PROXY: "*" }, "ok"],
])("proxies of %j: %s", (environment, verdict) => expect(checkProxy(environment).verdict).toBe(verdict));

test("ports that others have are named, with how to choose others; those of the local system are its own", async () => {
  const holder = createServer();
  await new Promise<void>((done) => holder.listen(0, "127.0.0.1", done));
  const { port } = holder.address() as { port: number };
  const environment = { SELVAGE_GATEWAY_PORT: String(port), SELVAGE_CONTROL_PORT: String(await freePort()) };
  const [found, ...others] = await checkPorts(environment, false);
  expect(found).toMatchObject({
    verdict: "warn",
    text: expect.stringContaining(`port ${port} of the gateway is taken`),
  });
  expect(found?.fix).toContain("SELVAGE_GATEWAY_PORT");
  expect(others).toEqual([]);
  expect(await checkPorts(environment, true)).toMatchObject([{ verdict: "ok" }]);
  holder.close();
});

describe("the state folder", () => {
  const verdicts = (): Record<string, string> =>
    Object.fromEntries(checkState(state).map(({ what, verdict }) => [what, verdict]));

  test("closed and at rest", () => {
    expect(verdicts()).toEqual({ state: "ok", leftovers: "ok" });
    expect(checkState(path.join(state, "nowhere"))).toMatchObject([{ verdict: "ok" }]);
  });

  test("open keys, and an open folder", () => {
    writeFileSync(path.join(state, "keys.json"), "{}", { mode: 0o644 });
    expect(checkState(state)[0]).toMatchObject({ verdict: "fail", text: expect.stringContaining("keys.json") });
    rmSync(path.join(state, "keys.json"));
    chmodSync(state, 0o755);
    expect(checkState(state)[0]).toMatchObject({ verdict: "fail", fix: expect.stringContaining("chmod") });
  });

  test("a system that runs, and the address of one that died", () => {
    writeFileSync(path.join(state, "local.json"), "{", { mode: 0o600 });
    expect(verdicts()).toEqual({ state: "ok", leftovers: "warn" });
    const free = takeStateFolder(state);
    expect(isRunning(state)).toBe(true);
    expect(verdicts()).toEqual({ state: "ok", leftovers: "ok" });
    free();
    expect(isRunning(state)).toBe(false);
  });

  test.skipIf(process.platform !== "linux")("a process of a system that died", async () => {
    const left = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000); console.log(1)"], {
      env: { ...process.env, [SUPERVISED]: state },
      stdio: ["ignore", "pipe", "ignore"],
    });
    await new Promise((done) => left.stdout.once("data", done));
    const found = checkState(state).find(({ what }) => what === "leftovers");
    expect(found).toMatchObject({ verdict: "fail", fix: expect.stringContaining(`kill ${left.pid}`) });
    left.kill();
    await new Promise((done) => left.once("close", done));
    expect(verdicts().leftovers).toBe("ok");
  });
});

test("a secret is kept in place of its earlier value, and others stay", () => {
  keepSecret(state, "A", "1");
  keepSecret(state, "AB", "22");
  keepSecret(state, "A", "333 = #3");
  const secrets = findSecrets({ SELVAGE_STATE: state });
  expect([secrets.bytes?.("A"), secrets.bytes?.("AB"), secrets.has("B")]).toEqual([8, 2, false]);
  chmodSync(path.join(state, "secrets"), 0o644);
  expect(() => keepSecret(state, "A", "4")).toThrow("chmod 600");
});
