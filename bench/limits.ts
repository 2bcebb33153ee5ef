/** What each mode of a limit adds to a forwarded request, on plain `workerd serve`; beside it what nginx's own limit adds. */
import { existsSync } from "node:fs";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { cpuRatio, type Round, spreadOf } from "./support/compare.ts";
import { NGINX, startNginx } from "./support/nginx.ts";
import { compareRoutes, startGateway } from "./support/routes.ts";
import { onStage, type Stage, startBareForward, startUpstream } from "./support/stage.ts";

const gatewayVariants = ["none", "local", "leased", "exact"] as const;
const nginxVariants = ["nginx", "nginxLimit"] as const;
type Name = (typeof gatewayVariants)[number] | (typeof nginxVariants)[number];

const what: Record<Name, string> = {
  none: "gateway: forward, no limit",
  local: "gateway: limit, local",
  leased: "gateway: limit, leased",
  exact: "gateway: limit, exact",
  nginx: "nginx: forward, no limit",
  nginxLimit: "nginx: forward, limit_req",
};

const bench: Bench = {
  question: "What does a limit add to a request in each mode? (CPU of the process for each request, one hot key)",
  run: (options) => onStage(async (stage) => figures(await measure(stage, options))),
};
export default bench;

async function measure({ system }: Stage, options: BenchOptions): Promise<Map<string, Round[]>> {
  const upstream = await startUpstream(system);
  const bare = await startBareForward(system, upstream);
  const gateway = await startGateway(system, upstream, documentOf(upstream));
  if (!existsSync(NGINX)) {
    options.say(`${NGINX} is not installed: measured without it`);
    return compareRoutes({ variants: gatewayVariants, bare, gateway, headers: {} }, options);
  }
  const running = await startNginx(system, upstream);
  const peers = { nginx: running, nginxLimit: running };
  return compareRoutes(
    { variants: [...gatewayVariants, ...nginxVariants], bare, gateway, peers, headers: {} },
    options,
  );
}

function documentOf(upstream: number): string {
  const limited = (mode: string): string => `    - name: ${mode}
      match: { path: /${mode}/* }
      rateLimit: { limit: 1000000000/minute, by: ip, mode: ${mode} }
      to: "http://127.0.0.1:${upstream}"
`;
  return `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
  routes:
    - { name: none, match: { path: /none/* }, to: "http://127.0.0.1:${upstream}" }
${["local", "leased", "exact"].map(limited).join("")}mesh:
  trustDomain: bench.internal
  services: { upstream: { port: 8080, access: [{ from: gateway }] } }
`;
}

function figures(rounds: ReadonlyMap<string, readonly Round[]>): Figure[] {
  const names = [...rounds.keys()] as Name[];
  const of = (name: Name): readonly Round[] => rounds.get(name) ?? [];
  const ratios = names
    .filter((name) => name !== "none" && name !== "nginx")
    .map((name) => {
      const peer = name === "nginxLimit" ? "nginx" : "none";
      return { name: `${name}_cpu_ratio`, what: `${what[name]}, CPU over none`, spread: cpuRatio(of(name), of(peer)) };
    });
  const absolutes = names.flatMap((name) => [
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
  return [...ratios, ...absolutes];
}
