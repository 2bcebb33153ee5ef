/**
 * What this isolate decides by, and until when it may without asking. Requests share results, never promises: a refresh
 * leaves a mark while it runs and its result in fields, and those who wait look at them by timers of their own.
 */
import { indexRevocations } from "../../../shared/auth/revocations.ts";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { acknowledgeReport, type CounterState, newCounters, takeReport } from "../../../shared/policy/counters.ts";
import type { LeaseAnswer, LeaseRequest } from "../../../shared/wire/gateway-lease.ts";
import type { Env } from "../env.ts";
import type { GatewayTaps } from "../telemetry/gateway-taps.ts";
import { sleep, until, within } from "../upstream/wait.ts";
import { askLease } from "./ask-lease.ts";
import type { HeldCanary } from "./held-canary.ts";
import { type HeldPlan, holdPlan, planHash } from "./held-plan.ts";
import { HopSigner } from "./hop-signer.ts";
import { loadLastGood, saveLastGood } from "./last-good-store.ts";
import { missingSecrets } from "./missing-secrets.ts";
import { importSigningKey } from "./signing-key.ts";

type Wait = Pick<ExecutionContext, "waitUntil">;

export class PlanLease {
  readonly #isolate: string;
  readonly #deployed: GatewayPlan | null;
  readonly #counters: CounterState;
  #held: HeldPlan | undefined;
  #leaseStartMs = 0;
  #leaseEndMs = 0;
  /** Numbers of the last call, and of that whose answer counts. */
  #calls = 0;
  #takenCall = 0;
  /** When the call that runs now began; 0: none runs. */
  #refreshingSinceMs = 0;
  /** Not before this is a control plane asked again that failed; 0: it did not. */
  #retryAtMs = 0;
  #refused: LeaseRequest["refused"];
  /** The control plane said itself that nothing was applied yet. */
  #nothingApplied = false;
  /** A second version that takes a share of the requests; most of the time there is none. */
  canary: HeldCanary | undefined;
  /** Live taps; most of the time there are none. */
  taps: GatewayTaps | undefined;
  /** Until when a request is thought to see to a report; 0: none does. */
  #reportingUntilMs = 0;

  /**
   * @param deployed the plan that the Worker was deployed with, if any
   * @param counters reported with the lease
   */
  constructor(isolate: string, deployed: GatewayPlan | null, counters: CounterState = newCounters()) {
    this.#isolate = isolate;
    this.#deployed = deployed;
    this.#counters = counters;
  }

