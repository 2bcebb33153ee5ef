/** What the gateway asks outside, on plain workerd with a real issuer and a real decision point: the examples as they are. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Ended, ended, freePorts, root, run, until } from "../support/system.ts";

const state = mkdtempSync(join(tmpdir(), "selvage-questions-"));
const children: { child: ChildProcess; over: Promise<Ended> }[] = [];
let environment: Record<string, string>;
let upstream: Server;
let gateway = "";
let idp = "";

function start(args: string[], more: Record<string, string> = {}): ChildProcess {
  const env = { ...process.env, ...environment, ...more };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  children.push({ child, over: ended(child) });
  return child;
}

const listens = (url: string) =>
  until(url, () =>
    fetch(url).then(
      () => true,
      () => false,
    ),
  );

beforeAll(async () => {
  upstream = createServer((_, response) => response.end("ok"));
  await new Promise<void>((done) => upstream.listen(0, "127.0.0.1", done));
  const [gatewayPort = 0, control = 0, idpPort = 0, pdp = 0] = await freePorts(4);
  const target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  gateway = `http://127.0.0.1:${gatewayPort}`;
  idp = `http://127.0.0.1:${idpPort}/`;
  environment = {
    SELVAGE_STATE: state,
    NO_COLOR: "1",
    SHOP_ISSUER: idp,
    ORDERS_URL: target,
    DOCUMENTS_URL: target,
    PDP_URL: `http://127.0.0.1:${pdp}`,
    PDP_TOKEN: "system-test",
    SECRET_PDP_TOKEN: "system-test",
    SECRET_INTROSPECTION: "shop-gateway-secret",
  };
  start(["examples/shop/idp.ts"], { PORT: String(idpPort), IDP_STATE: join(state, "idp") });
  start(["examples/authzen/pdp.ts"], { PORT: String(pdp) });
  await Promise.all([listens(idp), listens(`http://127.0.0.1:${pdp}/`)]);
  const ports = ["--gateway-port", String(gatewayPort), "--control-port", String(control)];
  const serve = start(["bin/selvage.mjs", "serve", ...ports, "--document", "examples/introspection/selvage.yaml"]);
  let output = "";
  serve.stdout?.on("data", (text) => {
    output += text;
  });
  await until("selvage ready", () => output.includes("selvage ready"), 60_000);
});
afterAll(async () => {
  for (const { child } of children) child.kill("SIGTERM");
  await Promise.all(children.map(({ over }) => over));
  upstream.close();
  rmSync(state, { recursive: true, force: true });
});

const post = (path: string, form: Record<string, string>) =>
  fetch(idp + path, { method: "POST", body: new URLSearchParams(form) });

async function tokenOf(subject: string, more: Record<string, string> = {}): Promise<string> {
  const form = { grant_type: "urn:selvage:demo:subject", subject, scope: "orders:read orders:write", ...more };
  return ((await (await post("token", form)).json()) as { access_token: string }).access_token;
}

const status = (path: string, token: string, method = "GET"): Promise<number> =>
  fetch(gateway + path, { method, headers: { authorization: `Bearer ${token}` } }).then(async (response) => {
    await response.text();
    return response.status;
  });

test("opaque tokens and JWTs by the issuer's word, until it takes that back", async () => {
  const client = { client_id: "gateway", client_secret: "shop-gateway-secret" };
  const [opaque, jwt] = [await tokenOf("alice", { token_format: "opaque" }), await tokenOf("alice")];
  const foreign = await tokenOf("alice", { token_format: "opaque", audience: "other" });
  for (const token of [opaque, jwt])
    expect([await status("/orders/1", token), await status("/payments/1", token)]).toEqual([200, 200]);
  expect(await status("/orders/1", foreign)).toBe(401);
  expect(await status("/orders/1", `shop_${"x".repeat(32)}`)).toBe(401);
  for (const token of [opaque, jwt]) expect((await post("revoke", { token, ...client })).status).toBe(200);
  // Asked about each time; the other route remembers the one and checks the other by itself.
  for (const token of [opaque, jwt])
    expect([await status("/payments/1", token), await status("/orders/1", token)]).toEqual([401, 200]);
  expect((await post("introspect", { token: opaque })).status).toBe(401);
});

test("a decision point's word, by its own policy, and 503 when it is gone", async () => {
  const applied = await run(
    process.execPath,
    ["bin/selvage.mjs", "apply", "examples/authzen/selvage.yaml", "--wait"],
    environment,
  );
  expect(applied.code, applied.stderr).toBe(0);
  const [alice, bob] = [await tokenOf("alice"), await tokenOf("bob")];
  await until("the document is live", async () => (await status("/documents/1", alice)) === 200);
  expect([await status("/documents/1", bob), await status("/documents/1", bob, "PUT")]).toEqual([200, 403]);
  expect([await status("/documents/1", alice, "PUT"), await status("/documents/9", alice)]).toEqual([200, 403]);
  expect([await status("/reports/a", alice), await status("/reports/a", bob)]).toEqual([200, 403]);
  const pdp = children[1];
  pdp?.child.kill("SIGKILL");
  await pdp?.over;
  expect(await status("/documents/2", alice)).toBe(503);
});
