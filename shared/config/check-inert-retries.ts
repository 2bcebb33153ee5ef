/** Retries and hedges by which nothing is ever sent: none is allowed, or all that arrives may have an effect. */
import { GATEWAY_SERVICE } from "../identity/spiffe-id.ts";
import { isIdempotent } from "../policy/retry.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, warning } from "./problem.ts";
import { type RouteUse, usesIn } from "./route-targets.ts";

const HEDGED = ["GET", "HEAD", "OPTIONS"];

export function checkInertRetries(top: Cursor): DocumentProblem[] {
  const uses = usesIn(top);
  const places = [...top.get("mesh", "services").entries, ...top.get("gateway", "upstreams").entries];
  return places.flatMap(([name, place]) => {
    const methods = methodsOf(name, place, uses);
    return [
      ...checkNone(place.get("retries")),
      ...checkMethods(place, methods),
      ...checkHedge(place.get("hedge"), methods),
    ];
  });
}

/** All methods that ever arrive; undefined: the document does not say it. */
function methodsOf(name: string, place: Cursor, uses: readonly RouteUse[]): readonly string[] | undefined {
  const access = place.get("access");
  const isUpstream = place.path[1] === "upstreams";
  const isOfGateway = access.exists && access.items.every((rule) => rule.get("from").text === GATEWAY_SERVICE);
  if (place.get("protocol").text === "grpc" || place.get("expose").exists || !(isUpstream || isOfGateway))
    return undefined;
  const own = uses.filter((use) => use.name === name);
  if (own.length === 0 || own.some(({ methods }) => methods === undefined)) return undefined;
  return [...new Set(own.flatMap(({ methods = [] }) => methods))];
}

function checkNone(retries: Cursor): DocumentProblem[] {
  if (retries.get("attempts").value !== 0) return [];
  return ["on", "backoff", "idempotent"]
    .map((key) => retries.get(key))
    .filter(({ exists }) => exists)
    .map(({ path }) =>
      warning("SLV3245", path, `\`${path.at(-1)}\` decides nothing with \`attempts: 0\`: nothing is sent again`, {
        at: "key",
      }),
    );
}

function checkMethods(place: Cursor, methods: readonly string[] | undefined): DocumentProblem[] {
  const [attempts, declared] = [place.get("retries", "attempts"), place.get("retries", "idempotent")];
  if (typeof attempts.value !== "number" || attempts.value === 0 || methods === undefined) return [];
  if ((declared.exists && declared.value !== false) || methods.some(isIdempotent)) return [];
  const text = `only ${methods.join(", ")} arrives here, which may have an effect: what has arrived is never sent again`;
  return [
    warning("SLV3245", attempts.path, text, {
      expected: "`idempotent`, where calls may be carried out twice, or no retries",
    }),
  ];
}

function checkHedge(hedge: Cursor, methods: readonly string[] | undefined): DocumentProblem[] {
  const hedged = hedge.get("methods").exists ? hedge.get("methods").texts : HEDGED;
  if (!hedge.exists || methods === undefined || methods.some((method) => hedged.includes(method))) return [];
  const text = `no hedge is ever sent: only ${methods.join(", ")} arrives here, and it is for ${hedged.join(", ")}`;
  return [
    warning("SLV3071", hedge.path, text, { at: "key", expected: "no `hedge`, or idempotent `methods` that arrive" }),
  ];
}
