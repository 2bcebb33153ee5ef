import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import {
  askQuestion,
  beginWait,
  endWait,
  giveUp,
  type LimitHolder,
  newHolder,
  settleReserved,
  shouldRenew,
  spend,
  takeAnswer,
  unspend,
  want,
} from "../../../shared/policy/limit-holder.ts";
import {
  heldOf,
  type LimitAnswer,
  type LimiterSettings,
  type LimiterState,
  lendableOf,
  newLimiter,
} from "../../../shared/policy/limiter-state.ts";
import { askLimiter } from "../../../shared/policy/rate-limit.ts";

const START = 1_790_000_000_000;
const WAIT_MS = 1_000;
const settings: LimiterSettings = { limit: 3200, windowMs: 60_000 };

/** One question, answered at once. */
function ask(state: LimiterState, holder: LimitHolder, cost: number, nowMs: number, one = state.settings): LimitAnswer {
  const question = askQuestion(holder, cost, nowMs, one, true);
  const { answer } = askLimiter(state, question, nowMs);
  takeAnswer(holder, holder.seq, question, answer, nowMs, nowMs, one);
  return answer;
}

/** A holder that wants tokens, and has some. */
function lent(state: LimiterState, id: string, wanted: number, nowMs = START): LimitHolder {
  const holder = newHolder(id);
  want(holder, wanted, nowMs, state.settings);
  ask(state, holder, 1, nowMs);
  return holder;
}

const spends = (holder: LimitHolder, nowMs: number, one = settings): string =>
  spend(holder, 1, false, nowMs, one, WAIT_MS);

describe("a lease", () => {
  test("is spent without asking until it ends, by the isolate's own clock", () => {
    const state = newLimiter(settings);
    const holder = lent(state, "a", 40);
    expect(holder.balance).toBe(40);
    expect(spends(holder, START + 5_999)).toBe("admitted");
    expect(spends(holder, START + 6_000)).toBe("ask");
  });

  test("ends where a clock was set back", () => {
    const holder = lent(newLimiter(settings), "a", 40);
    expect(spends(holder, START + 10)).toBe("admitted");
    expect(spends(holder, START + 9)).toBe("ask");
  });

  test("is counted by the limiter until later than it is spent", () => {
    const state = newLimiter(settings);
    lent(state, "a", 40);
    const free = settings.limit - 41;
    const late = START + 6_000 + limits.rateLimit.leaseMarginMs - 1;
    expect(heldOf(state).tokens).toBe(40);
    expect(askLimiter(state, { cost: free + 1, more: 0 }, late).answer.admitted).toBe(false);
    expect(askLimiter(state, { cost: free, more: 0 }, late).answer.admitted).toBe(true);
    askLimiter(state, { cost: 0, more: 0 }, late + 1);
    expect(heldOf(state)).toEqual({ tokens: 0, inUse: 0, lost: 40 });
  });

  test("that ended gives back what was not spent when its isolate is heard of again", () => {
    const state = newLimiter(settings);
    const holder = lent(state, "a", 40);
    for (let at = 0; at < 10; at++) expect(spends(holder, START + 1)).toBe("admitted");
    const { remaining } = ask(state, holder, 1, START + 20_000);
    expect(remaining).toBe(settings.limit - 1 - 10 - 1);
    expect(heldOf(state).lost).toBe(0);
  });

  test("is renewed when little is left, and not while nothing is to be had", () => {
    const state = newLimiter(settings);
    const holder = lent(state, "a", 40);
    expect(shouldRenew(holder, START + 1, WAIT_MS)).toBe(false);
    for (let at = 0; at < 30; at++) spends(holder, START + 1);
    expect(shouldRenew(holder, START + 1, WAIT_MS)).toBe(true);
    holder.emptyUntilMs = START + 100;
    expect(shouldRenew(holder, START + 1, WAIT_MS)).toBe(false);
  });

  test("is not given for a first request", () => {
    const state = newLimiter(settings);
    expect(lent(state, "a", 1).balance).toBe(0);
    expect(state.accounts).toEqual({});
  });

  test.each<[string, LimiterSettings]>([
    ["a small limit", { limit: 31, windowMs: 60_000 }],
    ["a short window", { limit: 100_000, windowMs: 199 }],
  ])("is not given of %s", (_, small) => {
    const state = newLimiter(small);
    expect(lent(state, "a", 20).balance).toBe(0);
    expect(heldOf(state).tokens).toBe(0);
  });
});

