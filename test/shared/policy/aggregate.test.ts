import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import {
  type AggregateRun,
  failedPart,
  finishCall,
  isComplete,
  newAggregate,
  nextCalls,
  type PartCall,
  type RunHelp,
} from "../../../shared/policy/aggregate.ts";
import { composeAnswer } from "../../../shared/policy/aggregate-answer.ts";
import type { AggregatePart } from "../../../shared/policy/aggregate-settings.ts";
import { conditionView } from "../../../shared/policy/condition-view.ts";
import { parsePartCondition } from "../../../shared/policy/part-condition.ts";

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
const help: RunHelp = {
  decide: (text, run, answer) => {
    const condition = parsePartCondition(text);
    return typeof condition === "string" ? condition : condition.evaluate(conditionView(run, condition.names, answer));
  },
  secretOf: () => undefined,
};
const names = (calls: readonly PartCall[]): string[] => calls.map(({ part: { name } }) => name);
const value = (given: unknown) => ({ kind: "value", value: given, status: 200 }) as const;
const bad = (status: 502 | 503 | 504, answered?: number) =>
  ({ kind: "failed", status, reason: "broken", ...(answered !== undefined && { answered }) }) as const;

/** Performs everything at once. @param answer of one call */
function perform(
  parts: readonly AggregatePart[],
  answer: (call: PartCall) => unknown,
  scope: Record<string, unknown> = {},
): { run: AggregateRun; made: string[] } {
  const run = newAggregate(parts, scope);
  const made: string[] = [];
  for (let calls = nextCalls(run, help); calls.length > 0; calls = nextCalls(run, help))
    for (const call of calls) {
      made.push(call.request.path);
      const given = answer(call);
      const isResult = typeof given === "object" && given !== null && "kind" in given;
      finishCall(run, call, isResult ? (given as ReturnType<typeof bad>) : value(given), help);
    }
  return { run, made };
}

describe("the order of parts", () => {
  const user = part("user");
  const order = part("order", { dependsOn: ["user"], optional: true });
  const item = part("item", { dependsOn: ["order"], optional: true });
  const all = [item, order, user];

  test("a part starts when its sources are there, and once", () => {
    const run = newAggregate(all, {});
    const [first] = nextCalls(run, help);
    expect(first?.part.name).toBe("user");
    expect(nextCalls(run, help)).toEqual([]);
    finishCall(run, first as PartCall, value({ id: 1 }), help);
    const second = nextCalls(run, help);
    expect(names(second)).toEqual(["order"]);
    finishCall(run, second[0] as PartCall, value({ id: 2 }), help);
    const third = nextCalls(run, help);
    expect(names(third)).toEqual(["item"]);
    expect(isComplete(run)).toBe(false);
    finishCall(run, third[0] as PartCall, value(3), help);
    expect(isComplete(run)).toBe(true);
    expect(composeAnswer(run)).toMatchObject({
      status: 200,
      body: { item: 3, order: { id: 2 }, user: { id: 1 } },
      missing: [],
    });
  });

  test("what waits for a failed part fails with it, whatever their order", () => {
    const { run } = perform(all, ({ part: { name } }) => (name === "order" ? bad(503) : 1));
    expect(isComplete(run)).toBe(true);
    expect(failedPart(run)).toBeUndefined();
    const { body, missing } = composeAnswer(run);
    expect(body).toEqual({ item: null, order: null, user: 1 });
    expect(missing.map(([name, { status }]) => [name, status])).toEqual([
      ["item", 503],
      ["order", 503],
    ]);
  });

  test("a required part that waits for an optional one that failed ends it all", () => {
    const first = part("first", { optional: true });
    const second = part("second", { dependsOn: ["first"] });
    const { run } = perform([first, second], () => bad(504));
    expect(failedPart(run)).toMatchObject({ name: "second", failure: { status: 504 } });
  });

  test("no more at once than the platform has connections", () => {
    const run = newAggregate(
      Array.from({ length: 20 }, (_, at) => part(`p${at}`)),
      {},
    );
    const started = nextCalls(run, help);
    expect(started).toHaveLength(limits.aggregate.concurrencyMax);
    finishCall(run, started[0] as PartCall, value(1), help);
    expect(nextCalls(run, help)).toHaveLength(1);
  });
});