  /** Sees to it that what is urgent is reported, also when no request comes that would renew the lease. */
  reportSoon(env: Env, ctx: Wait): void {
    const nowMs = Date.now();
    const waitMs = limits.counters.urgentAfterMs;
    if (nowMs < this.#reportingUntilMs && this.#reportingUntilMs <= nowMs + 2 * waitMs) return;
    this.#reportingUntilMs = nowMs + 2 * waitMs;
    ctx.waitUntil(this.#reportAfter(waitMs, env, ctx));
  }

  async #reportAfter(waitMs: number, env: Env, ctx: Wait): Promise<void> {
    await sleep(waitMs);
    this.#reportingUntilMs = 0;
    await until(() => !this.#isRefreshing(Date.now()), limits.gateway.planCallMs);
    // How two versions do is to be known soon.
    this.#counters.urgent ||= this.canary !== undefined;
    if (this.#counters.urgent) await this.#startRefresh(env, ctx, Date.now());
  }

  /** The plan for one request; undefined when there is none anywhere. A promise only when there is something to wait for. */
  take(env: Env, ctx: Wait, nowMs: number): HeldPlan | Promise<HeldPlan | undefined> {
    const held = this.#held;
    if (held === undefined) return this.#takeFirst(env, ctx, nowMs);
    if (nowMs < this.#leaseStartMs - limits.gateway.planClockBackMs) this.#leaseStartMs = this.#leaseEndMs = 0;
    if (nowMs < this.#leaseEndMs) {
      if (nowMs * 2 >= this.#leaseStartMs + this.#leaseEndMs) this.#startRefresh(env, ctx, nowMs);
      return held;
    }
    if (this.#retryAtMs === 0) return this.#takeRefreshed(env, ctx, nowMs, held);
    this.#startRefresh(env, ctx, nowMs);
    return held;
  }

  async #takeRefreshed(env: Env, ctx: Wait, nowMs: number, held: HeldPlan): Promise<HeldPlan> {
    await this.#awaitRefresh(env, ctx, nowMs, limits.gateway.planRefreshWaitMs);
    return this.#held ?? held;
  }

  /** Nothing held yet: the control plane first, then what an isolate before left, then what was deployed. */
  async #takeFirst(env: Env, ctx: Wait, nowMs: number): Promise<HeldPlan | undefined> {
    await this.#awaitRefresh(env, ctx, nowMs, limits.gateway.planRefreshWaitMs);
    if (this.#held === undefined && !this.#nothingApplied) {
      const kept = await within(loadLastGood(env), limits.gateway.planCallMs).catch(warn);
      this.#held ??= kept;
    }
    if (this.#held === undefined && this.#deployed !== null) {
      const hash = await planHash(this.#deployed);
      const deployed = await holdPlan(0, hash, this.#deployed);
      this.#held ??= deployed;
    }
    if (this.#held === undefined && !this.#nothingApplied)
      await this.#awaitRefresh(env, ctx, Date.now(), limits.gateway.planCallMs);
    return this.#held;
  }

  /** Waits for a refresh, its own or that of another request, but never longer than `ms` since that began. */
  async #awaitRefresh(env: Env, ctx: Wait, nowMs: number, ms: number): Promise<void> {
    const own = this.#startRefresh(env, ctx, nowMs);
    if (own !== undefined) await within(own, ms);
    else await until(() => !this.#isRefreshing(Date.now()), this.#refreshingSinceMs + ms - nowMs);
  }

  #startRefresh(env: Env, ctx: Wait, nowMs: number): Promise<void> | undefined {
    const retryInMs = this.#retryAtMs - nowMs;
    if (this.#isRefreshing(nowMs) || (retryInMs > 0 && retryInMs <= limits.gateway.planRetryMs)) return undefined;
    this.#refreshingSinceMs = nowMs;
    const refresh = this.#refresh(env, ctx).finally(() => {
      this.#refreshingSinceMs = 0;
    });
    ctx.waitUntil(refresh);
    return refresh;
  }

  /** A call whose request was broken off leaves its mark behind; it counts no longer than the call may take. */
  #isRefreshing(nowMs: number): boolean {
    return this.#refreshingSinceMs !== 0 && Math.abs(nowMs - this.#refreshingSinceMs) < limits.gateway.planCallMs;
  }

  /** One call, and a second one at once when it changed something, so that the control plane knows. Never fails. */
  async #refresh(env: Env, ctx: Wait): Promise<void> {
    try {
      if (await this.#call(env, ctx)) ctx.waitUntil(this.#call(env, ctx).catch(() => undefined));
      this.#retryAtMs = 0;
    } catch (error) {
      if (this.#retryAtMs === 0) console.warn(JSON.stringify({ kind: "control", reason: String(error) }));
      this.#retryAtMs = Date.now() + limits.gateway.planRetryMs * (0.5 + Math.random() / 2);
    }
  }

  /** @returns whether the control plane has to hear of what came of it */
  async #call(env: Env, ctx: Wait): Promise<boolean> {
    const sentAtMs = Date.now();
    const call = ++this.#calls;
    const answer = await askLease(env, this.#request(env, sentAtMs));
    if (answer.counted !== undefined) acknowledgeReport(this.#counters, answer.counted);
    // An answer that was overtaken by a younger call's must not bring back what that replaced.
    if (call < this.#takenCall) return false;
    this.#takenCall = call;
    this.#nothingApplied = answer.version === 0;
    const before = this.#held;
    const refusedBefore = this.#refused;
    const held = await this.#accept(answer);
    const canaryBefore = this.canary;
    const canary = await canaryOf(answer, held, canaryBefore);
    if (held !== undefined && held !== before) {
      ctx.waitUntil(saveLastGood(env, held, sentAtMs).catch(warn));
      const { artifacts } = held.plan;
      if (artifacts !== undefined && artifacts !== before?.plan.artifacts) ctx.waitUntil(keep(artifacts, env));
    }
    this.taps = await tapsOf(answer, this.taps);
    this.#held = held;
    this.canary = canary;
    if (canary === undefined) canaryBefore?.forget(this.#counters);
    this.#leaseStartMs = sentAtMs;
    this.#leaseEndMs = sentAtMs + Math.min(answer.leaseMs, limits.gateway.planLeaseMs);
    const isNew = held?.version !== before?.version || held?.hash !== before?.hash || answer.ingress !== undefined;
    const hasKeys = held?.signingKey !== before?.signingKey || held?.hop !== before?.hop;
    // An older report was on its way until now.
    const hasMore = answer.counted !== undefined && this.#counters.urgent;
    return isNew || canary?.told !== canaryBefore?.told || hasKeys || hasMore || this.#refused !== refusedBefore;
  }

  #request(env: Env, nowMs: number): LeaseRequest {
    const request: LeaseRequest = { isolate: this.#isolate, version: this.#held?.version ?? 0 };
    if (this.#held !== undefined) request.hash = this.#held.hash;
    const revision = this.#held?.revocations.revision ?? 0;
    if (revision !== 0) request.revocations = revision;
    if (this.#held?.signingKey !== undefined) request.signingKey = this.#held.signingKey.kid;
    if (this.#held?.hop !== undefined) request.hopKey = this.#held.hop.kid;
    if (this.#held?.ingress !== undefined) request.ingress = this.#held.ingress.held;
    if (this.#refused !== undefined) request.refused = this.#refused;
    const canary = this.canary?.reported;
    if (canary !== undefined) request.canary = canary;
    const missing = this.#held === undefined ? [] : missingSecrets(this.#held.plan, env);
    if (missing.length > 0) request.missingSecrets = missing;
    const counted = takeReport(this.#counters, nowMs);
    if (counted !== undefined) request.counted = counted;
    return request;
  }

  /** What to hold after an answer: the same object when nothing changed. */
  async #accept(answer: LeaseAnswer): Promise<HeldPlan | undefined> {
    const held = withRevocations(await this.#acceptPlan(answer), answer);
    return held === undefined ? undefined : withIngress(await withKeys(held, answer), answer);
  }

  async #acceptPlan({ version, plan }: LeaseAnswer): Promise<HeldPlan | undefined> {
    const held = this.#held;
    if (plan === undefined || (version === this.#refused?.version && plan.hash === this.#refused.hash)) return held;
    try {
      const fresh = this.canary?.promoted(version, plan.hash) ?? (await holdPlan(version, plan.hash, plan.gateway));
      this.#refused = undefined;
      if (held === undefined) return fresh;
      const { revocations, signingKey, hop, ingress } = held;
      const keys = { ...(signingKey && { signingKey }), ...(hop && { hop }) };
      return { ...fresh, revocations, ...keys, ...(ingress && { ingress }) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      console.warn(JSON.stringify({ kind: "plan", version, reason }));
      this.#refused = { version, hash: plan.hash, reason: reason.slice(0, limits.wire.refusalCharsMax) };
      return held;
    }
  }
}

/** The module is loaded by the first canary. */
async function canaryOf(
  { canary }: LeaseAnswer,
  held: HeldPlan | undefined,
  before: HeldCanary | undefined,
): Promise<HeldCanary | undefined> {
  if (canary === undefined || held === undefined) return undefined;
  const { HeldCanary: Canary } = await import("./held-canary.ts");
  return Canary.take(canary, held, before);
}

/** The module is loaded by the first tap. */
async function tapsOf({ taps }: LeaseAnswer, before: GatewayTaps | undefined): Promise<GatewayTaps | undefined> {
  const nowMs = Date.now();
  if (taps === undefined || taps.length === 0) return before?.goesOn(nowMs) === true ? before : undefined;
  const { GatewayTaps: Taps } = await import("../telemetry/gateway-taps.ts");
  const told = before ?? new Taps();
  told.tell(taps, nowMs);
  return told;
}

/** The module is loaded by the first plan that needs something: most need nothing. */
async function keep(artifacts: readonly string[], env: Env): Promise<void> {
  const { keepArtifacts } = await import("./artifacts.ts");
  await keepArtifacts(artifacts, env);
}

/** The same object when the keys are those that are held. */
async function withKeys(held: HeldPlan, { signingKey, hopKey }: LeaseAnswer): Promise<HeldPlan> {
  const signing = signingKey === undefined || signingKey.kid === held.signingKey?.kid ? undefined : signingKey;
  const hop = hopKey === undefined || hopKey.kid === held.hop?.kid ? undefined : hopKey;
  if (signing === undefined && hop === undefined) return held;
  return {
    ...held,
    ...(signing && { signingKey: await importSigningKey(signing) }),
    ...(hop && { hop: await HopSigner.import(hop) }),
  };
}

/** The same object when it has been told before: requests under way see the change. The module is loaded by the first answer. */
async function withIngress(held: HeldPlan, { ingress }: LeaseAnswer): Promise<HeldPlan> {
  if (ingress === undefined) return held;
  const known = held.ingress ?? new (await import("./held-ingress.ts")).HeldIngress();
  known.take(ingress);
  return held.ingress === known ? held : { ...held, ingress: known };
}

/** The same object when the list is the one that is held. */
function withRevocations(held: HeldPlan | undefined, { revocations }: LeaseAnswer): HeldPlan | undefined {
  if (held === undefined || revocations === undefined) return held;
  if (revocations.revision === held.revocations.revision) return held;
  return { ...held, revocations: indexRevocations(revocations) };
}

function warn(error: unknown): undefined {
  console.warn(JSON.stringify({ kind: "last-good", reason: String(error) }));
}
