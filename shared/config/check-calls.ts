/** What a composed answer costs the platform once upstreams send calls of its parts again. */
import { limits } from "../limits.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, warning } from "./problem.ts";
import { usesOf } from "./route-targets.ts";

/** Retries of parts themselves are counted with the aggregate. */
export function checkCalls(top: Cursor): DocumentProblem[] {
  const { subrequestsMax, subrequestsFreeMax, subrequestsOwn } = limits.aggregate;
  const upstreams = top.get("gateway", "upstreams");
  return top.get("gateway", "routes").items.flatMap((route) => {
    const aggregate = route.get("aggregate");
    const calls = usesOf(route).flatMap(({ name, part }) =>
      part === undefined ? [] : [{ part, name, each: elementsOf(part), attempts: attemptsAt(upstreams.get(name)) }],
    );
    const others = aggregate.keys.length - calls.length;
    const once = others + calls.reduce((sum, { each }) => sum + each, 0);
    const sum = others + calls.reduce((all, { each, attempts }) => all + each * attempts, 0);
    const bound = [subrequestsMax, subrequestsFreeMax].find(
      (max) => sum > max - subrequestsOwn && once <= max - subrequestsOwn,
    );
    if (bound === undefined) return [];
    const most = calls
      .filter(({ attempts }) => attempts > 1)
      .map(({ part, each, attempts }) => `${part.path.at(-1)} ${each * attempts}`);
    const plan = bound === subrequestsFreeMax ? " of Cloudflare's free plan" : "";
    const text = `at worst one request makes ${sum} calls, with retries of upstreams (${most.join(", ")}): a Worker${plan} has ${bound}`;
    return [
      warning("SLV3249", aggregate.path, text, {
        at: "key",
        expected: "fewer `attempts` there, or a smaller `max` of fan-outs",
      }),
    ];
  });
}

function elementsOf(part: Cursor): number {
  const each = part.get("forEach");
  return each.exists ? numberOf(each.get("max"), limits.aggregate.fanOut) : 1;
}

/** Services of the mesh send again behind the gateway. */
function attemptsAt(upstream: Cursor): number {
  if (!upstream.exists) return 1;
  const hedges = upstream.get("hedge").exists ? numberOf(upstream.get("hedge", "max"), 1) : 0;
  return 1 + numberOf(upstream.get("retries", "attempts"), limits.agent.retriesDefault) + hedges;
}

const numberOf = ({ value }: Cursor, otherwise: number): number => (typeof value === "number" ? value : otherwise);
