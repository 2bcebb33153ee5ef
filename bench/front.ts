/** What stands before workerd: nothing, our front, or nginx as people would put it there. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { prepareAgent } from "../cli/local/agent-program.ts";
import { freePort, LOOPBACK } from "../cli/local/ports.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { compare, cpuRatio, type Round, spreadOf, type Variant } from "./support/compare.ts";
import { cpuMicroseconds, residentMebibytes } from "./support/cpu-time.ts";
import { FORWARD_PATH, forwardDocument, untilServed } from "./support/forward-route.ts";
import { hasH2load, runTlsLoad } from "./support/h2load.ts";
import { NGINX, startNginxBefore } from "./support/nginx.ts";
import { startGateway } from "./support/routes.ts";
import { onStage, type Stage, startUpstream } from "./support/stage.ts";

const CONNECTIONS = 32;

const bench: Bench = {
  question:
    "What does the front cost, against workerd alone and against nginx before workerd? (CPU of all of them for each request)",
  run: (options) => onStage((plain) => onStage((fronted) => measure(plain, fronted, options))),
};
export default bench;

type Way = "direct" | "front" | "nginx";

/** One way from a client to the gateway. */
interface Standing {
  readonly port: number;
  readonly tlsPort?: number;
  /** Of what stands before workerd, then of workerd. */
  readonly pids: readonly number[];
}

async function measure(plain: Stage, fronted: Stage, options: BenchOptions): Promise<Figure[]> {
  const ways = await standUp(plain, fronted, options);
  for (const { port } of ways.values()) await untilServed(port);
  const rounds = await comparePlain(ways, options);
  const tls = hasH2load() ? await compareTls(ways, options) : new Map<string, Round[]>();
  return [...ratios(rounds, ""), ...ratios(tls, "_h1"), ...ratios(tls, "_h2"), ...memory(ways)];
}

async function standUp(plain: Stage, fronted: Stage, { say }: BenchOptions): Promise<Map<Way, Standing>> {
  const upstream = await startUpstream(plain.system);
  const document = forwardDocument(upstream);
  const { state } = fronted.system;
  const pem = selfSigned(state);
  const direct = await startGateway(plain.system, upstream, document);
  const [port, tlsPort] = [await freePort(), await freePort()];
  const gateway = await startGateway(fronted.system, upstream, document, {
    front: {
      program: prepareAgent(state),
      listen: [
        { scheme: "http", host: LOOPBACK, port },
        { scheme: "https", host: LOOPBACK, port: tlsPort },
      ],
      redirect: [],
      tlsCert: [pem.cert],
      tlsKey: [pem.key],
    },
  });
  const front = fronted.system.supervisor.entries().find(({ role }) => role === "front")?.pid ?? 0;
  const ways = new Map<Way, Standing>([
    ["direct", { port: direct.port, pids: [direct.pid] }],
    ["front", { port, tlsPort, pids: [front, gateway.pid] }],
  ]);
  if (existsSync(NGINX)) {
    const nginx = await startNginxBefore(plain.system, direct.port, pem);
    ways.set("nginx", { port: nginx.port, tlsPort: nginx.tlsPort, pids: [nginx.pid, direct.pid] });
  } else say(`${NGINX} is not installed: without it`);
  return ways;
}

function selfSigned(folder: string): { readonly cert: string; readonly key: string } {
  const [cert, key] = [path.join(folder, "cert.pem"), path.join(folder, "key.pem")];
  const what = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  execFileSync("openssl", [...what, "-keyout", key, "-out", cert, ...names], { stdio: "ignore" });
  return { cert, key };
}

function comparePlain(ways: ReadonlyMap<Way, Standing>, { quick, say }: BenchOptions): Promise<Map<string, Round[]>> {
  const variants = [...ways].flatMap(([name, { port, pids }]): Variant[] => {
    const load = { port, path: FORWARD_PATH, connections: CONNECTIONS };
    const own = { name: `${name}_own`, pids: pids.slice(0, 1), load };
    return name === "direct" ? [{ name, pids, load }] : [{ name, pids, load }, own];
  });
  const plan = quick
    ? { rounds: 3, durationMs: 1_000, warmUpMs: 500 }
    : { rounds: 7, durationMs: 2_500, warmUpMs: 2_000 };
  say(`plain HTTP/1.1: ${plan.rounds} rounds of ${plan.durationMs / 1000} s for each of ${variants.length} variants`);
  return compare(variants, plan);
}

