/**
 * The canary of a version: stored, told to whom it concerns, and moved on by what they say. What that means is decided by
 * `shared/policy/version-canary.ts`.
 */
import { limits } from "../../../shared/limits.ts";
import { OTHERS, type SeriesCounts } from "../../../shared/policy/counters.ts";
import type { Lease } from "../../../shared/policy/lease.ts";
import {
  type CanaryEvent,
  type CanarySettings,
  type CanaryState,
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
interface Canary {
  readonly version: number;
  readonly stable: number;
  /** Of the gateway's face. */
  readonly hash: string;
  readonly settings: CanarySettings & Pick<CanaryStatus, "by" | "match">;
  readonly author: string;
  readonly startedAtMs: number;
  readonly state: CanaryState;
  /** Who ended it; empty: nobody did. */
  endedBy: string;
  /** All hubs know of its beginning, of its end. */
  told: "nothing" | "begun" | "ended";
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
    const { version, hash, state, settings } = open;
    const { by, match } = settings;
    const has = asked?.version === version && asked.hash === hash;
    // Nobody gets it before everybody has it, whatever he asks for.
    const asks = state.phase === "preparing" ? {} : { ...(match && { match }) };
    const told = { version, hash, share: shareNow(state), by, ...asks };
    return has ? told : { ...told, gateway: gateway(version) };
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
    return this.#open && dueAt(this.#open, Date.now());
  }

  async #look(open: Canary, leases: (nowMs: number) => readonly Lease[]): Promise<void> {
    const { state, version } = open;
    if (state.phase === "preparing" && open.told !== "nothing") {
      const agents = await canaryLaggards(this.#env, version);
      const found = gatewayLaggards(open, leases(Date.now()));
      const refused = found.refused ?? agents.refused;
      const missing = found.count + agents.count;
      if (this.#open === open) this.#step({ type: "heard", missing, ...(refused && { refused }) }, Date.now());
    } else if (state.phase === "promoting") {
      const missing = leases(Date.now()).filter((lease) => !hasAllRequests(lease, open)).length;
      this.#step({ type: "heard", missing }, Date.now());
    } else this.#step({ type: "tick" }, Date.now());
  }

  /** All hubs know how it stands. */
  get isTold(): boolean {
    return this.#canary === undefined || this.#canary.told === wantedOf(this.#canary);
  }

  /** Tells all hubs that it has begun or ended, unless they know. @throws when some did not answer; those are to be told again */
  async tell(faces: (version: number) => Promise<CanaryFaces["faces"]>): Promise<void> {
    const canary = this.#canary;
    if (canary === undefined || this.isTold) return;
    const wanted = wantedOf(canary);
    const { version, startedAtMs } = canary;
    const ended = { version, startedAtMs, isOver: true, faces: [] };
    await tellCanary(this.#env, (wanted === "begun" ? await this.faces(faces) : undefined) ?? ended);
    // It may have ended meanwhile, and who told of that may be ahead.
    if (canary !== this.#canary || wantedOf(canary) !== wanted) return;
    canary.told = wanted;
    this.#save();
  }

  /** What a hub is told of the one that runs. */
  async faces(facesOf: (version: number) => Promise<CanaryFaces["faces"]>): Promise<CanaryFaces | undefined> {
    const open = this.#open;
    if (open === undefined) return undefined;
    const { version, startedAtMs } = open;
    return { version, startedAtMs, isOver: false, faces: await facesOf(version) };
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

const wantedOf = ({ state }: Canary): "begun" | "ended" => (isOpen(state) ? "begun" : "ended");

function sideOf({ version, stable }: Canary, label: string | undefined): "canary" | "stable" | undefined {
  if (label === String(version)) return "canary";
  return label === String(stable) ? "stable" : undefined;
}

function gatewayLaggards({ version, hash }: Canary, leases: readonly Lease[]): CanaryLaggards {
  const lacking = leases.filter(({ canary }) => canary?.version !== version || canary.hash !== hash || canary.refused);
  const named = lacking.map(({ isolate }) => `gateway ${isolate}`);
  const refusing = lacking.find(({ canary }) => canary?.version === version && canary.hash === hash);
  const { isolate, canary } = refusing ?? {};
  const refused = { who: `gateway ${isolate}`, reason: canary?.refused ?? "" };
  return { count: lacking.length, named, ...(refusing !== undefined && { refused }) };
}

/** Those that refuse it will refuse it as the live version, too: nobody waits for them. */
function hasAllRequests({ canary }: Lease, { version }: Canary): boolean {
  if (canary?.version !== version) return false;
  return canary.share === limits.canary.sharesMax || canary.refused !== undefined;
}

function dueAt({ state, settings: { everyMs } }: Canary, nowMs: number): number | undefined {
  if (state.phase !== "running") return nowMs + limits.canary.lookEveryMs;
  if (everyMs === undefined || state.step < 0) return undefined;
  return Math.max(nowMs + limits.canary.everyMsMin, state.stepAtMs + everyMs);
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
