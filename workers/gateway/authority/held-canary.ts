/**
 * The second of two versions, as an isolate holds it while it takes a share of the requests: which of them it decides, and what
 * became of the requests of both. Loaded with the first canary.
 */
import { findClientAddress } from "../../../shared/http/client-ip.ts";
import { limits } from "../../../shared/limits.ts";
import { type CanaryRequest, choosesCanary } from "../../../shared/policy/canary-choice.ts";
import { type CounterState, type Series, seriesKey, seriesOf } from "../../../shared/policy/counters.ts";
import { type ToldCanary, toldCanarySchema } from "../../../shared/wire/canary.ts";
import type { LeaseRequest } from "../../../shared/wire/gateway-lease.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { type HeldPlan, holdPlan } from "./held-plan.ts";

/** Without the plan, which is held in another form. */
type Told = Omit<ToldCanary, "gateway">;
type Chain = Context<GatewayEnv>;
type Counted = Map<string, Series<"version">>;

export class HeldCanary {
  readonly #told: Told;
  /** Undefined: it could not be taken. */
  readonly #held: HeldPlan | undefined;
  readonly #refused: string | undefined;
  /** By version and route. */
  readonly #series: Counted;

  private constructor(told: Told, held: HeldPlan | string | undefined, series: Counted) {
    this.#told = told;
    this.#held = typeof held === "string" ? undefined : held;
    this.#refused = typeof held === "string" ? held : undefined;
    this.#series = series;
  }

  /**
   * What is held after an answer.
   * @param stable whose keys and revocations count for both
   * @throws when what was told cannot be read
   */
  static async take(told: ToldCanary, stable: HeldPlan, before: HeldCanary | undefined): Promise<HeldCanary> {
    const { gateway, ...own } = toldCanarySchema.parse(told);
    const { version, hash } = own;
    const series = before === undefined ? new Map() : before.#series;
    let held = before === undefined ? undefined : before.#knownOf(told);
    if (held === undefined && gateway !== undefined) held = await hold(version, hash, gateway);
    if (typeof held !== "object") return new HeldCanary(own, held, series);
    const { revocations, signingKey, hop, ingress } = stable;
    const isSame =
      held.revocations === revocations &&
      held.signingKey === signingKey &&
      held.hop === hop &&
      held.ingress === ingress;
    const keys = { ...(signingKey && { signingKey }), ...(hop && { hop }), ...(ingress && { ingress }) };
    return new HeldCanary(own, isSame ? held : { ...held, revocations, ...keys }, series);
  }

  /** What the control plane hears. */
  get reported(): LeaseRequest["canary"] {
    const { version, hash, share } = this.#told;
    if (this.#held === undefined && this.#refused === undefined) return undefined;
    return { version, hash, share, ...(this.#refused !== undefined && { refused: this.#refused }) };
  }

  /** The plan of that hash, which is no canary's any more. */
  promoted(version: number, hash: string): HeldPlan | undefined {
    if (this.#held?.hash !== hash) return undefined;
    const { isCanary: _, ...held } = this.#held;
    return { ...held, version };
  }

  /** The plan that decides a request; of the stable version where the canary could not be taken. */
  choose(c: Chain, stable: HeldPlan): HeldPlan {
    if (this.#held === undefined) return stable;
    const head = c.get("head");
    const header = (name: string): string | undefined => head.get(name);
    const clientIp = findClientAddress(c.get("clientIp"), header, stable.clientIp).address;
    const request: CanaryRequest = { header, clientIp, traceId: c.get("trace").traceId };
    return choosesCanary(this.#told, request) ? this.#held : stable;
  }

  /** Its version, and what it may decide: what the control plane waits to hear of. */
  get told(): string {
    const { version, hash, share } = this.#told;
    return `${version} ${hash} ${share}`;
  }

  /** Another canary may have other versions: series of this one would only ever become more. */
  forget(counters: CounterState): void {
    for (const { kind, labels } of this.#series.values()) counters.series.delete(seriesKey(kind, labels));
  }

  /** Beside the request, whatever became of it. */
  count(c: Chain, counters: CounterState): void {
    const { version } = c.get("held");
    const route: GatewayEnv["Variables"]["route"] | undefined = c.get("route");
    const counts = this.#countsOf(counters, version, route?.name ?? NO_ROUTE);
    counts.requests++;
    if (c.res.status >= 500) counts.errors++;
    else if (c.get("failure") !== undefined) counts.refused++;
  }

  #countsOf(counters: CounterState, version: number, route: string): Series<"version">["counts"] {
    const key = `${version} ${route}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = seriesOf(counters, "version", String(version), route);
      this.#series.set(key, series);
    }
    return series.counts;
  }

  #knownOf({ version, hash }: ToldCanary): HeldPlan | string | undefined {
    return this.#told.version === version && this.#told.hash === hash ? (this.#held ?? this.#refused) : undefined;
  }
}

/** Requests that no route matched. */
const NO_ROUTE = "-";

/** @returns why it cannot be taken otherwise */
async function hold(version: number, hash: string, plan: HeldPlan["plan"]): Promise<HeldPlan | string> {
  try {
    return { ...(await holdPlan(version, hash, plan)), isCanary: true };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.warn(JSON.stringify({ kind: "plan", version, reason }));
    return reason.slice(0, limits.wire.refusalCharsMax);
  }
}
