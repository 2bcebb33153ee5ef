/** What the gateway adds to the least that a Worker can do, both on plain `workerd serve` with the same upstream. */

import path from "node:path";
import { freePort } from "../cli/local/ports.ts";
import type { OpenSystem } from "../cli/local/system.ts";
import { AUDIENCE, issuerOf, readKey, signToken } from "../examples/shop/tokens.ts";
import { idpChild } from "../scripts/support/shop.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { cpuRatio, type Round, spreadOf } from "./support/compare.ts";
import { compareRoutes, startGateway } from "./support/routes.ts";
import { onStage, type Stage, startBareForward, startUpstream } from "./support/stage.ts";

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
  run: (options) => onStage(async (stage) => figures(await measure(stage, options))),
};
export default bench;

async function measure({ system }: Stage, options: BenchOptions): Promise<Map<string, Round[]>> {
  const upstream = await startUpstream(system);
  const bare = await startBareForward(system, upstream);
  const issuer = await startIssuer(system);
  const gateway = await startGateway(system, upstream, documentOf(upstream, issuer));
  const request = { issuer, subject: "bench", audience: AUDIENCE, scopes: ["bench"], expiresInSeconds: 3600 };
  const token = await signToken(readKey(path.join(system.state, "idp")), request, Date.now());
  return compareRoutes({ variants, bare, gateway, headers: { jwt: { authorization: `Bearer ${token}` } } }, options);
}

async function startIssuer(system: OpenSystem): Promise<string> {
  const port = await freePort();
  await system.supervisor.start(idpChild(system, port));
  return issuerOf(port);
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
