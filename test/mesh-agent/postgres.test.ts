/** PostgreSQL and `psql`, which know nothing of the mesh, through two agents. */
import { execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileBreaker } from "../../shared/plan/compile-balance.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const bin = globSync("/usr/lib/postgresql/*/bin").find((folder) => existsSync(join(folder, "initdb")));
const psql = ["/usr/bin/psql", "/usr/local/bin/psql"].find((path) => existsSync(path));
/** The server refuses to run as root. */
const user = process.getuid?.() === 0 ? 65_534 : undefined;
const there = bin !== undefined && psql !== undefined;
if (!there) console.log("skipped: there is no PostgreSQL on this machine (Debian: postgresql)");

const fleet = new Fleet();
const folder = mkdtempSync(join(tmpdir(), "selvage-postgres-"));
const data = join(folder, "data");
let control: TestControl;
let caller: TestAgent;
let database: TestAgent;
let at: string[];

const as = user === undefined ? {} : { uid: user, gid: user };

describe.skipIf(!there)("PostgreSQL", () => {
  beforeAll(async () => {
    mkdirSync(data);
    if (user !== undefined) for (const path of [folder, data]) chownSync(path, user, user);
    const options = ["-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"];
    execFileSync(join(bin ?? "", "initdb"), options, { ...as, cwd: folder, stdio: "ignore" });
    control = await TestControl.start();
    control.setPlan("caller", { outbound: { db: { protocol: "tcp", breaker: compileBreaker(undefined) } } });
    control.setPlan("db", { inbound: { protocol: "tcp" } });
    const state = fleet.folder();
    const launch = join(import.meta.dirname, "support/as-user.ts");
    const postgres = [join(bin ?? "", "postgres"), "-D", data, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"];
    const command = [process.execPath, launch, String(user ?? ""), ...postgres, "-k", folder];
    const args = ["run", "--state", state, "--instance", "db-1", "--port", "0", "--", ...command];
    database = fleet.start("db-1", state, args, control.joinToken("db"));
    caller = fleet.run("caller-1", control.joinToken("caller"));
    await Promise.all([database.ready(), caller.ready()]);
    await until("the caller knows the database", async () => (await caller.admin("/config")).text.includes("db-1"));
    const config = JSON.parse((await caller.admin("/config")).text) as { tcp: { db: string } };
    at = ["-h", "127.0.0.1", "-p", config.tcp.db.split(":")[1] ?? "", "-U", "postgres", "-X", "-q", "-A", "-t"];
  }, 120_000);

  afterAll(async () => {
    database?.kill("SIGTERM");
    await database?.ended;
    await fleet.end();
    await control?.close();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const ask = (...commands: string[]): string =>
    execFileSync(psql ?? "", [...at, ...commands.flatMap((one) => ["-c", one])], { encoding: "utf8", timeout: 60_000 });

  test("answers queries", () => {
    expect(ask("select 6 * 7", "select current_user")).toBe("42\npostgres\n");
  });

  test("copies 50 MB in and out", () => {
    ask("create table rows (id int, text text)");
    const line = "x".repeat(90);
    const rows = Array.from({ length: 520_000 }, (_, id) => `${id}\t${line}`).join("\n");
    expect(rows.length).toBeGreaterThan(50_000_000);
    execFileSync(psql ?? "", [...at, "-c", "copy rows from stdin"], { input: `${rows}\n`, timeout: 60_000 });
    expect(ask("select count(*), sum(id) from rows")).toBe("520000|135199740000\n");
    const out = execFileSync(psql ?? "", [...at, "-c", "copy (select * from rows order by id) to stdout"], {
      maxBuffer: 100_000_000,
      timeout: 60_000,
    });
    expect(out.length).toBe(rows.length + 1);
    expect(out.equals(Buffer.from(`${rows}\n`))).toBe(true);
  });

  test("notifies a listener that stands still", async () => {
    const listener = spawn(psql ?? "", at, { stdio: ["pipe", "pipe", "inherit"] });
    let heard = "";
    listener.stdout.on("data", (chunk) => {
      heard += chunk;
    });
    listener.stdin.write("listen news;\nselect 'ready';\n");
    await until("it listens", () => heard.includes("ready"));
    ask("notify news, 'hello'");
    listener.stdin.end("select pg_sleep(0.2);\n");
    await until("it was notified", () => heard.includes('"news"') && heard.includes("hello"));
  });

  test("cancels a query, for which psql makes a second connection", async () => {
    const client = spawn(psql ?? "", [...at, "-c", "select pg_sleep(60)"], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    client.stderr.on("data", (chunk) => {
      said += chunk;
    });
    const ended = new Promise((resolve) => client.once("exit", resolve));
    await until(
      "it sleeps",
      () => ask("select count(*) from pg_stat_activity where query like 'select pg_sleep(60)%'") === "1\n",
    );
    client.kill("SIGINT");
    await ended;
    expect(said).toContain("canceling statement due to user request");
  });
});
