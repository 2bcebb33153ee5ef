/** Which roots of other trust domains are believed, step by step. */
import { expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import {
  type FederationState,
  federatedRoots,
  federationAlarms,
  federationDueAt,
  outsideIssuer,
  refuseBundleUrl,
  stepFederation,
} from "../../../shared/policy/federation.ts";

const URL = "https://mesh.partner.example/v1/bundle";
const PARTNER = "partner.example";
const DEFAULT_MS = limits.federation.refreshDefaultMs;
const fetched = (roots: string[], more: { sequence?: number; hintMs?: number } = {}, url = URL) =>
  ({ type: "fetched", trustDomain: PARTNER, url, roots, ...more }) as const;
const failed = (reason: string) => ({ type: "failed", trustDomain: PARTNER, url: URL, reason }) as const;

function configured(refreshMs?: number): FederationState {
  const state: FederationState = {};
  const partner = { bundle: URL, ...(refreshMs !== undefined && { refreshMs }) };
  expect(stepFederation(state, { type: "configured", partners: { [PARTNER]: partner } }, 1_000)).toBe(false);
  return state;
}

test("a partner is due at once, and believed by what its bundle held last", () => {
  const state = configured();
  expect(federationDueAt(state)).toBe(1_000);
  expect(stepFederation(state, fetched(["a"], { sequence: 5 }), 2_000)).toBe(true);
  expect([federatedRoots(state), federationDueAt(state)]).toEqual([{ [PARTNER]: ["a"] }, 2_000 + DEFAULT_MS]);
  // The same roots are no news.
  expect(stepFederation(state, fetched(["a"], { sequence: 5 }), 3_000)).toBe(false);
  expect(stepFederation(state, fetched(["a", "b"], { sequence: 6 }), 4_000)).toBe(true);
  expect(stepFederation(state, failed("it is away"), 5_000)).toBe(false);
  expect(federatedRoots(state)).toEqual({ [PARTNER]: ["a", "b"] });
  expect(federationAlarms(state)).toMatchObject([
    { code: "federation_failed", text: expect.stringContaining("is kept in use") },
  ]);
  expect(stepFederation(state, failed("it is still away"), 6_000)).toBe(false);
  expect(state[PARTNER]?.failure).toEqual({ reason: "it is still away", sinceMs: 5_000 });
  expect(stepFederation(state, fetched(["b"], { sequence: 7 }), 7_000)).toBe(true);
  expect(federationAlarms(state)).toEqual([]);
});

test("an older bundle brings nothing back, one without a number counts as the newest", () => {
  const state = configured();
  stepFederation(state, fetched(["b"], { sequence: 7 }), 2_000);
  expect(stepFederation(state, fetched(["a"], { sequence: 6 }), 3_000)).toBe(false);
  expect([federatedRoots(state), state[PARTNER]?.failure?.reason]).toEqual([
    { [PARTNER]: ["b"] },
    "its number 6 is older than 7, which is known",
  ]);
  expect(stepFederation(state, fetched(["c"]), 4_000)).toBe(true);
  expect(state[PARTNER]).toEqual({
    ...{ partner: { bundle: URL }, roots: ["c"], fetchedAtMs: 4_000, dueAtMs: 4_000 + DEFAULT_MS },
  });
});

test("an empty bundle means nobody, and is told", () => {
  const state = configured();
  stepFederation(state, fetched(["a"]), 2_000);
  expect(stepFederation(state, fetched([]), 3_000)).toBe(true);
  expect([federatedRoots(state), federationAlarms(state).map(({ code }) => code)]).toEqual([{}, ["federation_empty"]]);
});

test("another URL counts anew and keeps what was believed; answers of the one before come too late", () => {
  const state = configured();
  stepFederation(state, fetched(["a"], { sequence: 9 }), 2_000);
  const other = `${URL}2`;
  const event = { type: "configured", partners: { [PARTNER]: { bundle: other } } } as const;
  expect(stepFederation(state, event, 3_000)).toBe(false);
  expect([federatedRoots(state), federationDueAt(state)]).toEqual([{ [PARTNER]: ["a"] }, 3_000]);
  expect(stepFederation(state, fetched(["x"], { sequence: 10 }), 4_000)).toBe(false);
  expect(stepFederation(state, fetched(["y"], { sequence: 1 }, other), 5_000)).toBe(true);
  expect(federatedRoots(state)).toEqual({ [PARTNER]: ["y"] });
});

test("a partner that the document names no longer is believed no longer", () => {
  const state = configured();
  stepFederation(state, fetched(["a"]), 2_000);
  expect(stepFederation(state, { type: "configured", partners: {} }, 3_000)).toBe(true);
  expect([state, federationDueAt(state)]).toEqual([{}, Number.POSITIVE_INFINITY]);
  expect(stepFederation(state, fetched(["a"]), 4_000)).toBe(false);
  expect(stepFederation(state, { ...fetched(["a"]), trustDomain: "constructor" }, 4_000)).toBe(false);
});

test.each([
  [undefined, undefined, DEFAULT_MS],
  [undefined, 60_000, 60_000],
  [undefined, 1, limits.federation.hintMinMs],
  [undefined, 30 * 86_400_000, limits.federation.refreshMaxMs],
  [2_000, 60_000, 2_000],
])(
  "with a refresh of %s and a hint of %s it is fetched again after %i ms, also after a failure",
  (refreshMs, hintMs, expected) => {
    const state = configured(refreshMs);
    stepFederation(state, fetched(["a"], hintMs === undefined ? {} : { hintMs }), 10_000);
    expect(federationDueAt(state)).toBe(10_000 + expected);
    stepFederation(state, failed("it is away"), 20_000);
    expect(federationDueAt(state)).toBe(20_000 + expected);
    stepFederation(state, { type: "hurry" }, 21_000);
    expect(federationDueAt(state)).toBe(21_000);
  },
);

test.each<[string, boolean]>([
  ["https://partner.example/bundle.json", true],
  ["http://127.0.0.1:8788/v1/bundle", true],
  ["http://[::1]:8788/v1/bundle", true],
  ["http://localhost/v1/bundle", true],
  ["http://partner.example/bundle", false],
  ["http://127.0.0.1.partner.example/bundle", false],
  ["https://user@partner.example/bundle", false],
  ["https://:word@partner.example/bundle", false],
  ["ftp://partner.example/bundle", false],
  ["https://", false],
])("%s may be the URL of a bundle: %s", (url, may) => {
  expect(refuseBundleUrl(url) === undefined).toBe(may);
});

test("an outside issuer is apart from other trust domains, and another name is news as well as another root", () => {
  const state = configured();
  const [own, bundle] = ["shop.internal", "https://spire.shop.internal/"];
  const named = (id: string) => ({ [PARTNER]: { bundle: URL }, [own]: { bundle, names: { id } } });
  const first = "spiffe://shop.internal/ns/prod/sa/{service}";
  expect(outsideIssuer(state)).toBeUndefined();
  expect(stepFederation(state, { type: "configured", partners: named(first) }, 2_000)).toBe(true);
  expect(stepFederation(state, { type: "configured", partners: named(first) }, 3_000)).toBe(false);
  expect(outsideIssuer(state)).toEqual({ id: first, roots: [] });
  stepFederation(state, fetched(["a"]), 4_000);
  expect(stepFederation(state, { type: "fetched", trustDomain: own, url: bundle, roots: ["s"] }, 4_000)).toBe(true);
  expect([federatedRoots(state), outsideIssuer(state)?.roots]).toEqual([{ [PARTNER]: ["a"] }, ["s"]]);
  const other = "spiffe://shop.internal/{service}";
  expect(stepFederation(state, { type: "configured", partners: named(other) }, 5_000)).toBe(true);
  expect(outsideIssuer(state)).toEqual({ id: other, roots: ["s"] });
  stepFederation(state, { type: "failed", trustDomain: own, url: bundle, reason: "away" }, 6_000);
  expect(federationAlarms(state).map(({ text }) => text)).toEqual([
    expect.stringContaining("of the outside issuer of shop"),
  ]);
  expect(stepFederation(state, { type: "configured", partners: { [PARTNER]: { bundle: URL } } }, 7_000)).toBe(true);
  expect(outsideIssuer(state)).toBeUndefined();
});
