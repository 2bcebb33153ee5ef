import type { DecisionFacts, DecisionSettings } from "../../../shared/auth/decision.ts";
import { SelvageError } from "../../../shared/errors.ts";
import type { CounterState } from "../../../shared/policy/counters.ts";
import type { DecisionPoints } from "../authority/decision-points.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";
import { notePassed, noteWouldRefuse, workBeside } from "../upstream/would-refuse.ts";

/**
 * Asks the route's decision point, if it has one. After the limits: who is refused there costs no question. What asks is loaded by
 * the first request that needs it. In shadow it is asked beside the request.
 */
export function decide(counters: CounterState): Stage {
  let points: DecisionPoints | undefined;
  return {
    span: "decide",
    enter: (c) => {
      const { auth } = c.get("route");
      const settings = auth?.decision;
      if (settings === undefined) return undefined;
      // Enforced `auth` would not have let it come here, and a decision is about somebody.
      if (auth?.mode === "shadow" && c.get("identity").method === "anonymous") return undefined;
      const facts = factsOf(c);
      const demand = (): Promise<undefined> =>
        points === undefined
          ? import("../authority/decision-points.ts").then(({ DecisionPoints: Points }) => {
              points ??= new Points();
              return demandPermission(c, settings, points, facts);
            })
          : demandPermission(c, settings, points, facts);
      if (auth?.mode !== "shadow" && settings.mode !== "shadow") return demand();
      workBeside(c, [watch(c, demand(), counters)]);
      return undefined;
    },
  };
}

async function watch(c: Context<GatewayEnv>, demanded: Promise<undefined>, counters: CounterState): Promise<void> {
  try {
    await demanded;
    notePassed(c, counters, "decision");
  } catch (cause) {
    const { code: error, reason } =
      cause instanceof SelvageError ? cause : { code: "internal" as const, reason: String(cause) };
    noteWouldRefuse(c, counters, { policy: "decision", error, reason });
  }
}

async function demandPermission(
  c: Context<GatewayEnv>,
  settings: DecisionSettings,
  points: DecisionPoints,
  facts: DecisionFacts,
): Promise<undefined> {
  const { by } = settings;
  const point = c.get("held").plan.decisions?.[by];
  if (point === undefined) throw new SelvageError("decision_unavailable", `the plan has no decision point ${by}`);
  const evaluation = points.evaluate(settings, point, facts);
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