describe("conditions", () => {
  const user = part("user", { optional: true });
  const offers = part("offers", { after: ["user"], when: 'user != null && user.tier == "gold"' });
  const detail = part("detail", { dependsOn: ["offers"], path: ["/", ["offers", "id"]] });
  const parts = [user, offers, detail];

  test("a part whose condition is false is skipped, and so is what names it; neither is missing", () => {
    const { run, made } = perform(parts, () => ({ tier: "tin" }));
    expect(made).toEqual(["/"]);
    expect(composeAnswer(run)).toMatchObject({
      body: { user: { tier: "tin" }, offers: null, detail: null },
      missing: [],
    });
  });

  test("one whose condition is true runs after what the condition names", () => {
    const { made } = perform(parts, ({ part: { name } }) => (name === "user" ? { tier: "gold" } : { id: 7 }));
    expect(made).toEqual(["/", "/", "/7"]);
  });

  test("a condition sees null for what failed, and its status", () => {
    const other = part("other", { after: ["user"], when: "user == null && status.user == 404" });
    const { run, made } = perform([user, other], ({ part: { name } }) => (name === "user" ? bad(502, 404) : 1));
    expect(made).toHaveLength(2);
    expect(composeAnswer(run).body).toEqual({ user: null, other: 1 });
  });

  test("an answer that is not as expected is none", () => {
    const checked = part("checked", { expect: 'answer.status == 200 && answer.body.state == "open"' });
    expect(failedPart(perform([checked], () => ({ state: "open" })).run)).toBeUndefined();
    const { failure } = failedPart(perform([checked], () => ({ state: "shut" })).run) ?? {};
    expect(failure).toMatchObject({ status: 502, answered: 200 });
    expect(failedPart(perform([checked], () => 7).run)?.failure.reason).toContain("cannot be judged");
  });

  test("a condition without a value fails its part", () => {
    const { run } = perform(parts, () => ({ name: "Alice" }));
    expect(failedPart(run)).toMatchObject({ name: "offers" });
    expect(failedPart(run)?.failure.reason).toContain("condition has no value");
  });

  test("integers beyond a double are compared exactly, and large answers are not looked through", () => {
    const condition = parsePartCondition("user.id == 9007199254740993");
    if (typeof condition === "string") throw new Error(condition);
    const exact = JSON.parse("[9007199254740993]", (_, found, { source } = {} as never) =>
      typeof found === "number" ? (JSON as never as { rawJSON(text: string): unknown }).rawJSON(source) : found,
    )[0];
    expect(condition.evaluate({ user: { id: exact } })).toBe(true);
    expect(condition.evaluate({ user: { id: 9007199254740992n } })).toBe(false);
    const long = Array.from({ length: limits.aggregate.conditionValuesMax + 1 }, () => 1);
    expect(condition.evaluate({ user: { id: 1, long } })).toContain("more than");
  });
});

