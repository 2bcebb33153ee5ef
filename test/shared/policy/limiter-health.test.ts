import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import {
  healthVerdict,
  newLimiterHealth,
  newLimitHealth,
  noteAnswer,
  restLeftMs,
} from "../../../shared/policy/limiter-health.ts";

const { failuresMax, limitersFailingMax, restMs } = limits.rateLimit;
const NOW = 1_000_000;

function limiter(name: string, all = newLimitHealth()) {
  const one = newLimiterHealth();
  return {
    all,
    one,
    verdict: (nowMs: number, asking = false) => healthVerdict(one, all, asking, nowMs),
    note: (inTime: boolean, nowMs: number) => noteAnswer(one, all, name, inTime, nowMs),
  };
}

function fail(one: ReturnType<typeof limiter>, nowMs: number, times: number = failuresMax): void {
  for (let at = 0; at < times; at++) one.note(false, nowMs);
}

describe("a limiter that does not answer", () => {
  test("is waited for until it has failed a few times in a row", () => {
    const one = limiter("a");
    fail(one, NOW, failuresMax - 1);
    expect(one.verdict(NOW)).toBe("ask");
    one.note(true, NOW);
    fail(one, NOW, failuresMax - 1);
    expect(one.verdict(NOW)).toBe("ask");
    one.note(false, NOW);
    expect(one.verdict(NOW)).toBe("rest");
    expect(restLeftMs(one.one, one.all, NOW)).toBe(restMs);
  });

  test("is asked again by one question beside the requests, later and later", () => {
    const one = limiter("a");
    fail(one, NOW);
    let nowMs = NOW;
    for (const times of [1, 2, 4, 8, 10, 10]) {
      expect(one.verdict(nowMs + restMs * times - 1)).toBe("rest");
      nowMs += restMs * times;
      expect(one.verdict(nowMs, true)).toBe("rest");
      expect(one.verdict(nowMs)).toBe("probe");
      expect(one.verdict(nowMs)).toBe("rest");
      one.note(false, nowMs);
    }
  });

  test("is waited for again once it has answered in time", () => {
    const one = limiter("a");
    fail(one, NOW);
    expect(one.verdict(NOW + restMs)).toBe("probe");
    one.note(true, NOW + restMs);
    expect(one.verdict(NOW + restMs)).toBe("ask");
    expect(restLeftMs(one.one, one.all, NOW + restMs)).toBe(0);
  });

  test("whose probe was lost is asked again", () => {
    const one = limiter("a");
    fail(one, NOW);
    expect(one.verdict(NOW + restMs)).toBe("probe");
    expect(one.verdict(NOW + 2 * restMs - 1)).toBe("rest");
    expect(one.verdict(NOW + 2 * restMs)).toBe("probe");
  });

  test("costs the others of its limit nothing, however often it fails", () => {
    const [bad, good] = [limiter("bad"), limiter("good")];
    const other = limiter("good", bad.all);
    fail(bad, NOW, 1000);
    expect(other.verdict(NOW)).toBe("ask");
    expect(good.verdict(NOW)).toBe("ask");
  });

  test("and several of one limit, with no other answering: all are out of reach, new ones too", () => {
    const all = newLimitHealth();
    const some = Array.from({ length: limitersFailingMax }, (_, at) => limiter(`l${at}`, all));
    for (const one of some.slice(1)) one.note(false, NOW);
    expect(limiter("new", all).verdict(NOW)).toBe("ask");
    some[0]?.note(false, NOW);
    const late = limiter("new", all);
    expect(late.verdict(NOW)).toBe("rest");
    expect(late.verdict(NOW + restMs)).toBe("probe");
    expect(limiter("newer", all).verdict(NOW + restMs)).toBe("rest");
    late.note(true, NOW + restMs);
    expect(limiter("newest", all).verdict(NOW + restMs)).toBe("ask");
  });

  test("an answer between shows that the limit is not out of reach", () => {
    const all = newLimitHealth();
    for (let at = 0; at < 10 * limitersFailingMax; at++) {
      limiter(`l${at}`, all).note(false, NOW);
      if (at % (limitersFailingMax - 1) === 0) limiter("good", all).note(true, NOW);
    }
    expect(limiter("new", all).verdict(NOW)).toBe("ask");
  });

  test("an answer that was long on its way does not end the rest early, nor make the next failure count less", () => {
    const all = newLimitHealth();
    for (let at = 0; at < limitersFailingMax; at++) limiter(`l${at}`, all).note(false, NOW);
    limiter("late", all).note(true, NOW + 1);
    expect(limiter("new", all).verdict(NOW + 1)).toBe("rest");
    const probe = limiter("probe", all);
    expect(probe.verdict(NOW + restMs)).toBe("probe");
    probe.note(false, NOW + restMs);
    expect(limiter("new", all).verdict(NOW + 3 * restMs - 1)).toBe("rest");
  });
});
