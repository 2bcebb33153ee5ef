/** What the gateway costs above the least that a Worker can do for the same, all on plain `workerd serve` with access logs on. */
import { existsSync } from "node:fs";
import path from "node:path";
import { freePort } from "../cli/local/ports.ts";
import type { OpenSystem } from "../cli/local/system.ts";
import { AUDIENCE, issuerOf, readKey, signToken } from "../examples/shop/tokens.ts";
import { agentChild, idpChild, ingressChild } from "../scripts/support/shop.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { type CompareOptions, middleRatio, type Round, spreadOf } from "./support/compare.ts";
import { runLoad } from "./support/load.ts";
import { NGINX, startNginx } from "./support/nginx.ts";
import { compareRoutes, type Gateway, type Running, startGateway } from "./support/routes.ts";
import { onStage, type Stage, startBare, startUpstream } from "./support/stage.ts";

const names = [
  "bare",
  "hono",
  "logged",
  "duties",
  "forward",
  "policies",
  "pair",
  "aggregate",
  "mesh",
  "nginx",
] as const;
type Name = (typeof names)[number];

const what: Record<Name, string> = {
  bare: "bare Worker: forward",
  hono: "bare Hono: forward",
  logged: "bare Worker: forward, and the line of a log",
  duties: "bare Worker: forward, and what any forward owes",
  forward: "gateway: no policy",
  policies: "gateway: JWT, limit, CORS, header edits",
  pair: "bare Worker: two calls, one answer",
  aggregate: "gateway: aggregate of two calls",
  mesh: "gateway: into the mesh",
  nginx: "nginx: forward",
};

const PLAN: CompareOptions = { rounds: 36, durationMs: 300, warmUpMs: 2_000, fine: true };
/** Offered whatever comes back, far below what each of them bears. */
const LATENCY = {
  ratePerSecond: 1_000,
  thoroughMs: 15_000,
  quickMs: 4_000,
  names: ["bare", "forward", "nginx"],
} as const;
const CONNECTIONS = 32;

const bench: Bench = {
  question: "What does the gateway cost above a Worker that does the same by hand? (CPU at the edge for each request)",
  run: (options) => onStage((stage) => measure(stage, options)),
};
export default bench;

async function measure(stage: Stage, options: BenchOptions): Promise<Figure[]> {
  const { system } = stage;
  const { only = ["cpu", "latency"], quick, say } = options;
  const upstream = await startUpstream(system);
  const bare = await startBare(system, upstream, "forward");
  const issuer = await startIssuer(system);
  const ingress = await freePort();
  const gateway = await startGateway(system, upstream, documentOf(upstream, issuer), { ingress });
  await startMesh(system, gateway, ingress, upstream);
  const peers: Partial<Record<Name, Running>> = {};
  for (const name of ["hono", "logged", "duties", "pair"] as const)
    peers[name] = await startBare(system, upstream, name);
  if (existsSync(NGINX)) peers.nginx = await startNginx(system, upstream);
  else say(`${NGINX} is not installed: measured without it`);
  const variants = names.filter((name) => name !== "nginx" || peers.nginx !== undefined);
  const headers = { policies: { authorization: `Bearer ${await tokenOf(system, issuer)}`, origin: ORIGIN } };
  const plan = { ...PLAN, ...(options.rounds !== undefined && { rounds: options.rounds }) };
  const cpu = only.includes("cpu")
    ? await compareRoutes({ variants, bare, gateway, peers, headers, plan }, options)
    : [];
  const found = cpuFigures(new Map(cpu));
  if (!only.includes("latency")) return found;
  for (const name of LATENCY.names) {
    const { port } = name === "bare" ? bare : (peers[name as Name] ?? gateway);
    if (!variants.includes(name)) continue;
    say(`${what[name]}: ${LATENCY.ratePerSecond} requests/s`);
    found.push(...(await latencyOf(name, port, quick ? LATENCY.quickMs : LATENCY.thoroughMs)));
  }
  return found;
}

