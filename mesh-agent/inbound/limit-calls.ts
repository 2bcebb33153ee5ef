/** Holds callers to the service's own limits: those that this instance counts for itself, and those that all instances share. */
import { SelvageError } from "../../shared/errors.ts";
import { policyName, type WouldRefuse } from "../../shared/http/access-log.ts";
import { TEMPORARY_REDUCED_CAPACITY } from "../../shared/http/problem-types.ts";
import { limits } from "../../shared/limits.ts";
import {
  type Caller,
  type CallLimit,
  callLimitKey,
  isMeshLimit,
  type MeshLimit,
  userOfClaims,
} from "../../shared/policy/call-limits.ts";
import {
  endLocal,
  newLocalCounts,
  type TakenLocally,
  takeLocal,
  undoLocal,
  type WantedLocally,
} from "../../shared/policy/local-limits.ts";
import {
  type LimitOutcome,
  limitRefusal,
  rateLimitField,
  rateLimitPolicyField,
  retryAfterSeconds,
} from "../../shared/policy/rate-limit-fields.ts";
import type { Stage } from "../proxy/call.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { InboundCall } from "./inbound-call.ts";
import type { KeptKey, MeshLimits, TakenMesh } from "./mesh-limits.ts";

/** @param mesh counts with all other instances */
export function limitCalls(metrics: Metrics, mesh: MeshLimits): Stage<InboundCall> {
  const counts = newLocalCounts(limits.expose.limitKeysMax);
  return (call, next) => {
    const all = call.plan.plan.inbound?.rateLimits;
    if (all === undefined) {
      next();
      return;
    }
    const said = new Shadows(call, metrics);
    const wanted = wantedBy(call, all, said);
    const taken = takeLocal(counts, wanted.local, Date.now());
    if (taken.refused.length > 0) refuse(call, taken, metrics);
    for (const { name } of taken.wouldRefuse) said.wouldRefuse(name, "limit_exceeded");
    for (const { settings } of wanted.local)
      if (settings.shadow === true && !taken.wouldRefuse.includes(settings)) said.passed(settings.name);
    if (taken.running.length > 0) call.onFinish(() => endLocal(taken));
    if (wanted.mesh.length === 0) next();
    else takeMesh(call, mesh, wanted.mesh, taken, metrics, said, next);
  };
}

/** What limits in shadow would have done. */
class Shadows {
  readonly #call: InboundCall;
  readonly #metrics: Metrics;

  constructor(call: InboundCall, metrics: Metrics) {
    this.#call = call;
    this.#metrics = metrics;
  }

  wouldRefuse(limit: string, error: WouldRefuse["error"]): void {
    this.#metrics.shadows.wouldRefuse(this.#call.facts, { policy: "limit", error, limit });
    this.#metrics.limited("inbound", limit, "shadow");
  }

  passed(limit: string): void {
    this.#metrics.shadows.passed(policyName({ policy: "limit", limit }));
  }
}

interface WantedLimits {
  readonly local: WantedLocally<CallLimit>[];
  readonly mesh: WantedLocally<MeshLimit>[];
}

/** @throws SelvageError what a limit says to a call that lacks a part of its key */
function wantedBy(call: InboundCall, all: readonly CallLimit[], said: Shadows): WantedLimits {
  const caller = callerOf(call);
  const wanted: WantedLimits = { local: [], mesh: [] };
  for (const settings of all) {
    const key = callLimitKey(settings, caller);
    if (typeof key === "string") {
      if (isMeshLimit(settings)) wanted.mesh.push({ settings, key });
      else wanted.local.push({ settings, key });
    } else if (settings.shadow === true) said.wouldRefuse(settings.name, key.code);
    else throw key;
  }
  return wanted;
}

function callerOf({ from, claims, exchange: { head } }: InboundCall): Caller {
  const header = (name: string): string | undefined => {
    const values = head.fields.getAll(name);
    return values.length === 0 ? undefined : values.join(", ");
  };
  const [path = ""] = head.target.split("?", 1);
  return { service: from ?? "", user: userOfClaims(claims), path, header };
}

