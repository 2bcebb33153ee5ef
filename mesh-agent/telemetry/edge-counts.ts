/** Who calls whom in the mesh, as far as this agent is the one that counts it, and what of it the control plane was told. */
import { randomBytes } from "node:crypto";
import { errorTable } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import {
  acknowledgeReport,
  newCounters,
  OTHERS,
  type Series,
  seriesOf,
  takeReport,
} from "../../shared/policy/counters.ts";
import { isGrpcFailure } from "../../shared/policy/grpc-status.ts";
import { countAnswer, countLatency } from "../../shared/policy/usage-counters.ts";
import type { AgentMessage } from "../../shared/wire/hub.ts";
import type { Call } from "../proxy/call.ts";
import type { Direction } from "./metrics.ts";

/** The way to the control plane. */
export interface EdgeHub {
  readonly connected: boolean;
  /** @returns false: it is not connected */
  tell(message: AgentMessage): boolean;
}

type EdgeSeries = Series<"edge">;

const { edgeEveryMs, edgeFirstMs, edgeOpenEveryMs } = limits.usage;

/**
 * The called side counts: it knows by certificate who calls, and by its access rules whom it refuses; callers without an agent are
 * there, too. A caller counts what no agent on the other side sees: calls that reached none, that its own plan does not allow, and
 * those to endpoints without an agent.
 */
export class EdgeCounts {
  readonly #service: string;
  readonly #counters = newCounters();
  readonly #run = randomBytes(8).toString("hex");
  /** By the other side. */
  readonly #callers = new Map<string, EdgeSeries>();
  readonly #called = new Map<string, EdgeSeries>();
  /** Connections that are open. */
  readonly #open = new Map<EdgeSeries, number>();
  #hub: EdgeHub | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isIdle = true;
  /** When it was last told of connections that are open, monotonic. */
  #toldOpenMs = Number.NEGATIVE_INFINITY;

  constructor(service: string) {
    this.#service = service;
  }

  start(hub: EdgeHub): void {
    this.#hub = hub;
  }

  /** Counts a call that has ended. */
  ended(hop: Direction, call: Call, durationMs: number): void {
    const series = this.#seriesOf(hop, call);
    if (series === undefined) return;
    const { counts } = series;
    const { error, outside, tunnel, wouldRefuse } = call.facts;
    if (tunnel !== undefined) {
      this.#open.set(series, (this.#open.get(series) ?? 1) - 1);
      return;
    }
    // What a caller's own agent answers in place of the other side is none of its answers.
    const isOwn = hop !== "inbound" && error !== undefined && call.facts.notCallable === undefined;
    if (call.status === 0 || isOwn) {
      counts.noAnswer++;
      countLatency(counts, durationMs);
    } else countAnswer(counts, statusOf(call), durationMs);
    if (error !== undefined && (DENIALS.has(error) || call.facts.notCallable !== undefined)) counts.denied++;
    if (wouldRefuse?.some((one) => DENIALS.has(one.error)) === true) counts.wouldRefuse++;
    if (outside !== undefined && outside !== "spiffe") counts.plain++;
    this.#tellSoon();
  }

  /** Counts a connection that is a tunnel from here on; it may last. */
  opened(hop: Direction, call: Call): void {
    const series = this.#seriesOf(hop, call);
    if (series === undefined) return;
    series.counts.opened++;
    series.counts[call.status === 101 ? "s1xx" : "s2xx"]++;
    this.#open.set(series, (this.#open.get(series) ?? 0) + 1);
    this.#tellSoon();
  }

  /** The control plane has counted the report of that number. */
  heard(seq: number): void {
    acknowledgeReport(this.#counters, seq);
  }

  /** What is not told yet is told now, for the connection ends. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const _ of ["the last one", "what came since"]) {
      this.#counters.urgent = true;
      this.#leave();
      this.heard(this.#counters.seq);
    }
    this.#hub = undefined;
  }

  /** @returns undefined: another agent counts it, or it is no edge of the mesh */
  #seriesOf(hop: Direction, { facts }: Call): EdgeSeries | undefined {
    if (hop === "inbound") {
      const from = facts.peer ?? UNKNOWN;
      return this.#callers.get(from) ?? this.#make(this.#callers, from, from, this.#service);
    }
    if (hop === "expose") return undefined;
    const to = facts.peer ?? facts.notCallable;
    if (to === undefined || (facts.outside === undefined && !isUnmet(facts))) return undefined;
    return this.#called.get(to) ?? this.#make(this.#called, to, this.#service, to);
  }

  #make(known: Map<string, EdgeSeries>, other: string, from: string, to: string): EdgeSeries {
    const made = seriesOf(this.#counters, "edge", from, to);
    // Names that an application makes up are counted together, and not remembered.
    if (made.labels[0] !== OTHERS) known.set(other, made);
    return made;
  }

  #tellSoon(): void {
    this.#timer ??= this.#tellAfter(this.#isIdle ? edgeFirstMs : edgeEveryMs);
  }

  #tellAfter(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#timer = undefined;
      const hadNews = this.#leave();
      this.#isIdle = !hadNews;
      if (hadNews || this.#counters.pending !== undefined) this.#timer = this.#tellAfter(edgeEveryMs);
      else if (this.#openNow().length > 0) this.#timer = this.#tellAfter(edgeOpenEveryMs);
    }, ms).unref();
  }

  #openNow(): EdgeSeries[] {
    return [...this.#open].flatMap(([series, count]) => (count > 0 ? [series] : []));
  }

  /** A connection that was opened long ago is a use of its edge all the same. */
  #countOpen(nowMs: number): void {
    if (nowMs - this.#toldOpenMs < edgeOpenEveryMs) return;
    const open = this.#openNow();
    if (open.length === 0) return;
    this.#toldOpenMs = nowMs;
    for (const { counts } of open) counts.open++;
  }

  /** @returns whether there was something to tell */
  #leave(): boolean {
    if (this.#hub === undefined) return false;
    // It waits for the next time.
    if (!this.#hub.connected) return true;
    this.#countOpen(performance.now());
    const counted = takeReport(this.#counters, Date.now());
    if (counted === undefined) return false;
    this.#hub.tell({ type: "edges", run: this.#run, counted: { seq: counted.seq, series: [...counted.series] } });
    return true;
  }
}

/** A caller that proves no identity of which rules could speak. */
const UNKNOWN = "unknown";

/** What access rules answer, and who checks whom they are about. */
const DENIALS: ReadonlySet<string> = new Set(["access_denied", "txn_token_missing", "peer_not_trusted"]);

/** Nothing of it can have reached an agent on the other side, for a reason that is not the caller's request. */
function isUnmet({ error, isUnsent, notCallable }: Call["facts"]): boolean {
  if (!isUnsent || error === undefined) return false;
  const { source } = errorTable[error];
  return notCallable !== undefined || source === "mesh" || source === "upstream";
}

/** The status that a call is counted by: gRPC says in its own how it ended. */
function statusOf({ byGrpc, status, facts: { grpcStatus = 0 } }: Call): number {
  if (!byGrpc || grpcStatus === 0) return status;
  return isGrpcFailure(grpcStatus) ? 500 : 400;
}
