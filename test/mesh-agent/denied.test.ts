/** Workloads that are revoked, between real agents: requests and tunnels, on both sides, over a restart, and lifted again. */
import { X509Certificate } from "node:crypto";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DeniedPeers } from "../../shared/policy/denial.ts";
import { readState } from "../support/agent-state.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { outboundDefaults, TestControl } from "./support/control-plane.ts";

const fleet = new Fleet();
let control: TestControl;
let caller: TestAgent;
let web: TestAgent;
let db: TestAgent;

beforeAll(async () => {
  control = await TestControl.start();
  // Nobody is ejected, so that what is refused here is refused for the identity alone.
  const breaker = { ...outboundDefaults.breaker, consecutiveFailures: 1_000, ejectForMs: 1_000 };
  control.setPlan("caller", { outbound: { web: { breaker }, db: { breaker, protocol: "tcp" } } });
  control.setPlan("web", {});
  control.setPlan("db", { inbound: { protocol: "tcp" } });
  caller = fleet.run("caller-1", control.joinToken("caller"));
  web = fleet.run("web-1", control.joinToken("web"));
  db = fleet.runFile("tcp-app.ts", "db-1", control.joinToken("db"));
  await Promise.all([caller.ready(), web.ready(), db.ready()]);
  await until("the caller reaches both", async () => (await status()) === 200 && (await echoes()));
}, 60_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

const status = async (): Promise<number> => (await caller.app("/through?url=http%3A%2F%2Fweb.mesh%2F")).status;

async function tunnel(): Promise<Socket> {
  const { tcp } = JSON.parse((await caller.admin("/config")).text) as { tcp: Record<string, string> };
  const socket = connect(Number(tcp.db?.split(":")[1]), "127.0.0.1");
  socket.on("error", () => undefined);
  return socket;
}

/** Whether a connection through the mesh carries something. */
async function echoes(): Promise<boolean> {
  const socket = await tunnel();
  const answer = new Promise<boolean>((resolve) => {
    socket.once("data", () => resolve(true));
    socket.once("close", () => resolve(false));
  });
  socket.write("echo\nhello\n");
  const found = await answer;
  socket.destroy();
  return found;
}

const serialOf = ({ folder }: TestAgent): string => {
  const { certificates } = readState(folder, "identity.json") as { certificates: string[] };
  return new X509Certificate(certificates[0] ?? "").serialNumber;
};

let turn = 0;

/** Waits until every agent has said that it refuses them. */
async function deny(denied: DeniedPeers | undefined, agents: readonly TestAgent[] = [caller, web, db]): Promise<void> {
  control.denied = denied;
  control.trustId = `denied-${++turn}`;
  control.announceTrust();
  const isSaid = ({ name }: TestAgent): boolean =>
    control.heard.some((said) => said.from === name && said.type === "trusts" && said.id === control.trustId);
  await until("all have said so", () => agents.every(isSaid));
}

test.each<[string, () => DeniedPeers]>([
  ["the service that calls", () => ({ services: ["caller"], serials: [] })],
  ["the services that are called", () => ({ services: ["web", "db"], serials: [] })],
  ["the certificate of who calls", () => ({ services: [], serials: [serialOf(caller)] })],
  ["the certificates of who is called", () => ({ services: [], serials: [serialOf(web), serialOf(db)] })],
])("%s: open connections end, new ones are refused, until it is lifted", async (_name, denied) => {
  const open = await tunnel();
  open.write("echo\nhello\n");
  await new Promise((resolve) => open.once("data", resolve));
  const closed = new Promise((resolve) => open.once("close", resolve));
  await deny(denied());
  await closed;
  expect(await status()).toBeGreaterThanOrEqual(500);
  expect(await echoes()).toBe(false);
  await deny(undefined);
  await until("it is as before", async () => (await status()) === 200 && (await echoes()));
});

test("an agent that starts again without a control plane still refuses them", { timeout: 60_000 }, async () => {
  const serials = [serialOf(caller)];
  await deny({ services: [], serials });
  web.kill("SIGKILL");
  await web.ended;
  process.kill(web.runtime.appPid ?? 0, "SIGKILL");
  await control.close();
  const { inbound } = web.runtime.ports;
  web = fleet.run("web-1", undefined, ["--inbound", `127.0.0.1:${inbound}`], web.folder);
  await web.ready();
  expect(web.stdout + web.stderr).toContain("peers_denied");
  // The caller itself denies nobody of web's: it is web that refuses.
  for (let n = 0; n < 3; n++) expect(await status()).toBeGreaterThanOrEqual(500);
  await control.open();
  await until("it is connected again", () => control.isReady("web-1") && control.isReady("caller-1"));
  await deny(undefined, [caller, web]);
  await until("it is as before", async () => (await status()) === 200);
});
