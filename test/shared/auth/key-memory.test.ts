import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KeyRecord } from "../../../shared/auth/api-key.ts";
import {
  beginConfirmation,
  endConfirmation,
  newKeyMemory,
  recallKey,
  rememberKey,
  shardOf,
  takeChanges,
} from "../../../shared/auth/key-memory.ts";
import { beginLookUp, endLookUp, newLookUpBudget } from "../../../shared/auth/look-up-budget.ts";
import { limits } from "../../../shared/limits.ts";

const { staleMs, confirmAfterMs, confirmRetryMs, shardWaitMs, rememberedMax, unknownRememberedMax } = limits.apiKeys;
const T = 1_800_000_000_000;
const record = (id: string, more: Partial<KeyRecord> = {}): KeyRecord => ({
  id,
  prefix: "slv",
  start: "slv_AbCd",
  owner: id,
  scopes: [],
  groups: [],
  createdAtMs: 0,
  ...more,
});
const owner = (found: ReturnType<typeof recallKey>): string | undefined =>
  typeof found === "object" ? found.record.owner : found;

describe("shardOf", () => {
  test("the first four bits of a hash", () => {
    const hash = (first: number): string => Buffer.from([first, ...new Array(31).fill(7)]).toString("base64url");
    for (let first = 0; first < 256; first++) expect(shardOf(hash(first))).toBe(first >> 4);
  });
});

describe("memory", () => {
  test("is believed for its time, and again when the shard has confirmed it", () => {
    const memory = newKeyMemory();
    expect(recallKey(memory, "k", T)).toBeUndefined();
    rememberKey(memory, "k", "A1", record("a"), { revision: 3, added: 1, changed: [] }, T);
    expect(owner(recallKey(memory, "k", T + staleMs))).toBe("a");
    expect(recallKey(memory, "k", T + staleMs + 1)).toBeUndefined();
    takeChanges(memory, 0, { revision: 4, added: 2, changed: ["A2"] }, T + 5000);
    expect(owner(recallKey(memory, "k", T + 5000))).toBe("a");
  });
  test("a changed key is forgotten, others of its shard are not", () => {
    const memory = newKeyMemory();
    rememberKey(memory, "k", "A1", record("a"), { revision: 0, added: 1, changed: [] }, T);
    rememberKey(memory, "l", "A2", record("b"), { revision: 0, added: 1, changed: [] }, T);
    takeChanges(memory, 0, { revision: 1, added: 1, changed: ["A1"] }, T + 1);
    expect(recallKey(memory, "k", T + 1)).toBeUndefined();
    expect(owner(recallKey(memory, "l", T + 1))).toBe("b");
  });
  test("a new key makes unknown ones of its shard be asked for again", () => {
    const memory = newKeyMemory();
    rememberKey(memory, "k", "A1", undefined, { revision: 0, added: 1, changed: [] }, T);
    rememberKey(memory, "l", "g1", undefined, { revision: 0, added: 1, changed: [] }, T);
    expect(recallKey(memory, "k", T)).toBe("unknown");
    takeChanges(memory, 0, { revision: 0, added: 2, changed: [] }, T + 1);
    expect(recallKey(memory, "k", T + 1)).toBeUndefined();
    expect(recallKey(memory, "l", T + 1)).toBe("unknown");
  });
  test("more changes than the shard remembers make everything of it be forgotten", () => {
    const memory = newKeyMemory();
    rememberKey(memory, "k", "A1", record("a"), { revision: 9, added: 1, changed: [] }, T);
    rememberKey(memory, "l", "_1", record("b"), { revision: 9, added: 1, changed: [] }, T);
    takeChanges(memory, 0, { revision: 2, added: 1 }, T + 1);
    expect(recallKey(memory, "k", T + 1)).toBeUndefined();
    expect(owner(recallKey(memory, "l", T + 1))).toBe("b");
  });
  test("an overtaken answer is used once and not remembered", () => {
    const memory = newKeyMemory();
    takeChanges(memory, 0, { revision: 5, added: 1, changed: [] }, T + 10);
    const late = rememberKey(memory, "k", "A1", record("a"), { revision: 4, added: 1, changed: [] }, T);
    expect(owner(late)).toBe("a");
    expect(recallKey(memory, "k", T + 10)).toBeUndefined();
    expect(rememberKey(memory, "l", "A2", undefined, { revision: 5, added: 0, changed: [] }, T)).toBe("unknown");
    expect(recallKey(memory, "l", T + 10)).toBeUndefined();
  });
  test("has bounds, and unknown keys push no good one out", () => {
    const memory = newKeyMemory();
    const changes = { revision: 0, added: 0, changed: [] };
    rememberKey(memory, "good", "A1", record("a"), changes, T);
    for (let at = 0; at < unknownRememberedMax + 10; at++) rememberKey(memory, `u${at}`, "A2", undefined, changes, T);
    expect(memory.unknown.size).toBe(unknownRememberedMax);
    expect(owner(recallKey(memory, "good", T))).toBe("a");
    for (let at = 0; at < rememberedMax; at++) rememberKey(memory, `k${at}`, "A3", record("b"), changes, T);
    expect(memory.known.size).toBe(rememberedMax);
    expect(recallKey(memory, "good", T)).toBeUndefined();
  });
});

