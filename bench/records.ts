/** What records of past requests cost the gateway: the same load with them, as by default, and with `records: off`. */
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { compare, cpuRatio, spreadOf, type Variant } from "./support/compare.ts";
import { FORWARD_PATH, forwardDocument, untilServed } from "./support/forward-route.ts";
import { startGateway } from "./support/routes.ts";
import { onStage, type Stage, startUpstream } from "./support/stage.ts";

const CONNECTIONS = 32;
const ways = ["off", "kept"] as const;
type Way = (typeof ways)[number];

const what: Record<Way, string> = {
  off: "records off",
  kept: "records as by default",
};

const bench: Bench = {
  question: "What do records of past requests cost the gateway, by default? (CPU a request)",
  run: (options) => onStage((off) => onStage((kept) => measure({ off, kept }, options))),
};
export default bench;

async function measure(stages: Record<"off" | "kept", Stage>, { quick, rounds, say }: BenchOptions): Promise<Figure[]> {
  const upstream = await startUpstream(stages.off.system);
  const ports = {
    off: await startGateway(stages.off.system, upstream, forwardDocument(upstream, "telemetry: { records: off }\n")),
    kept: await startGateway(stages.kept.system, upstream, forwardDocument(upstream, "")),
  };
  const variants = ways.map((name): Variant => {
    const { port, pid } = ports[name];
    return { name, pids: [pid], load: { port, path: FORWARD_PATH, connections: CONNECTIONS } };
  });
  for (const { load } of variants) await untilServed(load.port);
  const plan = { rounds: rounds ?? (quick ? 3 : 9), durationMs: 1_500, warmUpMs: 2_000 };
  say(`${plan.rounds} rounds of ${plan.durationMs / 1000} s for each of ${variants.length} variants`);
  const measured = await compare(variants, plan);
  return [
    {
      name: "cpu_ratio",
      what: "records by chance, over none",
      spread: cpuRatio(measured.get("kept"), measured.get("off")),
    },
    ...[...measured].map(([name, all]) => ({
      name: `${name}_cpu_us`,
      what: `${what[name as Way]}, CPU us a request`,
      spread: spreadOf(all.map((round) => round.cpuMicrosecondsPerRequest)),
    })),
  ];
}
