/**
 * The canary of a version: stored, told to whom it concerns, and moved on by what they say. What that means is decided by
 * `shared/policy/version-canary.ts`.
 */
import { limits } from "../../../shared/limits.ts";
import {
  type CanaryRollout,
  canaryDueAt,
  canaryTerms,
  gatewaysWithout,
  newsOf,
  sideOf,
  withoutAllRequests,
} from "../../../shared/policy/canary-rollout.ts";
import { OTHERS, type SeriesCounts } from "../../../shared/policy/counters.ts";
import type { Lease } from "../../../shared/policy/lease.ts";
import {
  type CanaryEvent,
  canarySums,
  isOpen,
  newCanary,
  shareNow,
  stepCanary,
} from "../../../shared/policy/version-canary.ts";
import type { CanaryChange, CanaryRequest, CanaryStatus } from "../../../shared/wire/canary.ts";
import type { LeaseRequest } from "../../../shared/wire/gateway-lease.ts";
import type { Env } from "../env.ts";
import { canaryLaggards, tellCanary } from "../upstream/hubs.ts";
import type { CanaryFaces, CanaryGrant, CanaryLaggards, Refused } from "./rpc.ts";
import { TextStore } from "./text-store.ts";
import type { VersionRow } from "./version-store.ts";

/** As it is stored. */
interface Canary extends CanaryRollout {
  readonly author: string;
  /** Who ended it; empty: nobody did. */
  endedBy: string;
}

const NAME = "canary";
const NOBODY: CanaryLaggards = { count: 0, named: [] };

export class CanaryStore {
  readonly #texts: TextStore;
  readonly #env: Env;
  readonly #onEnd: (ended: CanaryStatus, by: string) => void;
  #canary: Canary | undefined;

  /** @param onEnd called once when a canary was promoted or aborted; `by`: who said so, empty: the error budget or the steps */
  constructor(sql: SqlStorage, env: Env, onEnd: (ended: CanaryStatus, by: string) => void) {
    this.#texts = new TextStore(sql);
    this.#env = env;
    this.#onEnd = onEnd;
    const text = this.#texts.get(NAME);
    if (text !== undefined) this.#canary = JSON.parse(text) as Canary;
  }

  /** The version of the canary that has not ended. */
  get version(): number | undefined {
    return this.#open?.version;
  }

  /** Undefined: none runs. */
  get brief(): Pick<CanaryStatus, "version" | "phase" | "share"> | undefined {
    const open = this.#open;
    return open && { version: open.version, phase: open.state.phase, share: shareNow(open.state) };
  }

  /** Inside of a transaction. */
  begin(
    { version, gateway_hash: hash, author }: VersionRow,
    stable: number,
    asked: CanaryRequest,
    nowMs: number,
  ): void {
    const { steps, everyMs, maxErrors = limits.canary.maxErrors, by = "ip", match } = asked;
    const settings = { steps, maxErrors, by, ...(everyMs !== undefined && { everyMs }), ...(match && { match }) };
    const state = newCanary(nowMs);
    this.#canary = { version, stable, hash, settings, author, startedAtMs: nowMs, state, endedBy: "", told: "nothing" };
    this.#save();
  }

  /** What an isolate is told of it. @param gateway the version's face for gateways */
  grant(asked: LeaseRequest["canary"], gateway: (version: number) => string): CanaryGrant | undefined {
    const open = this.#open;
    if (open === undefined) return undefined;
    const { terms, needsFace } = canaryTerms(open, asked);
    return needsFace ? { ...terms, gateway: gateway(terms.version) } : terms;
  }

