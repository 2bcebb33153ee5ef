/** Checks of `breaker`: bounds that decide nothing, or undo each other. */
import { limits } from "../limits.ts";
import { agentlessEndpoints } from "./agentless-endpoints.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, warning } from "./problem.ts";

export function checkBreakers(top: Cursor): DocumentProblem[] {
  const services = top.get("mesh", "services").entries.map(([, service]) => ({
    breaker: service.get("breaker"),
    endpoints: agentlessEndpoints(service)?.length,
  }));
  const upstreams = top.get("gateway", "upstreams").entries.map(([, upstream]) => ({
    breaker: upstream.get("breaker"),
    endpoints: upstream.get("targets").items.length,
  }));
  return [...services, ...upstreams].flatMap(({ breaker, endpoints }) => [
    ...checkShare(breaker, endpoints),
    ...checkPanic(breaker),
    ...checkSuccessRate(breaker.get("successRate")),
    ...checkConnections(breaker),
  ]);
}

/** @param endpoints how many there are; undefined: the document does not say it */
function checkShare(breaker: Cursor, endpoints: number | undefined): DocumentProblem[] {
  const share = breaker.get("maxEjected");
  if (typeof share.value !== "number" || endpoints === undefined || endpoints < 2 || share.value === 0) return [];
  if (share.value * endpoints >= 100) return [];
  const text = `${share.value} percent of ${endpoints} is less than one: this ejects no more than \`maxEjected: 0\`, the one that always may be`;
  return [
    warning("SLV3244", share.path, text, { expected: `at least ${Math.ceil(200 / endpoints)}, for a second one` }),
  ];
}

/** Too few are left to heed ejections before as many are ejected as may be. */
function checkPanic(breaker: Cursor): DocumentProblem[] {
  const panic = breaker.get("panicThreshold");
  const share = breaker.get("maxEjected").value ?? limits.breaker.ejectedPercentMax;
  if (typeof panic.value !== "number" || typeof share !== "number" || panic.value <= 100 - share) return [];
  const text =
    panic.value === 100
      ? "with one ejected instance less than 100 percent are left, so that no ejection is ever heeded"
      : `with ${share} percent ejected (\`maxEjected\`) less than ${panic.value} percent are left, so that all ejections are ignored`;
  return [warning("SLV3244", panic.path, text, { expected: `at most ${100 - share}` })];
}

function checkSuccessRate(rate: Cursor): DocumentProblem[] {
  if (rate.get("percent").value !== 0) return [];
  return ["window", "minRequests"]
    .map((key) => rate.get(key))
    .filter(({ exists }) => exists)
    .map(({ path }) => warning("SLV3244", path, "`percent: 0` turns this off: nothing is counted", { at: "key" }));
}

/** A connection that more requests than may be under way would need is never opened. */
function checkConnections(breaker: Cursor): DocumentProblem[] {
  const [connections, requests] = [breaker.get("maxConnections"), breaker.get("maxRequests")];
  if (typeof connections.value !== "number" || typeof requests.value !== "number") return [];
  if (connections.value <= requests.value) return [];
  const text = `\`maxConnections: ${connections.value}\` is never reached: no more than ${requests.value} requests are under way (\`maxRequests\`)`;
  return [warning("SLV3244", connections.path, text, { expected: `at most ${requests.value}` })];
}
