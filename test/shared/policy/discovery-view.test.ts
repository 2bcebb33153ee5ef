import { expect, test } from "vitest";
import { endpointKey, keepKnown, newDiscoveryView, replaceView } from "../../../shared/policy/discovery-view.ts";

const endpoint = { instance: "a", host: "10.0.0.1", port: 80, labels: {} };

test("a view is replaced whole, never by an older one of the same connection", () => {
  const view = newDiscoveryView();
  expect(replaceView(view, 5, { orders: [endpoint] }, true)).toBe(true);
  expect(replaceView(view, 4, {}, false)).toBe(false);
  expect(view.services).toEqual({ orders: [endpoint] });
  expect(replaceView(view, 6, {}, false)).toBe(true);
  expect(view.services).toEqual({});
});

test("the first view of a new connection counts even when the control plane counts anew", () => {
  const view = newDiscoveryView();
  replaceView(view, 50, { orders: [endpoint] }, true);
  expect(replaceView(view, 1, {}, true)).toBe(true);
  expect(view.revision).toBe(1);
});

test("an instance at another address is another endpoint", () => {
  expect(endpointKey(endpoint)).not.toBe(endpointKey({ ...endpoint, port: 81 }));
});

test("of a view that is still gathered nothing known is missing, and what it says anew counts", () => {
  const b = { ...endpoint, instance: "b" };
  const moved = { ...endpoint, port: 81 };
  expect(keepKnown({ orders: [] }, { orders: [endpoint, b] })).toEqual({ orders: [endpoint, b] });
  expect(keepKnown({ orders: [moved] }, { orders: [endpoint, b] })).toEqual({ orders: [moved, b] });
  expect(keepKnown({ orders: [b] }, {})).toEqual({ orders: [b] });
});

test("a service that may not be called any more is gone at once", () => {
  expect(keepKnown({}, { orders: [endpoint] })).toEqual({});
});
