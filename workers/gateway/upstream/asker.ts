/**
 * Asks somebody outside, no more than necessary: what is known is not asked, equal questions of an isolate are asked once,
 * and questions that nobody can answer are counted. Requests share results, never promises.
 */
import {
  type Answer,
  type AnswerBounds,
  type AnswerMemory,
  newAnswerMemory,
  type Outcome,
  outcomeSince,
  recallAnswer,
  recallFailure,
  recallStale,
  rememberOutcome,
  wasFound,
} from "../../../shared/auth/answer-memory.ts";
import {
  beginLookUp,
  endLookUp,
  type LookUpBounds,
  type LookUpBudget,
  newLookUpBudget,
} from "../../../shared/auth/look-up-budget.ts";
import { NoAnswer } from "./post-question.ts";
import { until } from "./wait.ts";

export interface AskBounds extends AnswerBounds, LookUpBounds {
  /** Questions that run at once, those with a budget of their own included. */
  readonly asksMax: number;
}

export interface Asking<Value> {
  readonly ctx: Pick<ExecutionContext, "waitUntil">;
  readonly nowMs: number;
  /** Longest time that the question takes. */
  readonly waitMs: number;
  /** Whose questions are counted together. */
  readonly asker: string;
  /** Whether an answer that found nothing counts as asked in vain; failures always do. */
  readonly countsVain: boolean;
  /** Puts the question. @param askedAtMs now @throws NoAnswer, Error */
  put(askedAtMs: number): Promise<Answer<Value>>;
}

export class Asker<Value> {
  readonly #bounds: AskBounds;
  readonly #memory: AnswerMemory<Value>;
  readonly #budget: LookUpBudget;
  /** Questions that are being asked, and when that counts as over. */
  readonly #running = new Map<string, number>();

  constructor(bounds: AskBounds) {
    this.#bounds = bounds;
    this.#memory = newAnswerMemory(bounds);
    this.#budget = newLookUpBudget(bounds);
  }

  /** An answer that is believed without asking. */
  recall(question: string, nowMs: number): Answer<Value> | undefined {
    return recallAnswer(this.#memory, question, nowMs);
  }

  /** A good answer that is older than it should be, for when there is no other. */
  stale(question: string, nowMs: number): Answer<Value> | undefined {
    return recallStale(this.#memory, question, nowMs);
  }

  /** @returns `busy` when the question may not be put now */
  async ask(question: string, asking: Asking<Value>): Promise<Outcome<Value> | "busy"> {
    if (this.#isRunning(question)) {
      await until(() => !this.#isRunning(question), asking.waitMs);
      const shared = outcomeSince(this.#memory, question, asking.nowMs);
      if (shared !== undefined) return shared;
    }
    const nowMs = Date.now();
    const failure = recallFailure(this.#memory, question, nowMs);
    if (failure !== undefined) return failure;
    // What was good is no guess: it is asked again whatever others have used up.
    const counted = !wasFound(this.#memory, question);
    if (this.#running.size >= this.#bounds.asksMax) return "busy";
    if (counted && !beginLookUp(this.#budget, asking.asker, nowMs)) return "busy";
    this.#running.set(question, nowMs + asking.waitMs);
    const asked = this.#put(question, asking, counted);
    // It outlives its request, since others may be waiting for the outcome.
    asking.ctx.waitUntil(asked);
    return asked;
  }

  #isRunning(question: string): boolean {
    const untilMs = this.#running.get(question);
    return untilMs !== undefined && Date.now() < untilMs;
  }

  /** Never fails. */
  async #put(question: string, { put, asker, countsVain }: Asking<Value>, counted: boolean): Promise<Outcome<Value>> {
    const outcome: Outcome<Value> = await put(Date.now()).catch((cause: unknown) => ({
      kind: "failed",
      reason: cause instanceof Error ? cause.message : String(cause),
      away: cause instanceof NoAnswer,
    }));
    const nowMs = Date.now();
    rememberOutcome(this.#memory, question, outcome, nowMs);
    this.#running.delete(question);
    const inVain = outcome.kind === "failed" || (countsVain && !outcome.found);
    if (counted) endLookUp(this.#budget, asker, inVain, nowMs);
    return outcome;
  }
}