/** Those in shadow are asked when the others have admitted the call, which does not wait for them. */
function takeMesh(
  call: InboundCall,
  mesh: MeshLimits,
  wanted: readonly WantedLocally<MeshLimit>[],
  local: TakenLocally<CallLimit>,
  metrics: Metrics,
  said: Shadows,
  next: () => void,
): void {
  const keys = wanted.filter(({ settings }) => !settings.shadow).map(({ settings, key }) => mesh.find(settings, key));
  const refusals = keys.flatMap((kept) => mesh.refusal(kept) ?? []);
  // Nothing is asked for or taken where it is known already that the call is refused.
  const taken = refusals.length > 0 ? refusals : keys.map((kept) => mesh.take(kept));
  const goOn = (all: readonly TakenMesh[]): void => {
    decide(call, all, local, metrics);
    for (const { settings, key } of wanted) if (settings.shadow) takeShadow(mesh, mesh.find(settings, key), said);
    next();
  };
  if (taken.every((one) => !(one instanceof Promise))) goOn(taken as TakenMesh[]);
  else void Promise.all(taken).then((all) => later(call, all, goOn));
}

/** A call that is over by then takes nothing. */
function later(call: InboundCall, all: readonly TakenMesh[], goOn: (all: readonly TakenMesh[]) => void): void {
  if (call.finished) {
    for (const { undo } of all) undo();
    return;
  }
  try {
    goOn(all);
  } catch (error) {
    call.fail(error);
  }
}

/** @throws SelvageError limit_exceeded, limiter_unavailable */
function decide(call: InboundCall, all: readonly TakenMesh[], local: TakenLocally<CallLimit>, metrics: Metrics): void {
  const outcomes = all.flatMap(({ settings, verdict }): LimitOutcome<CallLimit>[] =>
    verdict === undefined ? [] : [[settings, verdict]],
  );
  const uncounted = all.filter(({ isUncounted }) => isUncounted).map(({ settings }) => settings.name);
  if (uncounted.length > 0) {
    const { note: before } = call.facts;
    const note = `limit ${uncounted.join(", ")} was not counted over all instances`;
    call.facts.note = before === undefined ? note : `${before}; ${note}`;
  }
  const refused = outcomes.filter(([, { admitted }]) => !admitted);
  const closed = all.filter(({ settings, verdict }) => verdict === undefined && settings.onFailure === "closed");
  if (refused.length + closed.length === 0) return;
  for (const { undo } of all) undo();
  undoLocal(local, Date.now());
  if (refused.length > 0) refuse(call, { outcomes: [...local.outcomes, ...outcomes], refused }, metrics);
  call.addToErrors(["retry-after", "1"]);
  const names = closed.map(({ settings }) => settings.name).join(", ");
  const members = { type: TEMPORARY_REDUCED_CAPACITY };
  throw new SelvageError("limiter_unavailable", `limit ${names} could not be counted`, { members });
}

function takeShadow(mesh: MeshLimits, kept: KeptKey, said: Shadows): void {
  const { settings } = kept;
  const tell = ({ verdict }: TakenMesh): void => {
    if (verdict?.admitted === false) said.wouldRefuse(settings.name, "limit_exceeded");
    else if (verdict === undefined && settings.onFailure === "closed")
      said.wouldRefuse(settings.name, "limiter_unavailable");
    else said.passed(settings.name);
  };
  const taken = mesh.refusal(kept) ?? mesh.take(kept);
  if (taken instanceof Promise) void taken.then(tell);
  else tell(taken);
}

function refuse(
  call: InboundCall,
  { outcomes, refused }: Pick<TakenLocally<CallLimit>, "outcomes" | "refused">,
  metrics: Metrics,
): never {
  for (const [{ name }] of refused) metrics.limited("inbound", name, "enforce");
  call.addToErrors(
    ["retry-after", String(retryAfterSeconds(refused))],
    ["ratelimit-policy", rateLimitPolicyField(outcomes.map(([settings]) => settings))],
    ["ratelimit", rateLimitField(outcomes)],
  );
  throw limitRefusal(refused);
}
