import { expect, test } from "vitest";
import { endpointKey, newDiscoveryView, replaceView } from "../../../shared/policy/discovery-view.ts";

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
