/** Questions about limits that are counted over all instances, on their way to the control plane: they leave together, and each has an end. */
import { limits } from "../../shared/limits.ts";
import {
  acknowledgeReport,
  type CounterOf,
  newCounters,
  type Series,
  seriesOf,
  takeReport,
} from "../../shared/policy/counters.ts";
import type { LimitAnswer, LimitQuestion } from "../../shared/policy/limiter-state.ts";
import type { AgentMessage } from "../../shared/wire/hub.ts";
import { type AskedLimit, type GivenBack, heardAnswer, type LimitedAnswer } from "../../shared/wire/mesh-limits.ts";

/** The way to the control plane. */
export interface LimitHub {
  readonly connected: boolean;
  /** @returns false: it is not connected */
  tell(message: AgentMessage): boolean;
}

interface Waiting {
  readonly take: (answer: LimitAnswer | undefined) => void;
  readonly timer: NodeJS.Timeout;
}

const { questionsMax, callsMax, batchGapMs } = limits.meshLimits;
const { agentReportEveryMs, urgentAfterMs } = limits.counters;

export class LimitLink {
  readonly #service: () => string;
  #hub: LimitHub | undefined;
  #asked: AskedLimit[] = [];
  #back: GivenBack[] = [];
  readonly #waiting = new Map<number, Waiting>();
  readonly #counters = newCounters();
  #questions = 0;
  #leaving: NodeJS.Timeout | undefined;
  #leavingLater: NodeJS.Timeout | undefined;

  /** @param service whose limits it asks for */
  constructor(service: () => string) {
    this.#service = service;
  }

  start(hub: LimitHub): void {
    this.#hub = hub;
  }

  get connected(): boolean {
    return this.#hub?.connected === true;
  }

  /** @returns undefined: nobody has answered in that time, or can count it */
  ask(limit: string, key: string, question: LimitQuestion, waitMs: number): Promise<LimitAnswer | undefined> {
    if (!this.connected) return Promise.resolve(undefined);
    const n = ++this.#questions;
    return new Promise((resolve) => {
      const take = (answer: LimitAnswer | undefined): void => {
        this.#waiting.delete(n);
        clearTimeout(timer);
        resolve(answer);
      };
      const timer = setTimeout(() => take(undefined), waitMs);
      this.#waiting.set(n, { take, timer });
      this.#asked.push({ n, limit, key, ...question, more: Math.min(question.more, callsMax) });
      this.#leaveSoon();
    });
  }

  /** A call that was admitted then did not go on. @param atMs of the answer */
  giveBack(limit: string, key: string, atMs: number): void {
    this.#back.push({ limit, key, atMs });
    this.#leaveSoon();
  }

  /** What answers a call that cannot be counted is told when somebody listens. */
  uncounted(limit: string, answered: CounterOf<"serviceLimit">): void {
    this.#seriesOf(limit).counts[answered]++;
    this.#counters.urgent = true;
  }

  /** What a policy in shadow said of a call. @param policy as `policyName` says it, @param error empty: it passes */
  judged(policy: string, error: string): void {
    seriesOf(this.#counters, "serviceShadow", this.#service(), policy, error).counts.requests++;
    this.#leavingLater ??= setTimeout(
      () => {
        this.#leavingLater = undefined;
        this.#leave();
      },
      this.#counters.seq === 0 ? urgentAfterMs : agentReportEveryMs,
    ).unref();
  }

  answered(answers: readonly LimitedAnswer[]): void {
    for (const one of answers) this.#waiting.get(one.n)?.take(heardAnswer(one));
    if (this.#counters.urgent) this.#leaveSoon();
  }

  /** Nothing that was asked on a connection that ended is answered. */
  connection(connected: boolean): void {
    if (connected) return;
    this.#asked = [];
    this.#back = [];
    for (const { take } of [...this.#waiting.values()]) take(undefined);
  }

  stop(): void {
    clearTimeout(this.#leaving);
    clearTimeout(this.#leavingLater);
    this.#leaving = undefined;
    this.#counters.urgent = true;
    this.#leave();
    this.connection(false);
  }

  #seriesOf(limit: string): Series<"serviceLimit"> {
    return seriesOf(this.#counters, "serviceLimit", this.#service(), limit);
  }

  #leaveSoon(): void {
    this.#leaving ??= setTimeout(() => {
      this.#leaving = undefined;
      this.#leave();
    }, batchGapMs);
  }

  #leave(): void {
    if (!this.connected) return;
    const asked = this.#asked.splice(0, questionsMax);
    const back = this.#back.splice(0, questionsMax);
    const counted = takeReport(this.#counters, Date.now());
    if (asked.length + back.length === 0 && counted === undefined) return;
    const told = this.#hub?.tell({
      type: "limits",
      ...(asked.length > 0 && { asked }),
      ...(back.length > 0 && { back }),
      ...(counted !== undefined && { counted: { seq: counted.seq, series: [...counted.series] } }),
    });
    if (told && counted !== undefined) acknowledgeReport(this.#counters, counted.seq);
    if (this.#asked.length + this.#back.length > 0) this.#leave();
  }
}