/** HTTP/1.1 and HTTP/2 over TLS; rounds with a number of requests. */
async function compareTls(
  ways: ReadonlyMap<Way, Standing>,
  { quick, say }: BenchOptions,
): Promise<Map<string, Round[]>> {
  const [rounds, requests] = quick ? [3, 2_000] : [7, 5_000];
  say(`over TLS: ${rounds} rounds of ${requests} requests`);
  const results = new Map<string, Round[]>();
  // The first round warms up.
  for (let round = -1; round < rounds; round++)
    for (const [name, { tlsPort, pids }] of ways)
      for (const [suffix, streams, connections] of tlsPort === undefined ? [] : PROTOCOLS) {
        const before = pids.map((pid) => cpuMicroseconds([pid]));
        const startedAt = performance.now();
        await runTlsLoad({ url: `https://127.0.0.1:${tlsPort}${FORWARD_PATH}`, connections, streams, requests });
        const requestsPerSecond = (requests / (performance.now() - startedAt)) * 1_000;
        const used = pids.map((pid, at) => cpuMicroseconds([pid]) - (before[at] ?? 0));
        if (round < 0) continue;
        const all = used.reduce((sum, one) => sum + one, 0);
        note(results, `${name}${suffix}`, all / requests, requestsPerSecond);
        note(results, `${name}_own${suffix}`, (used[0] ?? 0) / requests, requestsPerSecond);
      }
  return results;
}

const PROTOCOLS = [
  ["_h1", 1, CONNECTIONS],
  ["_h2", 8, CONNECTIONS / 8],
] as const;

function note(
  results: Map<string, Round[]>,
  name: string,
  cpuMicrosecondsPerRequest: number,
  requestsPerSecond: number,
): void {
  const rounds = results.get(name) ?? [];
  rounds.push({ cpuMicrosecondsPerRequest, requestsPerSecond, p50Ms: Number.NaN, p90Ms: Number.NaN });
  results.set(name, rounds);
}

function ratios(rounds: ReadonlyMap<string, readonly Round[]>, suffix: "" | "_h1" | "_h2"): Figure[] {
  const what = { "": "plain", _h1: "HTTP/1.1 over TLS", _h2: "HTTP/2 over TLS" }[suffix];
  const of = (name: string): readonly Round[] | undefined => rounds.get(`${name}${suffix}`);
  const figures: Figure[] = [];
  const ratio = (name: string, text: string, one?: readonly Round[], other?: readonly Round[]): void => {
    if (one !== undefined && other !== undefined)
      figures.push({ name: `${name}${suffix}_cpu_ratio`, what: `${what}: ${text}`, spread: cpuRatio(one, other) });
  };
  ratio("front_direct", "front and workerd over workerd alone", of("front"), of("direct"));
  ratio("nginx_direct", "nginx and workerd over workerd alone", of("nginx"), of("direct"));
  ratio("front_nginx", "front and workerd over nginx and workerd", of("front"), of("nginx"));
  ratio("front_nginx_own", "the front alone over nginx alone", of("front_own"), of("nginx_own"));
  for (const name of ["direct", "front", "front_own", "nginx", "nginx_own"]) {
    const cpu = of(name)?.map((round) => round.cpuMicrosecondsPerRequest);
    if (cpu === undefined) continue;
    figures.push({
      name: `${name}${suffix}_cpu_us`,
      what: `${what}: ${name}, CPU us a request`,
      spread: spreadOf(cpu),
    });
  }
  return figures;
}

function memory(ways: ReadonlyMap<Way, Standing>): Figure[] {
  return [...ways]
    .filter(([name]) => name !== "direct")
    .map(([name, { pids }]) => ({
      name: `${name}_rss_mib`,
      what: `${name} alone, MiB after the load`,
      spread: spreadOf([residentMebibytes(pids.slice(0, 1))]),
    }));
}
