/** What the gateway adds to the least that a Worker can do, both on plain `workerd serve` with the same upstream. */

import { writeFileSync } from "node:fs";
import path from "node:path";
import { ControlClient } from "../cli/control-client.ts";
import { applyDocument } from "../cli/local/live-document.ts";
import { freePort } from "../cli/local/ports.ts";
import { type OpenSystem, startWorkers } from "../cli/local/system.ts";
import { AUDIENCE, issuerOf, readKey, signToken } from "../examples/shop/tokens.ts";
import { idpChild } from "../scripts/support/shop.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { compare, cpuRatio, type Round, spreadOf, type Variant } from "./support/compare.ts";
import { openStage, type Stage, startBareForward, startUpstream } from "./support/stage.ts";

const CONNECTIONS = 32;
const variants = ["bare", "forward", "jwt", "limit"] as const;
type Name = (typeof variants)[number];

const what: Record<Name, string> = {
  bare: "bare Worker: forward",
  forward: "gateway: forward",
  jwt: "gateway: JWT, repeated token",
  limit: "gateway: exact limit by address",
};

const bench: Bench = {
  question: "What does the gateway cost above a bare Worker that forwards? (CPU of workerd for each request)",
  run: async (options) => {
    const stage = await openStage();
    try {
      return figures(await measure(stage, options));
    } finally {
      await stage.close();
    }
  },
};
export default bench;

async function measure({ system }: Stage, { quick, say }: BenchOptions): Promise<Map<string, Round[]>> {
  const upstream = await startUpstream(system);
  const bare = await startBareForward(system, upstream);
  const gateway = await startGateway(system, upstream);
  const load = (name: Name): Variant["load"] => ({
    port: name === "bare" ? bare.port : gateway.port,
    path: `/${name}/42`,
    connections: CONNECTIONS,
    headers: name === "jwt" ? { authorization: `Bearer ${gateway.token}` } : {},
  });
  for (const name of variants) await untilServed(load(name));
  const plan = quick
    ? { rounds: 3, durationMs: 1_000, warmUpMs: 500 }
    : { rounds: 7, durationMs: 4_000, warmUpMs: 3_000 };
  say(`${plan.rounds} rounds of ${plan.durationMs / 1000} s for each of ${variants.length} variants`);
  return compare(
    variants.map((name) => ({ name, pids: [name === "bare" ? bare.pid : gateway.pid], load: load(name) })),
    plan,
  );
}

/** The gateway as `selvage serve` runs it, with a route for each variant, and a token that its provider signed. */
async function startGateway(
  system: OpenSystem,
  upstream: number,
): Promise<{ port: number; pid: number; token: string }> {
  const [port, controlPort, idpPort] = [await freePort(), await freePort(), await freePort()];
  const issuer = issuerOf(idpPort);
  await system.supervisor.start(idpChild(system, idpPort));
  const ingressUrl = `http://127.0.0.1:${upstream}`;
  const local = await startWorkers(system, { host: "127.0.0.1", gatewayPort: port, controlPort, ingressUrl });
  const file = path.join(system.state, "selvage.yaml");
  writeFileSync(file, documentOf(upstream, issuer));
  const control = new ControlClient({ url: local.control, token: local.adminToken });
  await applyDocument(control, file, {}, "bench");
  const request = { issuer, subject: "bench", audience: AUDIENCE, scopes: ["bench"], expiresInSeconds: 3600 };
  const token = await signToken(readKey(path.join(system.state, "idp")), request, Date.now());
  const pid = system.supervisor.entries().find(({ name }) => name === "gateway")?.pid ?? 0;
  return { port, pid, token };
}

/** The gateway takes a new plan within its lease. */
async function untilServed({ port, path: target, headers = {} }: Variant["load"]): Promise<void> {
  for (const end = Date.now() + 10_000; ; ) {
    const response = await fetch(`http://127.0.0.1:${port}${target}`, { headers });
    const text = await response.text();
    if (response.ok) return;
    if (Date.now() > end) throw new Error(`${target} answers ${response.status}: ${text}`);
  }
}

function documentOf(upstream: number, issuer: string): string {
  return `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
  identity:
    login: { jwt: { issuer: "${issuer}", audience: ${AUDIENCE} } }
  routes:
    - { name: forward, match: { path: /forward/* }, to: "http://127.0.0.1:${upstream}" }
    - { name: jwt, match: { path: /jwt/* }, auth: login, to: "http://127.0.0.1:${upstream}" }
    - name: limit
      match: { path: /limit/* }
      rateLimit: { limit: 1000000000/minute, by: ip, mode: exact }
      to: "http://127.0.0.1:${upstream}"
mesh:
  trustDomain: bench.internal
  services: { upstream: { port: 8080, access: [{ from: gateway }] } }
`;
}

function figures(rounds: ReadonlyMap<string, readonly Round[]>): Figure[] {
  const of = (name: Name): readonly Round[] => rounds.get(name) ?? [];
  const ratios = variants
    .filter((name) => name !== "bare")
    .map((name) => ({
      name: `${name}_cpu_ratio`,
      what: `${what[name]}, CPU over the bare Worker's`,
      spread: cpuRatio(of(name), of("bare")),
    }));
  const absolutes = variants.flatMap((name) => [
    {
      name: `${name}_cpu_us`,
      what: `${what[name]}, CPU us a request`,
      spread: spreadOf(of(name).map((round) => round.cpuMicrosecondsPerRequest)),
    },
    {
      name: `${name}_rps`,
      what: `${what[name]}, requests/s`,
      spread: spreadOf(of(name).map((round) => round.requestsPerSecond)),
    },
    { name: `${name}_p50_ms`, what: `${what[name]}, p50 ms`, spread: spreadOf(of(name).map((round) => round.p50Ms)) },
  ]);
  return [...ratios, ...absolutes];
}
