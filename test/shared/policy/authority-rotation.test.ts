import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import {
  type AuthorityEvent,
  type AuthorityState,
  believedRoots,
  lookAgainMs,
  mustRenew,
  renewWithinMs,
  stepAuthority,
} from "../../../shared/policy/authority-rotation.ts";

const tick = (live = 0, away = 0, leaves = 0): AuthorityEvent => ({ type: "tick", live, away, leaves });
const root = (name: string): AuthorityEvent => ({ type: "begin", kind: "root", root: name });

function rotating(...events: AuthorityEvent[]): AuthorityState {
  const state: AuthorityState = { root: "a" };
  for (const event of [root("b"), ...events]) expect(stepAuthority(state, event, 10).refused).toBeUndefined();
  return state;
}

test("a new root is believed, then signs, then is the only one; each step waits for everybody", () => {
  const state = rotating();
  expect([believedRoots(state), mustRenew(state)]).toEqual([["a", "b"], false]);
  for (const missing of [tick(1), tick(0, 1)]) expect(stepAuthority(state, missing, 20)).toEqual({ changed: false });
  // What is held of the old root matters to its end alone.
  expect(stepAuthority(state, tick(0, 0, 5), 30)).toEqual({ changed: true, passed: "trust" });
  expect([believedRoots(state), mustRenew(state)]).toEqual([["b", "a"], true]);
  for (const missing of [tick(1), tick(0, 1), tick(0, 0, 1)])
    expect(stepAuthority(state, missing, 40)).toEqual({ changed: false });
  expect(stepAuthority(state, tick(), 50)).toEqual({ changed: true, passed: "renew" });
  expect([believedRoots(state), mustRenew(state)]).toEqual([["b"], true]);
  expect(stepAuthority(state, tick(1), 60)).toEqual({ changed: false });
  expect(stepAuthority(state, tick(), 70)).toEqual({ changed: true, passed: "remove", dropped: "a" });
  expect(state).toEqual({ root: "b" });
});

test("other trust domains have a refresh hint's time to fetch a new root before anything is signed with it", () => {
  const partners = { type: "tick", live: 0, away: 0, leaves: 0, partners: 1 } as const;
  const { ownRefreshMs } = limits.federation;
  const state = rotating();
  expect(stepAuthority(state, partners, 10 + ownRefreshMs - 1)).toEqual({ changed: false });
  expect(lookAgainMs(state, 10 + ownRefreshMs - 5, 200, 30_000)).toBe(5);
  expect(stepAuthority(state, partners, 10 + ownRefreshMs).passed).toBe("trust");
  // The steps that follow have nothing to do with them.
  expect(stepAuthority(state, partners, 11 + ownRefreshMs).passed).toBe("renew");
  expect(stepAuthority(state, partners, 12 + ownRefreshMs).passed).toBe("remove");
  const issuer: AuthorityState = { root: "a" };
  stepAuthority(issuer, { type: "begin", kind: "issuer" }, 10);
  expect(stepAuthority(issuer, partners, 11).passed).toBe("renew");
  for (const [whom, passes] of [
    ["away", false],
    ["partners", true],
    ["all", true],
  ] as const)
    expect(stepAuthority(rotating({ type: "force", step: "trust", whom }), partners, 20).changed).toBe(passes);
  // Agents are waited for all the same.
  const left = rotating({ type: "force", step: "trust", whom: "partners" });
  expect(stepAuthority(left, { ...partners, live: 1 }, 20).changed).toBe(false);
});

test("a new issuer of the same root needs one step", () => {
  const state: AuthorityState = { root: "a" };
  expect(stepAuthority(state, { type: "begin", kind: "issuer" }, 1)).toEqual({ changed: true });
  expect([believedRoots(state), mustRenew(state)]).toEqual([["a"], true]);
  expect(stepAuthority(state, tick(1), 2)).toEqual({ changed: false });
  expect(stepAuthority(state, tick(), 3)).toEqual({ changed: true, passed: "renew" });
  expect(state).toEqual({ root: "a" });
});

