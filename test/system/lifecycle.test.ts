/** Start and stop of the whole system, and what a deployment would upload. */
import { spawn } from "node:child_process";
import { existsSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { ended, freshSettings, processesOf, root, run, startSystem, until } from "../support/system.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function settings(): Promise<Record<string, string>> {
  const fresh = await freshSettings();
  folders.push(fresh.SELVAGE_STATE as string);
  return fresh;
}

describe("npm start", () => {
  test.each(["GATEWAY", "CONTROL", "IDP", "INGRESS"])(
    "with the port of %s taken names its holder and leaves nothing",
    async (part) => {
      const chosen = await settings();
      const holder = createServer();
      const port = Number(chosen[`SELVAGE_${part}_PORT`]);
      await new Promise<void>((done) => holder.listen(port, "127.0.0.1", done));
      const { code, stdout, stderr } = await run(process.execPath, ["scripts/start.ts"], chosen);
      await new Promise((done) => holder.close(done));
      expect(code).toBe(1);
      expect(stdout + stderr).toContain(String(port));
      expect(stdout + stderr).toContain(String(process.pid));
      expect(processesOf(chosen.SELVAGE_STATE as string)).toEqual([]);
    },
  );

  test("ends every child on SIGTERM, also through npm", async () => {
    const chosen = await settings();
    const state = chosen.SELVAGE_STATE as string;
    const child = spawn("npm", ["start"], {
      cwd: root,
      // From the sources, also where the run has bundles.
      env: { ...process.env, ...chosen, SELVAGE_BUILT: "" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const end = ended(child);
    let output = "";
    child.stdout.on("data", (text) => {
      output += text;
    });
    await until("selvage ready", () => /^selvage ready/m.test(output), 60_000);
    expect(processesOf(state).length).toBeGreaterThan(13);
    child.kill("SIGTERM");
    const { stdout, stderr } = await end;
    expect(stderr).toMatch(/^ {2}selvage [\d.]+ · node [\d.]+ · workerd [\d-]+ · offline$/m);
    expect(stderr).toMatch(/^ {2}✓ mesh +\d+ services under their agents +\d+ ms$/m);
    const gateway = `http://127.0.0.1:${chosen.SELVAGE_GATEWAY_PORT}`;
    expect(stdout).toMatch(new RegExp(`^ {2}gateway +${gateway}$`, "m"));
    expect(stdout.split("Try in a second terminal:")[1]).toMatch(
      new RegExp(`curl -i ${gateway}/user/profile[^]*demo:token[^]*selvage explain GET [^]*selvage tap\n`),
    );
    await until("every process has gone", () => processesOf(state).length === 0);
    expect(stdout + stderr).not.toMatch(/ENOTFOUND|EAI_AGAIN|getaddrinfo/);
    // What it was told to keep is still there: a second start serves with the same authority and version.
    expect(statSync(state).mode & 0o777).toBe(0o700);
  });

  test("starts again on what it left, also after SIGKILL", async () => {
    const chosen = await settings();
    const state = chosen.SELVAGE_STATE as string;
    const first = await startSystem(chosen);
    const token = await first.token("alice");
    process.kill(first.pid, "SIGKILL");
    await until("the supervisor has gone", () => !existsSync(`/proc/${first.pid}/fd`));
    const second = await startSystem(chosen);
    expect((await second.get("/load/orders/1", await second.token("alice"))).status).toBe(200);
    expect((await second.get("/load/orders/1", token)).status).toBe(200);
    await second.stop();
    expect(processesOf(state)).toEqual([]);
  });
});

describe("wrangler", () => {
  const offline = {
    WRANGLER_SEND_METRICS: "false",
    CI: "1",
    HTTPS_PROXY: "http://127.0.0.1:9",
    HTTP_PROXY: "http://127.0.0.1:9",
  };

  async function upload(config: string): Promise<{ readonly gzipKib: number; readonly stdout: string }> {
    const wrangler = join(root, "node_modules/wrangler/bin/wrangler.js");
    const args = [wrangler, "deploy", "--dry-run", "-c", config];
    const { code, stdout, stderr } = await run(process.execPath, args, offline);
    expect(code, stderr).toBe(0);
    return { gzipKib: Number(/gzip: ([\d.]+) KiB/.exec(stdout)?.[1]), stdout };
  }

  test.each(["wrangler.toml", "workers/control/wrangler.toml"])("packs %s without a network", async (config) => {
    const { gzipKib } = await upload(config);
    expect(gzipKib).toBeGreaterThan(1);
    expect(gzipKib).toBeLessThan(1024);
  });

  test("takes what npm run build made, module by module", async () => {
    const { code, stderr } = await run(process.execPath, ["scripts/build.ts"], {});
    expect(code, stderr).toBe(0);
    const { stdout } = await upload("dist/gateway/wrangler.toml");
    expect(stdout).toMatch(/condition-\w+\.mjs\W+esm/);
    await upload("dist/control/wrangler.toml");
  });
});