async function startIssuer(system: OpenSystem): Promise<string> {
  const port = await freePort();
  await system.supervisor.start(idpChild(system, port));
  return issuerOf(port);
}

function tokenOf(system: OpenSystem, issuer: string): Promise<string> {
  const request = { issuer, subject: "bench", audience: AUDIENCE, scopes: ["bench"], expiresInSeconds: 3600 };
  return signToken(readKey(path.join(system.state, "idp")), request, Date.now());
}

/** An ingress agent, and one beside the upstream. Their cost is not the edge's. */
async function startMesh(
  system: OpenSystem,
  { control, controlUrl }: Gateway,
  ingress: number,
  upstream: number,
): Promise<void> {
  const agentProgram = path.join(import.meta.dirname, "..", "bin", "selvage-agent.mjs");
  const joinToken = async (service: string): Promise<string> => (await control.joinToken({ service })).token;
  const mesh = { system, agentProgram, controlUrl, joinToken };
  await system.supervisor.start(ingressChild(mesh, ingress));
  const instance = { name: "orders-1", service: "orders", version: "bench" };
  const run = ["run", "--port", String(upstream), "--access-log", "none"];
  // The application runs already; whoever the agent starts only stays.
  await system.supervisor.start(agentChild(mesh, instance, run, ["--", "sleep", "86400"]));
}

const ORIGIN = "https://app.bench.example";

function documentOf(upstream: number, issuer: string): string {
  const origin = `http://127.0.0.1:${upstream}`;
  return `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
  cors: { origins: ["${ORIGIN}"], methods: [GET] }
  identity:
    login: { jwt: { issuer: "${issuer}", audience: ${AUDIENCE} } }
  routes:
    - { name: forward, match: { path: /forward/* }, to: "${origin}" }
    - name: policies
      match: { path: /policies/* }
      auth: login
      rateLimit: { limit: 1000000000/minute, by: identity }
      transform:
        request: { headers: { add: { x-request-source: external } } }
        response: { headers: { set: { x-served-by: edge } } }
      to: "${origin}"
    - name: aggregate
      match: { path: /aggregate/* }
      aggregate: { order: { get: "${origin}/orders/42" }, user: { get: "${origin}/users/42" } }
    - { name: mesh, match: { path: /mesh/* }, to: orders }
mesh:
  trustDomain: bench.internal
  services: { orders: { port: 9000, access: [{ from: gateway }] } }
`;
}

function cpuFigures(rounds: ReadonlyMap<string, readonly Round[]>): Figure[] {
  const of = (name: Name): readonly Round[] => rounds.get(name) ?? [];
  const measured = names.filter((name) => rounds.has(name));
  const ratio = (name: Name, peer: Name): Figure => ({
    name: peer === "bare" ? `${name}_cpu_ratio` : `${name}_cpu_over_${peer}`,
    what: `${what[name]}, CPU over ${what[peer]}`,
    spread: middleRatio(of(name), of(peer)),
  });
  const ratios = measured.filter((name) => name !== "bare").map((name) => ratio(name, "bare"));
  const others =
    measured.length === 0 ? [] : [ratio("forward", "logged"), ratio("forward", "duties"), ratio("aggregate", "pair")];
  const absolutes = measured.flatMap((name) => [
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
  ]);
  return [...ratios, ...others, ...absolutes];
}

async function latencyOf(name: Name, port: number, durationMs: number): Promise<Figure[]> {
  const load = { port, path: `/${name}/42`, connections: CONNECTIONS, ratePerSecond: LATENCY.ratePerSecond };
  await runLoad({ ...load, durationMs: durationMs / 3 });
  const { latencyMs } = await runLoad({ ...load, durationMs });
  return (["p50", "p99", "p999"] as const).map((of) => ({
    name: `${name}_${of}_ms`,
    what: `${what[name]}, ${of} ms at ${LATENCY.ratePerSecond} requests/s`,
    spread: spreadOf([latencyMs[of]]),
  }));
}
