/** What each proof of identity adds to a forwarded request, on plain `workerd serve` with the same upstream. */
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { type CompareOptions, cpuRatio, type Round, spreadOf } from "./support/compare.ts";
import type { Fields } from "./support/load.ts";
import { keyMicroseconds } from "./support/own-cpu.ts";
import {
  certificateProof,
  dpopProof,
  introspectionProof,
  jwtProof,
  keyProof,
  type Proof,
  type ProofCase,
  sessionProof,
  signatureProof,
  webhookProof,
} from "./support/proofs.ts";
import { compareRoutes, startGateway } from "./support/routes.ts";
import { onStage, type Stage, startBareForward, startUpstream } from "./support/stage.ts";

/** One entry a proof. `first`: never seen by the isolate before; `repeated`: seen and remembered. */
const cases: readonly ProofCase[] = [
  { name: "forward", what: "gateway: forward, no proof" },
  { name: "jwt", what: "JWT, repeated", proof: () => jwtProof("jwt", "ES256", 1) },
  { name: "jwt_es256", what: "JWT, first, ES256", proof: () => jwtProof("es256", "ES256") },
  { name: "jwt_eddsa", what: "JWT, first, EdDSA", proof: () => jwtProof("eddsa", "EdDSA") },
  { name: "jwt_rs256", what: "JWT, first, RS256", proof: () => jwtProof("rs256", "RS256") },
  { name: "jwt_ps256", what: "JWT, first, PS256", proof: () => jwtProof("ps256", "PS256") },
  { name: "key", what: "API key, repeated", proof: () => keyProof("key", "slv", 1) },
  { name: "key_first", what: "API key, first: one call of its object", proof: () => keyProof("cold", "cold") },
  { name: "opaque", what: "opaque token, repeated", proof: (system) => introspectionProof(system, "opaque", 1) },
  {
    name: "opaque_first",
    what: "opaque token, first: one question",
    proof: (system) => introspectionProof(system, "asked"),
  },
  { name: "dpop", what: "JWT with DPoP, repeated, a new proof each", proof: dpopProof },
  { name: "certificate", what: "client certificate, repeated", proof: () => certificateProof("device", 1) },
  { name: "certificate_first", what: "client certificate, first", proof: () => certificateProof("devices") },
  { name: "session", what: "session of a browser, repeated", proof: sessionProof },
  { name: "signature", what: "HTTP message signature, Ed25519, no content", proof: signatureProof },
  { name: "webhook", what: "Standard Webhook, Ed25519, no content", proof: webhookProof },
];

/** Many short rounds: what else the machine does changes between a proof and its floor, and the median is of the rounds. */
const PLAN: CompareOptions = { rounds: 15, durationMs: 1_000, warmUpMs: 1_500 };

const bench: Bench = {
  question: "What does proving an identity add to a request? (CPU of workerd for each request)",
  run: async (options) => {
    const own = await keyMicroseconds(options.quick ? 3 : 7, options.quick ? 100_000 : 500_000);
    const rounds = await onStage((stage) => measure(stage, options));
    const what = "API key, repeated: its own code, CPU us a request";
    return [...figures(rounds), { name: "key_own_cpu_us", what, spread: spreadOf(own) }];
  },
};
export default bench;

async function measure({ system }: Stage, options: BenchOptions): Promise<Map<string, Round[]>> {
  const upstream = await startUpstream(system);
  const bare = await startBareForward(system, upstream);
  const proofs = new Map<string, Proof | undefined>();
  for (const { name, proof } of cases) proofs.set(name, await proof?.(system));
  const gateway = await startGateway(system, upstream, documentOf(upstream, proofs));
  const headers: Record<string, () => Fields> = {};
  const prepare: Record<string, () => void> = {};
  for (const [name, proof] of proofs) {
    if (proof === undefined) continue;
    const requests = await proof.requests(gateway);
    headers[name] = typeof requests === "function" ? requests : inTurn(requests);
    if (proof.prepare !== undefined) prepare[name] = proof.prepare;
  }
  options.say(`requests for ${proofs.size} cases are made`);
  return compareRoutes({ variants: ["bare", ...proofs.keys()], bare, gateway, headers, prepare, plan: PLAN }, options);
}

/** Goes on where it was over all rounds. */
function inTurn(all: readonly Fields[]): () => Fields {
  let at = 0;
  return () => all[at++ % all.length] as Fields;
}

function documentOf(upstream: number, proofs: ReadonlyMap<string, Proof | undefined>): string {
  const to = `http://127.0.0.1:${upstream}`;
  const routes = [...proofs].map(([name, proof]) => {
    const route = { name, match: { path: `/${name}/*` }, to };
    return proof === undefined ? route : { ...route, auth: proof.auth };
  });
  const identity = Object.assign({}, ...[...proofs.values()].map((proof) => proof?.identity));
  const more = Object.assign({}, ...[...proofs.values()].map((proof) => proof?.gateway));
  return JSON.stringify({ selvage: 1, name: "bench", gateway: { hosts: ["127.0.0.1"], ...more, identity, routes } });
}

function figures(rounds: ReadonlyMap<string, readonly Round[]>): Figure[] {
  const of = (name: string): readonly Round[] => rounds.get(name) ?? [];
  const cpu = (round: Round | undefined): number => round?.cpuMicrosecondsPerRequest ?? Number.NaN;
  const proofs = cases.filter(({ proof }) => proof !== undefined);
  const bare: Figure[] = cases.map(({ name, what }) => ({
    name: `${name}_bare_cpu_ratio`,
    what: `${what}, CPU over the bare Worker's`,
    spread: cpuRatio(of(name), of("bare")),
  }));
  const ratios: Figure[] = proofs.map(({ name, what }) => ({
    name: `${name}_cpu_ratio`,
    what: `${what}, CPU over the gateway's forward`,
    spread: cpuRatio(of(name), of("forward")),
  }));
  const added: Figure[] = proofs.map(({ name, what }) => ({
    name: `${name}_added_cpu_us`,
    what: `${what}, CPU us above the gateway's forward`,
    spread: spreadOf(of(name).map((round, at) => cpu(round) - cpu(of("forward")[at]))),
  }));
  const absolutes: Figure[] = [{ name: "bare", what: "bare Worker: forward" }, ...cases].map(({ name, what }) => ({
    name: `${name}_cpu_us`,
    what: `${what}, CPU us a request`,
    spread: spreadOf(of(name).map(cpu)),
  }));
  return [...ratios, ...bare, ...added, ...absolutes];
}
