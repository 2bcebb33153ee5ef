/** What one source says of one service's endpoints, for as long as the plan names it. */
import { isDeepStrictEqual } from "node:util";
import { refuseAddress } from "../../shared/discovery/admit.ts";
import type { DiscoverySettings } from "../../shared/discovery/settings.ts";
import {
  dueMs,
  newSource,
  type SourceEvent,
  type SourceRules,
  type SourceState,
  stepSource,
} from "../../shared/discovery/source-view.ts";
import { parseNetworks } from "../../shared/http/address-list.ts";
import { limits } from "../../shared/limits.ts";
import { canonicalJson } from "../../shared/plan/canonical-json.ts";
import type { ViewEndpoint } from "../../shared/policy/endpoint.ts";
import type { FoundEndpoint } from "./found-endpoint.ts";
import { openSource } from "./sources/open-source.ts";
import { SourceLoop } from "./sources/source-loop.ts";

/** The last good list, as it outlives a process. */
export interface KeptList {
  /** What it was found by, and what was allowed. */
  readonly by: string;
  readonly endpoints: readonly ViewEndpoint[];
  /** Milliseconds since the epoch. */
  readonly goodAtMs: number;
}

/** What is told of a source, to people and machines. */
export interface SourceStatus {
  readonly kind: DiscoverySettings["source"]["kind"];
  readonly endpoints: number;
  /** Since it last said what there is; absent: it never did, or nobody has to ask. */
  readonly ageMs?: number;
  /** What its last answer named and is not called. */
  readonly refused?: number;
  readonly refusedWhy?: string;
  /** It says that there is nobody; the last good list is still in use. */
  readonly empty?: true;
  /** Why it does not answer now. */
  readonly error?: string;
}

export interface FoundServiceEar {
  /** Other endpoints are in use. */
  changed(): void;
  /** What is in use still holds. */
  confirmed(): void;
  /** It does, or does not, answer any more. */
  failing(reason: string | undefined): void;
}

export class FoundService {
  /** Settings by which another list would be found. */
  readonly by: string;
  readonly #state: SourceState;
  readonly #ear: FoundServiceEar;
  readonly #loop: SourceLoop | undefined;
  readonly #kind: SourceStatus["kind"];
  #settings: DiscoverySettings;
  #rules: SourceRules;
  #timer: NodeJS.Timeout | undefined;
  #endpoints: readonly FoundEndpoint[] = [];

  /**
   * @param kept of an earlier run, by whatever it was found
   * @param before what these settings take the place of: its list holds until the source has spoken
   */
  constructor(
    settings: DiscoverySettings,
    kept: KeptList | undefined,
    before: FoundService | undefined,
    ear: FoundServiceEar,
  ) {
    const { source } = settings;
    this.by = foundBy(settings);
    this.#settings = settings;
    this.#rules = rulesOf(settings);
    this.#ear = ear;
    this.#kind = source.kind;
    this.#state = newSource(before?.handOver(settings) ?? (kept?.by === this.by ? kept : undefined));
    if (source.kind === "static")
      this.#state.endpoints = source.endpoints.map(({ host, port, labels }) => {
        const place = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
        return { instance: place.slice(0, limits.wire.instanceCharsMax), host, port, labels };
      });
    this.#use();
    const asked = openSource(source);
    if (asked === undefined) return;
    this.#loop = new SourceLoop(asked, {
      answer: (endpoints) => this.#step({ type: "answer", endpoints }),
      same: () => this.#step({ type: "same" }),
      failed: (reason) => this.#step({ type: "failed", reason }),
    });
    this.#step({ type: "time" });
  }

  /** Takes settings by which the same list is found. */
  retune(settings: DiscoverySettings): void {
    this.#settings = settings;
    this.#rules = rulesOf(settings);
    if (this.#loop !== undefined) this.#step({ type: "time" });
  }

  get endpoints(): readonly FoundEndpoint[] {
    return this.#endpoints;
  }

  /** It has said something, good or bad, in this run or an earlier one. */
  get hasSpoken(): boolean {
    return this.#loop === undefined || this.#state.goodAtMs !== undefined || this.#state.failures > 0;
  }

  /** What whoever takes its place goes on with; undefined: nothing, since it is called in another way. */
  handOver({ reach, host, allow = [] }: DiscoverySettings): Omit<KeptList, "by"> | undefined {
    if (!isDeepStrictEqual(reach, this.#settings.reach) || host !== this.#settings.host) return undefined;
    const allowed = parseNetworks(allow);
    const endpoints = this.#state.endpoints.filter((one) => refuseAddress(one.host, allowed) === undefined);
    return { endpoints, goodAtMs: this.#state.goodAtMs ?? Date.now() };
  }

  /** What is to outlive the process. */
  get kept(): KeptList | undefined {
    const { endpoints, goodAtMs } = this.#state;
    return this.#loop === undefined || goodAtMs === undefined ? undefined : { by: this.by, endpoints, goodAtMs };
  }

  /** @param nowMs since the epoch */
  status(nowMs: number): SourceStatus {
    const { endpoints, goodAtMs, emptySinceMs, error, refused, refusedWhy } = this.#state;
    return {
      kind: this.#kind,
      endpoints: endpoints.length,
      ...(goodAtMs !== undefined && { ageMs: Math.max(0, nowMs - goodAtMs) }),
      ...(refused > 0 && { refused, ...(refusedWhy !== undefined && { refusedWhy }) }),
      ...(emptySinceMs !== undefined && endpoints.length > 0 && { empty: true as const }),
      ...(error !== undefined && { error }),
    };
  }

  stop(): void {
    this.#loop?.stop();
    clearTimeout(this.#timer);
  }

  #step(event: SourceEvent): void {
    const nowMs = Date.now();
    const before = this.#state.error;
    const changed = stepSource(this.#state, event, nowMs, this.#rules);
    clearTimeout(this.#timer);
    const due = dueMs(this.#state, this.#rules);
    if (Number.isFinite(due)) {
      const waitMs = Math.min(Math.max(0, due - nowMs), TIMER_MS_MAX);
      this.#timer = setTimeout(() => this.#step({ type: "time" }), waitMs);
      this.#timer.unref();
    }
    const { error } = this.#state;
    if ((error === undefined) !== (before === undefined)) this.#ear.failing(error);
    if (changed) {
      this.#use();
      this.#ear.changed();
    } else if (event.type === "answer" || event.type === "same") this.#ear.confirmed();
  }

  #use(): void {
    this.#endpoints = this.#state.endpoints.map((endpoint) => ({
      ...endpoint,
      labels: { ...endpoint.labels },
      isFound: true as const,
    }));
  }
}

/** Longer ones would end at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const foundBy = ({ source, allow = [] }: DiscoverySettings): string => canonicalJson({ source, allow });

function rulesOf({ keepMs, keepEmptyMs, allow = [] }: DiscoverySettings): SourceRules {
  const { settleMs, settleMaxMs } = limits.discovery;
  return { keepMs, keepEmptyMs, settleMs, settleMaxMs, allowed: parseNetworks(allow) };
}