describe("confirmations", () => {
  test("one at a time, when it is due, sooner again after a failure, and not blocked by one that was lost", () => {
    const memory = newKeyMemory();
    rememberKey(memory, "k", "A1", record("a"), { revision: 3, added: 1, changed: [] }, T);
    expect(beginConfirmation(memory, 0, T + confirmAfterMs - 1)).toBeUndefined();
    const at = T + confirmAfterMs;
    expect(beginConfirmation(memory, 0, at)).toEqual({ since: 3, used: [] });
    expect(beginConfirmation(memory, 0, at + 1)).toBeUndefined();
    endConfirmation(memory, 0, undefined, at, at + 10);
    expect(beginConfirmation(memory, 0, at + 10 + confirmRetryMs - 1)).toBeUndefined();
    const again = at + 10 + confirmRetryMs;
    expect(beginConfirmation(memory, 0, again)).toBeDefined();
    expect(beginConfirmation(memory, 0, again + shardWaitMs)).toBeDefined();
    endConfirmation(memory, 0, { revision: 3, added: 1, changed: [] }, again, again + 1);
    expect(owner(recallKey(memory, "k", again + staleMs))).toBe("a");
  });
  test("tell which keys were used since the hour of their look-up, once", () => {
    const memory = newKeyMemory();
    rememberKey(memory, "k", "A1", record("a"), { revision: 3, added: 1, changed: [] }, T);
    const later = T + limits.apiKeys.lastUsedStepMs;
    takeChanges(memory, 0, { revision: 3, added: 1, changed: [] }, later);
    recallKey(memory, "k", later);
    recallKey(memory, "k", later);
    expect(beginConfirmation(memory, 0, later + confirmAfterMs)).toEqual({ since: 3, used: ["A1"] });
    endConfirmation(memory, 0, { revision: 3, added: 1, changed: [] }, later + confirmAfterMs, later + confirmAfterMs);
    recallKey(memory, "k", later + confirmAfterMs);
    expect(beginConfirmation(memory, 0, later + 2 * confirmAfterMs)?.used).toEqual([]);
  });
});

describe("whatever happens in whatever order", () => {
  /** A shard as it is, and an isolate's view of it: answers arrive at once, or late and in any order. */
  test("no revoked key is believed for longer than the bound", () => {
    const events = fc.array(
      fc.record({
        what: fc.constantFrom("ask", "ask", "confirm", "confirm", "revoke", "arrive", "wait", "wait"),
        key: fc.integer({ min: 0, max: 1 }),
        late: fc.integer({ min: 0, max: 3 }).map((of) => of === 0),
        pick: fc.nat(),
        ms: fc.integer({ min: 0, max: 2000 }),
      }),
      { minLength: 20, maxLength: 60 },
    );
    fc.assert(
      fc.property(events, (all) => playEvents(all)),
      { numRuns: 1000 },
    );
  });
});

