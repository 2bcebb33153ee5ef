/** What finding the route costs with few routes and with many: the decision alone, and a request on plain `workerd serve`. */
import { loadDocument } from "../shared/config/load.ts";
import { compile } from "../shared/plan/compile.ts";
import { compileRoutes, matchRoute, type RouteRequest } from "../shared/route/match-route.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { type CompareOptions, compare, cpuRatio, spreadOf, type Variant } from "./support/compare.ts";
import { startGateway } from "./support/routes.ts";
import { onStage, startUpstream } from "./support/stage.ts";

const COUNTS = [10, 100, 1_000, 10_000] as const;
/** Requests in turn, so that no route is found for having been found just now. */
const REQUESTS = 1_000;
const PLAN: CompareOptions = { rounds: 9, durationMs: 2_000, warmUpMs: 2_000 };
const QUICK: CompareOptions = { rounds: 3, durationMs: 700, warmUpMs: 500 };
const FEW = COUNTS[0];
const MANY = 10_000;

const bench: Bench = {
  question: "What does finding the route of a request cost with 10, 100, 1,000 and 10,000 routes?",
  run: async (options) => {
    const { only = ["match", "serve"] } = options;
    const alone = only.includes("match") ? matching(options) : [];
    return only.includes("serve") ? [...alone, ...(await serving(options))] : alone;
  },
};
export default bench;

/** The decision alone. */
function matching({ quick }: BenchOptions): Figure[] {
  const [rounds, times] = quick ? [5, 50_000] : [15, 300_000];
  const runs = COUNTS.map((count) => ({ count, run: matcherOf(count), nanoseconds: [] as number[] }));
  for (const { run } of runs) run(times);
  for (let round = 0; round < rounds; round++)
    for (const { run, nanoseconds } of runs) nanoseconds.push(nanosecondsOf(() => run(times)) / times);
  const few = runs[0]?.nanoseconds ?? [];
  return [
    ...runs.slice(1).map(({ count, nanoseconds }) => ({
      name: `match_${count}_ratio`,
      what: `match: ${count} routes over ${FEW}`,
      spread: spreadOf(nanoseconds.map((value, at) => value / (few[at] ?? Number.NaN))),
    })),
    ...runs.map(({ count, nanoseconds }) => ({
      name: `match_${count}_ns`,
      what: `match: ${count} routes, ns`,
      spread: spreadOf(nanoseconds),
    })),
  ];
}

function nanosecondsOf(work: () => void): number {
  const before = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - before);
}

function matcherOf(count: number): (times: number) => void {
  const { document, problems } = loadDocument(
    documentOf(count, "http://127.0.0.1:9000"),
    "routes.yaml",
    () => undefined,
  );
  if (document === undefined) throw new Error(problems.map(({ message }) => message).join("\n"));
  const { hosts, routes } = compile(document).gateway;
  const table = compileRoutes(routes, hosts);
  const requests = Array.from({ length: REQUESTS }, (_, at) => requestFor(Math.floor((at * count) / REQUESTS)));
  return (times) => {
    for (let n = 0; n < times; n++) {
      const request = requests[n % REQUESTS] as RouteRequest;
      if (matchRoute(table, request).route === undefined) throw new Error(`no route takes ${request.path}`);
    }
  };
}

function requestFor(at: number): RouteRequest {
  return { host: "127.0.0.1:8787", method: "GET", path: pathOf(at), header: () => undefined };
}

/** What a request costs altogether. */
async function serving({ quick, rounds, say }: BenchOptions): Promise<Figure[]> {
  return onStage((few) =>
    onStage(async (many) => {
      const upstream = await startUpstream(few.system);
      const origin = `http://127.0.0.1:${upstream}`;
      const variants: Variant[] = [];
      for (const [stage, count] of [[few, FEW] as const, [many, MANY] as const]) {
        say(`a gateway with ${count} routes`);
        const { port, pid } = await startGateway(stage.system, upstream, documentOf(count, origin));
        const load = { port, path: pathOf(count - 1), connections: 32 };
        variants.push({ name: String(count), pids: [pid], load });
        await untilServed(`http://127.0.0.1:${port}${load.path}`);
      }
      const plan = quick ? QUICK : PLAN;
      const measured = await compare(variants, { ...plan, rounds: rounds ?? plan.rounds });
      const [first, last] = [measured.get(String(FEW)) ?? [], measured.get(String(MANY)) ?? []];
      return [
        {
          name: "serve_cpu_ratio",
          what: `request: CPU with ${MANY} routes over ${FEW}`,
          spread: cpuRatio(last, first),
        },
      ];
    }),
  );
}

async function untilServed(url: string): Promise<void> {
  for (const end = Date.now() + 20_000; ; ) {
    const response = await fetch(url);
    await response.arrayBuffer();
    if (response.ok) return;
    if (Date.now() > end) throw new Error(`${url} answers ${response.status}`);
  }
}

/** Of every tenth route the middle is a parameter's. */
const pathOf = (at: number): string => (at % 10 === 0 ? `/api/r${at}/42/items` : `/api/v${at % 7}/r${at}/items/42`);

function documentOf(count: number, origin: string): string {
  const routes = Array.from({ length: count }, (_, at) => {
    const path = at % 10 === 0 ? `/api/r${at}/{id}/items` : `/api/v${at % 7}/r${at}/*`;
    return `    - { name: r${at}, match: { path: "${path}", methods: [GET] }, to: "${origin}" }`;
  });
  return `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
  routes:
${routes.join("\n")}
`;
}
