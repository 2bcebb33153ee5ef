import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import {
  composeAnswer,
  failedPart,
  finishPart,
  isComplete,
  newAggregate,
  startParts,
} from "../../../shared/policy/aggregate.ts";
import type { AggregatePart } from "../../../shared/policy/settings.ts";

const part = (name: string, more: Partial<AggregatePart> = {}): AggregatePart => ({
  name,
  method: "GET",
  target: { service: name },
  path: ["/"],
  dependsOn: [],
  optional: false,
  timeoutMs: 1000,
  ...more,
});
const names = (parts: readonly AggregatePart[]): string[] => parts.map(({ name }) => name);
const ok = (value: unknown) => ({ ok: true, value }) as const;
const bad = (status: 502 | 503 | 504) => ({ ok: false, status, reason: "broken" }) as const;

describe("aggregate", () => {
  const user = part("user");
  const order = part("order", { dependsOn: ["user"], optional: true });
  const item = part("item", { dependsOn: ["order"], optional: true });
  const all = [item, order, user];

  test("a part starts when its sources are there, and once", () => {
    const state = newAggregate(all);
    expect(names(startParts(state, all))).toEqual(["user"]);
    expect(startParts(state, all)).toEqual([]);
    finishPart(state, user, ok({ id: 1 }));
    expect(names(startParts(state, all))).toEqual(["order"]);
    finishPart(state, order, ok({ id: 2 }));
    expect(names(startParts(state, all))).toEqual(["item"]);
    expect(isComplete(state)).toBe(false);
    finishPart(state, item, ok(3));
    expect(isComplete(state)).toBe(true);
    expect(composeAnswer(state, all)).toEqual({ body: { item: 3, order: { id: 2 }, user: { id: 1 } }, missing: [] });
  });

  test("what waits for a failed part fails with it, whatever their order", () => {
    const state = newAggregate(all);
    startParts(state, all);
    finishPart(state, user, ok(1));
    startParts(state, all);
    finishPart(state, order, bad(503));
    expect(startParts(state, all)).toEqual([]);
    expect(isComplete(state)).toBe(true);
    expect(failedPart(state, all)).toBeUndefined();
    expect(composeAnswer(state, all)).toEqual({
      body: { item: null, order: null, user: 1 },
      missing: ["item", "order"],
    });
  });

  test("a required part that waits for an optional one that failed ends it all", () => {
    const first = part("first", { optional: true });
    const second = part("second", { dependsOn: ["first"] });
    const state = newAggregate([first, second]);
    startParts(state, [first, second]);
    finishPart(state, first, bad(504));
    startParts(state, [first, second]);
    expect(failedPart(state, [first, second])).toMatchObject({ name: "second", result: { status: 504 } });
  });

  test("no more at once than the platform has connections", () => {
    const many = Array.from({ length: 20 }, (_, at) => part(`p${at}`));
    const state = newAggregate(many);
    const started = startParts(state, many);
    expect(started).toHaveLength(limits.gateway.aggregateConcurrencyMax);
    finishPart(state, started[0] as AggregatePart, ok(1));
    expect(startParts(state, many)).toHaveLength(1);
  });

  test("pick keeps what it names and needs an object", () => {
    const picked = part("picked", { pick: ["id", "gone", "constructor"] });
    const state = newAggregate([picked]);
    startParts(state, [picked]);
    finishPart(state, picked, ok({ id: 1, secret: 2 }));
    expect(composeAnswer(state, [picked]).body).toEqual({ picked: { id: 1 } });
    finishPart(state, picked, ok([1]));
    expect(failedPart(state, [picked])).toMatchObject({ name: "picked", result: { status: 502 } });
  });
});