  /** What an isolate counted since its last report. */
  counted(series: readonly SeriesCounts[], nowMs: number): void {
    for (const { kind, labels, counts } of series) {
      const open = this.#open;
      if (open === undefined) return;
      const [version, route = OTHERS] = labels;
      const side = sideOf(open, version);
      if (kind !== "version" || side === undefined) continue;
      const { requests = 0, errors = 0, refused = 0 } = counts;
      this.#step({ type: "counted", side, route, requests, errors, refused }, nowMs);
    }
    if (this.#open !== undefined) this.#step({ type: "tick" }, nowMs);
  }

  /** What an operator says. */
  change({ act, share = 0, reason = "", author }: CanaryChange, nowMs: number): CanaryStatus | Refused {
    const open = this.#open;
    if (open === undefined) return refused("no canary is running");
    const why = reason === "" ? `${author} said so` : reason;
    if (act !== "set") open.endedBy = author;
    const event: CanaryEvent =
      act === "set" ? { type: act, share } : act === "abort" ? { type: act, reason: why } : { type: act };
    if (!this.#step(event, nowMs)) {
      open.endedBy = "";
      return refused(`the canary of version ${open.version} is ${open.state.phase}`);
    }
    return statusOf(open, NOBODY);
  }

  /** Looks who has it, and what the time says. @returns when to look again; undefined: there is no need to */
  async look(leases: (nowMs: number) => readonly Lease[]): Promise<number | undefined> {
    const open = this.#open;
    if (open !== undefined) await this.#look(open, leases);
    return this.#open && canaryDueAt(this.#open, Date.now());
  }

  async #look(open: Canary, leases: (nowMs: number) => readonly Lease[]): Promise<void> {
    const { state, version } = open;
    if (state.phase === "preparing" && open.told !== "nothing") {
      const agents = await canaryLaggards(this.#env, version);
      const found = gatewayLaggards(open, leases(Date.now()));
      const refused = found.refused ?? agents.refused;
      const missing = found.count + agents.count;
      if (this.#open === open)
        this.#step({ type: "heard", of: "preparing", missing, ...(refused && { refused }) }, Date.now());
    } else if (state.phase === "promoting") {
      const missing = withoutAllRequests(open, leases(Date.now()));
      this.#step({ type: "heard", of: "promoting", missing }, Date.now());
    } else this.#step({ type: "tick" }, Date.now());
  }

  /** All hubs know how it stands. */
  get isTold(): boolean {
    return this.#canary === undefined || this.#canary.told === newsOf(this.#canary);
  }

  /** Tells all hubs that it has begun or ended, unless they know. @throws when some did not answer; those are to be told again */
  async tell(faces: (version: number) => Promise<CanaryFaces["faces"]>): Promise<void> {
    const canary = this.#canary;
    if (canary === undefined || this.isTold) return;
    const wanted = newsOf(canary);
    const news = await this.news(faces);
    if (news === undefined) return;
    await tellCanary(this.#env, news);
    // It may have ended meanwhile, and who told of that may be ahead.
    if (canary !== this.#canary || newsOf(canary) !== wanted) return;
    canary.told = wanted;
    this.#save();
  }

  /** What hubs have to know: of the one that runs, or that the last one is over. Undefined: there never was one. */
  async news(facesOf: (version: number) => Promise<CanaryFaces["faces"]>): Promise<CanaryFaces | undefined> {
    if (this.#canary === undefined) return undefined;
    const { version, startedAtMs } = this.#canary;
    const isOver = this.#open === undefined;
    return { version, startedAtMs, isOver, faces: isOver ? [] : await facesOf(version) };
  }

  async status(leases: readonly Lease[]): Promise<CanaryStatus | undefined> {
    const canary = this.#canary;
    if (canary === undefined || !isOpen(canary.state)) return canary && statusOf(canary, NOBODY);
    const agents = await canaryLaggards(this.#env, canary.version);
    const gateways = gatewayLaggards(canary, leases);
    const named = [...gateways.named, ...agents.named].slice(0, limits.canary.namedMax);
    return statusOf(canary, { count: gateways.count + agents.count, named });
  }

  get #open(): Canary | undefined {
    return this.#canary !== undefined && isOpen(this.#canary.state) ? this.#canary : undefined;
  }

  #step(event: CanaryEvent, nowMs: number): boolean {
    const canary = this.#open;
    if (canary === undefined) return false;
    const isKnown = stepCanary(canary.state, event, nowMs, canary.settings);
    this.#save();
    if (!isOpen(canary.state)) this.#onEnd(statusOf(canary, NOBODY), canary.endedBy);
    return isKnown;
  }

  #save(): void {
    this.#texts.put(NAME, JSON.stringify(this.#canary));
  }
}

function gatewayLaggards(open: Canary, leases: readonly Lease[]): CanaryLaggards {
  const { without, refusing } = gatewaysWithout(open, leases);
  const named = without.map(({ isolate }) => `gateway ${isolate}`);
  const refused = refusing && { who: `gateway ${refusing.isolate}`, reason: refusing.canary?.refused ?? "" };
  return { count: without.length, named, ...(refused && { refused }) };
}

function statusOf(canary: Canary, { count, named }: CanaryLaggards): CanaryStatus {
  const { version, stable, settings, state, author, startedAtMs } = canary;
  const { phase, step, stepAtMs, changedAtMs, reason, routes } = state;
  const { everyMs } = settings;
  const next = phase === "running" && step >= 0 && everyMs !== undefined ? { nextAtMs: stepAtMs + everyMs } : {};
  const told = { version, stable, phase, share: shareNow(state), step, ...next, ...settings };
  const sides = Object.entries(routes).map(([route, counts]) => {
    return { route, canary: counts.canary, stable: counts.stable };
  });
  return {
    ...told,
    author,
    startedAtMs,
    changedAtMs,
    reason,
    missing: { count, named },
    counts: canarySums(state),
    routes: sides,
  };
}

const refused = (reason: string): Refused => ({ refused: { code: "canary_refused", reason } });
