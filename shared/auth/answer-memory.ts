/**
 * What an isolate remembers of the answers that somebody outside gave, by the question. Answers that found nothing are kept
 * apart, so that a flood of such questions pushes no good answer out.
 */
import { BoundedMap } from "../policy/bounded-map.ts";

export interface Answer<Value> {
  readonly kind: "answer";
  readonly value: Value;
  /** Characters that the value holds: it may be far larger than its question. */
  readonly chars: number;
  /** Whether it was worth asking. */
  readonly found: boolean;
  /** Until then it is given without asking again. */
  readonly freshUntilMs: number;
  /** Until then it is given where asking again failed. */
  readonly staleUntilMs: number;
}

export interface Failure {
  readonly kind: "failed";
  /** For operators. */
  readonly reason: string;
  /** Nobody answered, or said that it is out of order. False: the answer was none. */
  readonly away: boolean;
}

export type Outcome<Value> = Answer<Value> | Failure;

export interface AnswerBounds {
  readonly rememberedMax: number;
  readonly rememberedCharsMax: number;
  readonly vainMax: number;
  readonly vainCharsMax: number;
  /** A question that failed is not asked again within this. */
  readonly failureMs: number;
}

interface Kept<What> {
  readonly outcome: What;
  readonly atMs: number;
}

export interface AnswerMemory<Value> {
  readonly bounds: AnswerBounds;
  readonly found: BoundedMap<Kept<Answer<Value>>>;
  readonly vain: BoundedMap<Kept<Answer<Value>>>;
  readonly failed: BoundedMap<Kept<Failure>>;
}

export function newAnswerMemory<Value>(bounds: AnswerBounds): AnswerMemory<Value> {
  return {
    bounds,
    found: new BoundedMap(bounds.rememberedMax, bounds.rememberedCharsMax),
    vain: new BoundedMap(bounds.vainMax, bounds.vainCharsMax),
    failed: new BoundedMap(bounds.vainMax, bounds.vainCharsMax),
  };
}

/** @param nowMs when the outcome came */
export function rememberOutcome<Value>(
  memory: AnswerMemory<Value>,
  question: string,
  outcome: Outcome<Value>,
  nowMs: number,
): void {
  if (outcome.kind === "failed") {
    memory.failed.set(question, { outcome, atMs: nowMs }, outcome.reason.length);
    return;
  }
  const [kept, other] = outcome.found ? [memory.found, memory.vain] : [memory.vain, memory.found];
  other.delete(question);
  memory.failed.delete(question);
  kept.set(question, { outcome, atMs: nowMs }, outcome.chars);
}

/** An answer that is believed without asking. */
export function recallAnswer<Value>(
  memory: AnswerMemory<Value>,
  question: string,
  nowMs: number,
): Answer<Value> | undefined {
  const outcome = (memory.found.get(question) ?? memory.vain.get(question))?.outcome;
  return outcome !== undefined && nowMs < outcome.freshUntilMs ? outcome : undefined;
}

/** The failure of a question that was asked a moment ago. */
export function recallFailure<Value>(
  memory: AnswerMemory<Value>,
  question: string,
  nowMs: number,
): Failure | undefined {
  const kept = memory.failed.get(question);
  return kept !== undefined && nowMs - kept.atMs < memory.bounds.failureMs ? kept.outcome : undefined;
}

/** What came of the question since a time: as new as an own answer to whoever has waited since then. */
export function outcomeSince<Value>(
  memory: AnswerMemory<Value>,
  question: string,
  sinceMs: number,
): Outcome<Value> | undefined {
  const kept = [memory.failed.get(question), memory.found.get(question), memory.vain.get(question)];
  return kept.find((one) => one !== undefined && one.atMs >= sinceMs)?.outcome;
}

/** A good answer that is older than it should be, for when there is no other. */
export function recallStale<Value>(
  memory: AnswerMemory<Value>,
  question: string,
  nowMs: number,
): Answer<Value> | undefined {
  const outcome = memory.found.get(question)?.outcome;
  return outcome !== undefined && nowMs < outcome.staleUntilMs ? outcome : undefined;
}

/** Whether the question had a good answer the last time. */
export function wasFound<Value>(memory: AnswerMemory<Value>, question: string): boolean {
  return memory.found.get(question) !== undefined;
}