describe("force", () => {
  test("goes past those that are away and what they hold, but not past the living", () => {
    const state = rotating({ type: "force", step: "trust", whom: "away" });
    expect(stepAuthority(state, tick(1, 5, 5), 20).changed).toBe(false);
    expect(stepAuthority(state, tick(0, 5, 5), 20).passed).toBe("trust");
    expect(stepAuthority(state, tick(0, 5, 5), 20).passed).toBe("renew");
  });

  test("of all goes past anybody, and is not taken back by a weaker one", () => {
    const state = rotating(
      { type: "force", step: "trust", whom: "all" },
      { type: "force", step: "trust", whom: "away" },
    );
    expect(stepAuthority(state, tick(3, 3, 3), 20).passed).toBe("trust");
  });

  test("is for the step that was seen", () => {
    const state = rotating(tick());
    expect(stepAuthority(state, { type: "force", step: "trust", whom: "all" }, 20).refused).toContain("at step renew");
    expect(stepAuthority({ root: "a" }, { type: "force", step: "trust", whom: "all" }, 20).refused).toBeDefined();
  });
});

test("a rotation can be given up as long as nobody rests on the new root", () => {
  const state = rotating();
  expect(stepAuthority(state, { type: "abort" }, 20)).toEqual({ changed: true, dropped: "b" });
  expect(state).toEqual({ root: "a" });
  expect(stepAuthority(rotating(tick()), { type: "abort" }, 20).refused).toContain("already");
  expect(stepAuthority(state, { type: "abort" }, 20).refused).toBeDefined();
});

test("one rotation at a time, and none to the root that signs", () => {
  expect(stepAuthority(rotating(), root("c"), 20).refused).toContain("trust");
  expect(stepAuthority(rotating(), { type: "begin", kind: "issuer" }, 20).refused).toContain("root");
  expect(stepAuthority({ root: "a" }, root("a"), 20).refused).toBeDefined();
});

test("whoever stays away is looked for less and less often", () => {
  expect(lookAgainMs({ root: "a" }, 0, 200, 30_000)).toBe(Number.POSITIVE_INFINITY);
  const state = rotating();
  expect(lookAgainMs(state, 10, 200, 30_000)).toBe(200);
  expect(lookAgainMs(state, 20_010, 200, 30_000)).toBe(1_000);
  expect(lookAgainMs(state, 10_000_000, 200, 30_000)).toBe(30_000);
  expect([1, 1_000, 1_000_000].map((agents) => renewWithinMs(agents, 20, 1_000, 600_000))).toEqual([
    1_000, 20_000, 600_000,
  ]);
});

/** A fleet as it really is, beside what the step believes: nobody may ever meet a certificate that he does not believe. */
test("whatever happens in whatever order, no agent that is waited for is left with a certificate that others refuse", () => {
  const count = 3;
  let ended = 0;
  const agent = fc.nat(count - 1);
  // Rotations begin seldom and are heard of often, so that most of them come to their end.
  const event = fc.oneof(
    { weight: 2, arbitrary: fc.record({ type: fc.constant("begin" as const) }) },
    { weight: 6, arbitrary: fc.record({ type: fc.constant("tick" as const) }) },
    { weight: 10, arbitrary: fc.record({ type: fc.constant("hears" as const), agent }) },
    { weight: 10, arbitrary: fc.record({ type: fc.constant("renews" as const), agent }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("abort" as const) }) },
  );
  fc.assert(
    fc.property(fc.array(event, { minLength: 100, maxLength: 200 }), (events) => {
      const state: AuthorityState = { root: "r0" };
      let made = 0;
      let revision = 0;
      const agents = Array.from({ length: count }, () => ({ believes: ["r0"], leaf: "r0", told: -1 }));
      for (const [at, one] of events.entries()) {
        if (one.type === "begin") {
          if (stepAuthority(state, root(`r${made + 1}`), at).changed) revision = ++made * 1_000;
        } else if (one.type === "abort") {
          if (stepAuthority(state, { type: "abort" }, at).changed) revision++;
        } else if (one.type === "hears") {
          const agent = agents[one.agent] as (typeof agents)[number];
          agent.believes = believedRoots(state);
          if (!mustRenew(state) || agent.leaf === state.root) agent.told = revision;
        } else if (one.type === "renews") (agents[one.agent] as (typeof agents)[number]).leaf = state.root;
        else {
          const live = agents.filter(({ told }) => told !== revision).length;
          const leaves = agents.filter(({ leaf }) => leaf === state.rotation?.other).length;
          const { changed, dropped } = stepAuthority(state, tick(live, 0, leaves), at);
          if (changed) revision++;
          if (dropped !== undefined) ended++;
        }
        const refused = agents.find(({ leaf }) => agents.some(({ believes }) => !believes.includes(leaf)));
        if (refused !== undefined) throw new Error(`${refused.leaf} is not believed by all: ${JSON.stringify(agents)}`);
      }
    }),
    { numRuns: 300 },
  );
  expect(ended).toBeGreaterThan(100);
});
