import { describe, expect, test } from "vitest";
import {
  type Answer,
  type AnswerMemory,
  newAnswerMemory,
  outcomeSince,
  recallAnswer,
  recallFailure,
  recallStale,
  rememberOutcome,
  wasFound,
} from "../../../shared/auth/answer-memory.ts";

const bounds = { rememberedMax: 3, rememberedCharsMax: 100, vainMax: 2, vainCharsMax: 100, failureMs: 10 };
const answer = (value: string, more: Partial<Answer<string>> = {}): Answer<string> => ({
  kind: "answer",
  value,
  chars: value.length,
  found: true,
  freshUntilMs: 100,
  staleUntilMs: 200,
  ...more,
});
const failure = { kind: "failed", reason: "away", away: true } as const;
const memoryOf = (...outcomes: [string, Answer<string>, number][]): AnswerMemory<string> => {
  const memory = newAnswerMemory<string>(bounds);
  for (const [question, outcome, nowMs] of outcomes) rememberOutcome(memory, question, outcome, nowMs);
  return memory;
};

test("an answer is believed until its end, and stands in until a later one", () => {
  const memory = memoryOf(["q", answer("a"), 0]);
  expect([recallAnswer(memory, "q", 99)?.value, recallAnswer(memory, "q", 100)]).toEqual(["a", undefined]);
  expect([recallStale(memory, "q", 199)?.value, recallStale(memory, "q", 200)]).toEqual(["a", undefined]);
  expect(recallAnswer(memory, "other", 0)).toBeUndefined();
});

test("a failure takes nothing away, and an answer ends it", () => {
  const memory = memoryOf(["q", answer("a"), 0]);
  rememberOutcome(memory, "q", failure, 50);
  expect(recallAnswer(memory, "q", 60)?.value).toBe("a");
  expect([recallFailure(memory, "q", 59), recallFailure(memory, "q", 60)]).toEqual([failure, undefined]);
  rememberOutcome(memory, "q", answer("b"), 55);
  expect(recallFailure(memory, "q", 56)).toBeUndefined();
});

test("a new answer replaces the one before, whatever kind that was; one that found nothing never stands in", () => {
  const memory = memoryOf(["q", answer("a"), 0], ["q", answer("no", { found: false }), 10]);
  expect(recallAnswer(memory, "q", 20)?.value).toBe("no");
  expect(recallStale(memory, "q", 20)).toBeUndefined();
  expect(wasFound(memory, "q")).toBe(false);
  rememberOutcome(memory, "q", answer("b"), 30);
  expect([recallAnswer(memory, "q", 40)?.value, wasFound(memory, "q")]).toEqual(["b", true]);
});

describe("who has waited", () => {
  test("takes what came since, also where that is not remembered", () => {
    const memory = memoryOf(["q", answer("a", { freshUntilMs: 0 }), 50]);
    expect(outcomeSince(memory, "q", 50)).toMatchObject({ value: "a" });
    expect(outcomeSince(memory, "q", 51)).toBeUndefined();
    rememberOutcome(memory, "q", failure, 60);
    expect(outcomeSince(memory, "q", 51)).toEqual(failure);
  });
});

test("a flood of questions in vain pushes out no good answer, and is bounded by number and length", () => {
  const memory = memoryOf(["good", answer("a"), 0]);
  for (let n = 0; n < 100; n++) rememberOutcome(memory, `bad-${n}`, answer("no", { found: false }), 1);
  for (let n = 0; n < 100; n++) rememberOutcome(memory, `gone-${n}`, failure, 1);
  expect(recallAnswer(memory, "good", 2)?.value).toBe("a");
  expect([memory.vain.size, memory.failed.size]).toEqual([2, 2]);
  rememberOutcome(memory, "x".repeat(101), answer("long"), 2);
  expect(memory.found.size).toBe(0);
});

test("what is long counts as such, however short its question: answers and reasons of failures", () => {
  const memory = memoryOf(["q", answer("x".repeat(60)), 0], ["r", answer("x".repeat(60)), 0]);
  expect([recallAnswer(memory, "q", 1), recallAnswer(memory, "r", 1)?.value]).toEqual([undefined, "x".repeat(60)]);
  for (const question of ["q", "r"]) rememberOutcome(memory, question, { ...failure, reason: "x".repeat(60) }, 1);
  expect(memory.failed.size).toBe(1);
});