describe("fan-out", () => {
  const orders = part("orders");
  const fan = (more: Partial<NonNullable<AggregatePart["forEach"]>> = {}, rest: Partial<AggregatePart> = {}) =>
    part("products", {
      dependsOn: ["orders"],
      path: ["/", ["item", "id"], "?n=", ["index"]],
      forEach: { in: ["orders", "items"], max: 3, over: "fail", concurrency: 2, ...more },
      ...rest,
    });
  const items = (count: number) => ({ items: Array.from({ length: count }, (_, id) => ({ id })) });
  const answer =
    (count: number) =>
    ({ part: { name }, at }: PartCall): unknown =>
      name === "orders" ? items(count) : { at };

  test("the part is the list of answers in order, whoever is first", () => {
    const run = newAggregate([orders, fan()], {});
    finishCall(run, nextCalls(run, help)[0] as PartCall, value(items(3)), help);
    const [first, second, ...more] = nextCalls(run, help) as [PartCall, PartCall];
    expect(more).toEqual([]);
    expect([first.request.path, second.request.path]).toEqual(["/0?n=0", "/1?n=1"]);
    finishCall(run, second, value("b"), help);
    const [third] = nextCalls(run, help) as [PartCall];
    finishCall(run, third, value("c"), help);
    finishCall(run, first, value("a"), help);
    expect(composeAnswer(run).body).toMatchObject({ products: ["a", "b", "c"] });
  });

  test.each([0, 3])("a list of %i", (count) => {
    const { run } = perform([orders, fan()], answer(count));
    expect(composeAnswer(run).body).toMatchObject({ products: Array.from({ length: count }, (_, at) => ({ at })) });
  });

  test("a longer list fails the part without a call, or is cut and the part is not whole", () => {
    const failing = perform([orders, fan()], answer(4));
    expect(failing.made).toHaveLength(1);
    expect(failedPart(failing.run)?.failure.reason).toContain("4 elements");
    const { run, made } = perform([orders, fan({ over: "cut" })], answer(4));
    expect(made).toHaveLength(4);
    expect(composeAnswer(run)).toMatchObject({ body: { products: [{}, {}, {}] }, missing: [["products", {}]] });
  });

  test("a call that fails fails the part, or is null in its place", () => {
    const one = (call: PartCall): unknown => (call.at === 1 ? bad(502, 404) : answer(3)(call));
    expect(failedPart(perform([orders, fan()], one).run)?.failure).toMatchObject({ answered: 404 });
    const { run } = perform([orders, fan({ optional: true })], one);
    expect(composeAnswer(run)).toMatchObject({ body: { products: [{ at: 0 }, null, { at: 2 }] } });
    expect(composeAnswer(run).missing.map(([name]) => name)).toEqual(["products"]);
  });

  test("an element that cannot be filled in fails like a call, and no call is made for it", () => {
    const two = ({ part: { name } }: PartCall): unknown => (name === "orders" ? { items: [{ id: 1 }, {}] } : 1);
    const { run, made } = perform([orders, fan({ optional: true })], two);
    expect(made).toEqual(["/", "/1?n=0"]);
    expect(composeAnswer(run).body).toMatchObject({ products: [1, null] });
  });

  test.each([[{ items: 7 }], [{ items: { 0: 1 } }], [null], [{}]])("what is no list: %j", (given) => {
    const { run } = perform([orders, fan()], () => given);
    expect(failedPart(run)?.failure.reason).toContain("no list");
  });

  test("calls that nobody waits for any more change nothing", () => {
    const run = newAggregate([orders, fan({}, { optional: true })], {});
    finishCall(run, nextCalls(run, help)[0] as PartCall, value(items(3)), help);
    const [first, second] = nextCalls(run, help) as [PartCall, PartCall];
    finishCall(run, first, bad(502), help);
    expect(isComplete(run)).toBe(true);
    finishCall(run, second, value("late"), help);
    expect(composeAnswer(run).body).toMatchObject({ products: null });
  });
});

describe("values", () => {
  test("pick keeps what it names and needs an object", () => {
    const picked = part("picked", { pick: ["constructor", "gone", "id", "items.*.id", "user.name"] });
    const whole = { id: 1, secret: 2, user: { name: "a", age: 3 }, items: [{ id: 1, x: 2 }, 5] };
    expect(composeAnswer(perform([picked], () => whole).run).body).toEqual({
      picked: { id: 1, items: [{ id: 1 }], user: { name: "a" } },
    });
    expect(failedPart(perform([picked], () => [1]).run)).toMatchObject({ name: "picked", failure: { status: 502 } });
  });

  test("a fallback stands for what failed, and others build on it", () => {
    const first = part("first", { optional: true, fallback: { value: { id: 0 } } });
    const second = part("second", { dependsOn: ["first"], path: ["/", ["first", "id"]] });
    const { run, made } = perform([first, second], ({ part: { name } }) => (name === "first" ? bad(504) : 1));
    expect(made).toEqual(["/", "/0"]);
    const { body, missing } = composeAnswer(run);
    expect(body).toEqual({ first: { id: 0 }, second: 1 });
    expect(missing.map(([name]) => name)).toEqual(["first"]);
  });

  test("all answers together have a bound", () => {
    const parts = [part("a"), part("b", { optional: true })];
    const run = newAggregate(parts, {});
    const [a, b] = nextCalls(run, help) as [PartCall, PartCall];
    finishCall(run, a, value(1), help, limits.aggregate.answersCharsMax);
    finishCall(run, b, value(1), help, 1);
    expect(composeAnswer(run).body).toEqual({ a: 1, b: null });
  });
});
