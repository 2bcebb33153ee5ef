/** What each proof of identity adds to a forwarded request, on plain `workerd serve` with the same upstream. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { cpuRatio, type Round, spreadOf } from "./support/compare.ts";
import { keyMicroseconds } from "./support/own-cpu.ts";
import { compareRoutes, startGateway } from "./support/routes.ts";
import { newSigner, newWebhookKey } from "./support/signers.ts";
import { onStage, type Stage, startBareForward, startIntrospection, startUpstream } from "./support/stage.ts";

const variants = ["bare", "forward", "key", "opaque", "signature", "webhook"] as const;
type Name = (typeof variants)[number];

const what: Record<Name, string> = {
  bare: "bare Worker: forward",
  forward: "gateway: forward, no proof",
  key: "gateway: API key, known and in use",
  opaque: "gateway: opaque token, introspected and remembered",
  signature: "gateway: HTTP message signature, Ed25519, no content",
  webhook: "gateway: Standard Webhook, Ed25519, no content",
};

const bench: Bench = {
  question: "What does proving an identity add to a request? (CPU of workerd for each request)",
  run: async (options) => {
    const own = await keyMicroseconds(options.quick ? 3 : 7, options.quick ? 100_000 : 500_000);
    return [...(await onStage(async (stage) => figures(await measure(stage, options)))), keyFigure(own)];
  },
};
export default bench;

async function measure({ system }: Stage, options: BenchOptions): Promise<Map<string, Round[]>> {
  const upstream = await startUpstream(system);
  const bare = await startBareForward(system, upstream);
  const issuer = await startIntrospection(system, { active: true, sub: "bench", scope: "bench" });
  writeFileSync(path.join(system.state, "secrets"), "INTROSPECTION=bench\n", { mode: 0o600 });
  const [signer, hooks] = [newSigner(), newWebhookKey()];
  const gateway = await startGateway(
    system,
    upstream,
    documentOf(upstream, {
      key: "apiKey: { header: x-api-key }",
      opaque: `introspection: { issuer: bench, url: "http://127.0.0.1:${issuer}/", bearer: "\${secret:INTROSPECTION}" }`,
      signature: `signature: { keys: [{ keyid: bench, jwk: ${JSON.stringify(signer.jwk)} }], maxAge: 1d, scopes: [bench] }`,
      webhook: `webhook: { publicKeys: ${hooks.publicKey}, tolerance: 1h, scopes: [bench] }`,
    }),
  );
  const { key } = await gateway.control.createKey({ owner: "bench", scopes: ["bench"] });
  const headers = {
    key: { "x-api-key": key },
    opaque: { authorization: "Bearer bench" },
    signature: signer.headers(`127.0.0.1:${gateway.port}`, "/signature/42"),
    webhook: hooks.headers(),
  };
  return compareRoutes({ variants, bare, gateway, headers }, options);
}

function keyFigure(own: readonly number[]): Figure {
  return { name: "key_own_cpu_us", what: `${what.key}: its own code, CPU us a request`, spread: spreadOf(own) };
}

/** @param providers by the variant that asks for them */
function documentOf(upstream: number, providers: Readonly<Record<string, string>>): string {
  const target = `to: "http://127.0.0.1:${upstream}"`;
  const names = Object.keys(providers);
  return `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
  identity:
${names.map((name) => `    ${name}: { ${providers[name]} }`).join("\n")}
  routes:
    - { name: forward, match: { path: /forward/* }, ${target} }
${names.map((name) => `    - { name: ${name}, match: { path: /${name}/* }, auth: { any: [${name}], scopes: [bench] }, ${target} }`).join("\n")}
`;
}

function figures(rounds: ReadonlyMap<string, readonly Round[]>): Figure[] {
  const of = (name: Name): readonly Round[] => rounds.get(name) ?? [];
  const proofs = variants.filter((name) => name !== "bare" && name !== "forward");
  const cpu = (round: Round | undefined): number => round?.cpuMicrosecondsPerRequest ?? Number.NaN;
  const ratios = proofs.flatMap((name) => [
    {
      name: `${name}_cpu_ratio`,
      what: `${what[name]}, CPU over the gateway's forward`,
      spread: cpuRatio(of(name), of("forward")),
    },
    {
      name: `${name}_added_cpu_us`,
      what: `${what[name]}, CPU us above the gateway's forward`,
      spread: spreadOf(of(name).map((round, at) => cpu(round) - cpu(of("forward")[at]))),
    },
    {
      name: `${name}_bare_cpu_ratio`,
      what: `${what[name]}, CPU over the bare Worker's`,
      spread: cpuRatio(of(name), of("bare")),
    },
  ]);
  const absolutes = variants.map((name) => ({
    name: `${name}_cpu_us`,
    what: `${what[name]}, CPU us a request`,
    spread: spreadOf(of(name).map(cpu)),
  }));
  return [...ratios, ...absolutes];
}