describe("several isolates", () => {
  test("have shares by what they want, together no more than may lie with isolates", () => {
    const state = newLimiter(settings);
    const holders = [lent(state, "a", 300), lent(state, "b", 100), lent(state, "c", 100)];
    for (let round = 0; round < 6; round++) for (const holder of holders) ask(state, holder, 0, START + 1);
    const most = lendableOf(settings);
    expect(heldOf(state).tokens).toBeLessThanOrEqual(most);
    for (const { balance } of holders) expect(balance).toBeGreaterThan(0);
  });

  test("beyond the bound are answered request by request", () => {
    const wide = { limit: 1_000_000, windowMs: 60_000 };
    const state = newLimiter(wide);
    for (let at = 0; at <= limits.rateLimit.accountsMax; at++) lent(state, `i${at}`, 10);
    expect(Object.keys(state.accounts)).toHaveLength(limits.rateLimit.accountsMax);
    expect(lent(state, "more", 10).balance).toBe(0);
  });
});

describe("answers", () => {
  test("that come too late are not acted on, and the limiter takes back what they lent", () => {
    const state = newLimiter(settings);
    const holder = newHolder("a");
    want(holder, 40, START, settings);
    const question = askQuestion(holder, 1, START, settings, true);
    const { seq } = holder;
    const { answer } = askLimiter(state, question, START);
    expect(answer.lent).toBe(40);
    giveUp(holder, seq, START + WAIT_MS);
    expect(takeAnswer(holder, seq, question, answer, START, START + WAIT_MS + 1, settings)).toBe(false);
    expect(holder.balance).toBe(0);
    ask(state, holder, 0, START + WAIT_MS + 2);
    expect(heldOf(state).tokens).toBe(holder.balance);
  });

  test("an older question that comes later changes nothing of the account", () => {
    const state = newLimiter(settings);
    const holder = lent(state, "a", 40);
    const older = askQuestion(holder, 0, START + 1, settings, true);
    giveUp(holder, holder.seq, START + 2);
    for (let at = 0; at < 5; at++) spends(holder, START + 3);
    ask(state, holder, 0, START + 4);
    const before = structuredClone(state);
    askLimiter(state, older, START + 5);
    expect(state.accounts).toEqual(before.accounts);
  });

  test("no isolate refuses longer than a client is told to wait", () => {
    const hourly = { limit: 600, windowMs: 3_600_000 };
    const state = newLimiter(hourly);
    for (let at = 0; at < 600; at++) askLimiter(state, { cost: 1, more: 0 }, START + at);
    const holder = newHolder("a");
    for (const nowMs of [START + 1_000, START + 3_599_999, START + 3_600_000]) {
      want(holder, 20, nowMs, hourly);
      const { emptyMs, resetMs } = ask(state, holder, 1, nowMs);
      expect(resetMs).toBeGreaterThanOrEqual(emptyMs);
      expect(emptyMs).toBeLessThanOrEqual(limits.rateLimit.refusedSurelyMsMax);
    }
  });
});

describe("requests that wait", () => {
  test("are asked for together, once, and what was spent for one that gave up is nobody's", () => {
    const small = { limit: 20, windowMs: 60_000 };
    const state = newLimiter(small);
    const holder = newHolder("a");
    for (let at = 0; at < 3; at++) beginWait(holder, 1);
    expect(ask(state, holder, 1, START).more).toBe(3);
    expect(ask(state, holder, 1, START).more).toBe(0);
    expect(spend(holder, 1, false, START, small, WAIT_MS)).toBe("ask");
    expect(spend(holder, 1, true, START, small, WAIT_MS)).toBe("admitted");
    for (let at = 0; at < 3; at++) endWait(holder, 1);
    expect(holder).toMatchObject({ waiting: 0, paid: 0 });
  });
});

describe("what is given back", () => {
  test("may be spent again, unless the limiter was told that it is spent", () => {
    const state = newLimiter(settings);
    const holder = lent(state, "a", 40);
    spends(holder, START + 1);
    unspend(holder, 1, START + 1);
    expect(holder.balance).toBe(40);
    spends(holder, START + 1);
    ask(state, holder, 0, START + 2);
    const { balance } = holder;
    unspend(holder, 1, START + 3);
    expect(holder.balance).toBe(balance);
  });

  test("a slot that nobody brought back is free after the longest time of a request", () => {
    const slots: LimiterSettings = { limit: 1, windowMs: 5_000, counts: "concurrent" };
    const state = newLimiter(slots);
    const holder = newHolder("a");
    expect(ask(state, holder, 1, START).admitted).toBe(true);
    expect(ask(state, holder, 1, START + 4_999).admitted).toBe(false);
    expect(ask(state, holder, 1, START + 5_000).admitted).toBe(true);
    expect(settleReserved(holder, 1, 0, START, START + 5_001)).toBe(false);
    expect(holder.inUse).toBe(1);
  });
});
