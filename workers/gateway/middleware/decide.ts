import type { DecisionFacts, DecisionSettings } from "../../../shared/auth/decision.ts";
import { SelvageError } from "../../../shared/errors.ts";
import type { DecisionPoints } from "../authority/decision-points.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";

/**
 * Asks the route's decision point, if it has one. After the limits: who is refused there costs no question. What asks is loaded by
 * the first request that needs it.
 */
export function decide(): Stage {
  let points: DecisionPoints | undefined;
  return {
    span: "decide",
    enter: (c) => {
      const settings = c.get("route").auth?.decision;
      if (settings === undefined) return undefined;
      if (points !== undefined) return demandPermission(c, settings, points);
      return import("../authority/decision-points.ts").then(({ DecisionPoints: Points }) => {
        points ??= new Points();
        return demandPermission(c, settings, points);
      });
    },
  };
}

async function demandPermission(
  c: Context<GatewayEnv>,
  settings: DecisionSettings,
  points: DecisionPoints,
): Promise<undefined> {
  const { by } = settings;
  const point = c.get("held").plan.decisions?.[by];
  if (point === undefined) throw new SelvageError("decision_unavailable", `the plan has no decision point ${by}`);
  const evaluation = points.evaluate(settings, point, factsOf(c));
  if ("missing" in evaluation) throw new SelvageError("not_permitted", `${by}: ${evaluation.missing}`);
  const decided = await points.decide(evaluation, point, {
    env: c.env,
    ctx: c.executionCtx,
    identity: c.get("identity"),
    trace: c.get("trace"),
    nowMs: c.get("arrivedAtMs"),
    deadlineAtMs: c.get("deadlineAtMs"),
  });
  if (decided.kind === "decided") {
    if (decided.permitted) return undefined;
    const { reason = "no reason given" } = decided;
    throw new SelvageError("not_permitted", `${by} does not permit it: ${reason}`);
  }
  const reason = `${by}: ${decided.reason}`;
  if (!decided.away || point.onFailure === "closed") throw new SelvageError("decision_unavailable", reason);
  console.warn(JSON.stringify({ kind: "decision", traceId: c.get("trace").traceId, reason, answered: "open" }));
  return undefined;
}

function factsOf(c: Context<GatewayEnv>): DecisionFacts {
  const clientIp = c.get("clientIp");
  const { host, query } = c.get("target");
  return {
    identity: c.get("identity"),
    route: c.get("route").name,
    method: c.req.raw.method,
    host,
    path: c.get("path"),
    params: c.get("params"),
    query,
    headers: Object.fromEntries(c.get("fields")),
    ...(clientIp !== undefined && { clientIp }),
  };
}