interface Event {
  readonly what: string;
  readonly key: number;
  readonly late: boolean;
  readonly pick: number;
  readonly ms: number;
}

function playEvents(events: readonly Event[]): void {
  const memory = newKeyMemory();
  const revokedAtMs: (number | undefined)[] = [undefined, undefined];
  const log: string[] = [];
  const waiting: (() => void)[] = [];
  let nowMs = T;
  for (const { what, key, late, pick, ms } of events) {
    const since = memory.shards[0]?.revision ?? -1;
    const changes = { revision: log.length, added: 2, changed: since < 0 ? [] : log.slice(since) };
    const [sentAtMs, endedAtMs] = [nowMs, revokedAtMs[key]];
    const found = record(`k${key}`, endedAtMs === undefined ? {} : { revokedAtMs: endedAtMs });
    const arrive = (answer: () => void): void => {
      if (late) waiting.push(answer);
      else answer();
    };
    if (what === "wait") nowMs += ms;
    else if (what === "revoke" && endedAtMs === undefined) {
      revokedAtMs[key] = nowMs;
      log.push(`A${key}`);
    } else if (what === "ask") arrive(() => rememberKey(memory, `k${key}`, `A${key}`, found, changes, sentAtMs));
    else if (what === "confirm") arrive(() => takeChanges(memory, 0, changes, sentAtMs));
    else if (what === "arrive") waiting.splice(pick % Math.max(1, waiting.length), 1)[0]?.();
    for (const [at, ended] of revokedAtMs.entries()) {
      const known = recallKey(memory, `k${at}`, nowMs);
      if (ended !== undefined && typeof known === "object" && known.record.revokedAtMs === undefined)
        expect(nowMs - ended).toBeLessThanOrEqual(staleMs);
    }
  }
}

describe("look-up budget", () => {
  const { unknownBurst, unknownPerSecond, unknownBurstAndAddress, lookUpsMax, addressesMax } = limits.apiKeys;
  test("look-ups that found something are free", () => {
    const budget = newLookUpBudget();
    for (let at = 0; at < 10 * unknownBurst; at++) {
      expect(beginLookUp(budget, "a", T)).toBe(true);
      endLookUp(budget, "a", false, T);
    }
  });
  test("in any time, vain ones are at most burst, rate and what ran at once", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 400 }))), (rounds) => {
        const budget = newLookUpBudget();
        let nowMs = T;
        let made = 0;
        for (const [ms, count] of rounds) {
          nowMs += ms;
          let begun = 0;
          for (let at = 0; at < count; at++) if (beginLookUp(budget, `${made + at}`, nowMs)) begun++;
          for (let at = 0; at < begun; at++) endLookUp(budget, `${made + at}`, true, nowMs);
          made += begun;
          expect(made).toBeLessThanOrEqual(unknownBurst + lookUpsMax + ((nowMs - T) * unknownPerSecond) / 1000);
        }
        expect(budget.addresses.size).toBeLessThanOrEqual(addressesMax);
      }),
    );
  });
  test("one address does not use up what is there for others", () => {
    const budget = newLookUpBudget();
    let made = 0;
    while (beginLookUp(budget, "a", T)) {
      endLookUp(budget, "a", true, T);
      made++;
    }
    expect(made).toBe(unknownBurstAndAddress);
    expect(beginLookUp(budget, "b", T)).toBe(true);
  });
  test("addresses that are remembered are bounded", () => {
    const budget = newLookUpBudget();
    for (let at = 0; at < addressesMax + 100; at++) {
      beginLookUp(budget, `${at}`, T + at * 100);
      endLookUp(budget, `${at}`, true, T + at * 100);
    }
    expect(budget.addresses.size).toBe(addressesMax);
  });
});
