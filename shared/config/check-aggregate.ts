/** Checks of composed answers: names of parts, parts that wait for each other, and what they cost the platform. */
import { limits } from "../limits.ts";
import { fetchesAtMost } from "../policy/aggregate-budget.ts";
import { checkAnswer } from "./check-answer.ts";
import { checkPart } from "./check-part.ts";
import { checkPartHoles } from "./check-part-holes.ts";
import type { Cursor } from "./cursor.ts";
import { callsOf, declaresOtherMethods, dependenciesOf } from "./part-call.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

/** First names of holes that are not parts. */
const ROOTS: readonly string[] = ["identity", "path", "query"];

export function checkAggregate(route: Cursor, services: readonly string[]): DocumentProblem[] {
  const [aggregate, answer] = [route.get("aggregate"), route.get("answer")];
  if (!aggregate.exists)
    return answer.exists
      ? [error("SLV3009", answer.path, "`answer` has no meaning without `aggregate`", { at: "key" })]
      : [];
  const parts = aggregate.entries;
  const { partsMax } = limits.aggregate;
  if (typeof aggregate.value === "object" && parts.length === 0)
    return [error("SLV2005", aggregate.path, "`aggregate` has no part")];
  const problems = parts.flatMap(([name, part]) => [
    ...checkPartName(name, part, route),
    ...checkPart(part, services),
    ...checkPartHoles(route, part, aggregate),
  ]);
  if (parts.length > partsMax)
    problems.push(
      error("SLV1003", aggregate.path, `an aggregate has at most ${partsMax} parts, this one has ${parts.length}`),
    );
  return [...problems, ...checkAnswer(route), ...checkCycles(aggregate), ...checkBudget(aggregate)];
}

/** A part goes before what else templates may name; where that would hide something that this route could mean, it is refused. */
function checkPartName(name: string, part: Cursor, route: Cursor): DocumentProblem[] {
  const parts = route.get("aggregate").entries.map(([, one]) => one);
  const hidden: Readonly<Record<string, boolean>> = {
    body: declaresOtherMethods(route),
    item: parts.some((one) => one.get("forEach").exists),
    index: parts.some((one) => one.get("forEach").exists),
    status: parts.some((one) => one.get("when").exists),
    request: parts.some((one) => one.get("when").exists),
    problems: route.get("answer", "problems").value === true,
  };
  if (!ROOTS.includes(name) && !(Object.hasOwn(hidden, name) && hidden[name])) return [];
  return [
    error(
      "SLV2004",
      part.path,
      `a part cannot be called ${quote(name)} here: that name is the request's or the answer's`,
      {
        at: "key",
      },
    ),
  ];
}

function checkCycles(aggregate: Cursor): DocumentProblem[] {
  const names = aggregate.keys;
  const waitsFor = new Map(
    names.map((name) => {
      const { dependsOn, after } = dependenciesOf(aggregate.get(name), names);
      return [name, [...dependsOn, ...after]];
    }),
  );
  const settled = new Set<string>();
  for (let before = -1; before !== settled.size; ) {
    before = settled.size;
    for (const name of names) if (waitsFor.get(name)?.every((other) => settled.has(other))) settled.add(name);
  }
  const cycle = cycleFrom(
    names.find((name) => !settled.has(name)),
    waitsFor,
    settled,
  );
  if (cycle.length === 0) return [];
  const [first = ""] = cycle;
  const at = callsOf(aggregate.get(first))[0]?.at.path ?? [...aggregate.path, first];
  return [error("SLV3005", at, `parts wait for each other: ${[...cycle, first].join(" -> ")}`)];
}

/** One cycle among the parts that never settle: following what they wait for must come back. */
function cycleFrom(
  start: string | undefined,
  waitsFor: ReadonlyMap<string, string[]>,
  settled: ReadonlySet<string>,
): string[] {
  const trail: string[] = [];
  for (let name = start; name !== undefined; name = waitsFor.get(name)?.find((other) => !settled.has(other))) {
    const at = trail.indexOf(name);
    if (at >= 0) return trail.slice(at);
    trail.push(name);
  }
  return [];
}

/** Cloudflare ends a request that fetches more often; workerd elsewhere does not. */
function checkBudget(aggregate: Cursor): DocumentProblem[] {
  const { subrequestsMax, subrequestsFreeMax, subrequestsOwn, fanOut } = limits.aggregate;
  const costs = aggregate.entries.map(([name, part]) => {
    const forEach = part.get("forEach");
    const elements = forEach.exists ? numberOf(forEach.get("max"), fanOut) : 1;
    const fetches = fetchesAtMost(
      elements,
      numberOf(part.get("retries", "attempts"), 0),
      numberOf(part.get("redirects"), 0),
      part.get("cache", "reach").value === "everywhere",
    );
    return { name, fetches };
  });
  const sum = costs.reduce((all, { fetches }) => all + fetches, 0);
  const parts = costs.filter(({ fetches }) => fetches > 1).map(({ name, fetches }) => `${name} ${fetches}`);
  const message = `at worst one request makes ${sum} calls${parts.length > 0 ? ` (${parts.join(", ")})` : ""}`;
  if (sum > subrequestsMax - subrequestsOwn)
    return [
      error(
        "SLV3101",
        aggregate.path,
        `${message}: a Worker has ${subrequestsMax}, of which the gateway needs some itself`,
        {
          at: "key",
          expected: `at most ${subrequestsMax - subrequestsOwn}, by a smaller \`max\` of fan-outs or fewer attempts`,
        },
      ),
    ];
  if (sum <= subrequestsFreeMax - subrequestsOwn) return [];
  return [
    warning("SLV3102", aggregate.path, `${message}: a Worker of Cloudflare's free plan has ${subrequestsFreeMax}`, {
      at: "key",
    }),
  ];
}

function numberOf(at: Cursor, otherwise: number): number {
  return typeof at.value === "number" && Number.isInteger(at.value) && at.value >= 0 ? at.value : otherwise;
}
