import { expect, test } from "vitest";
import { meshTargetOf } from "../../../mesh-agent/outbound/choose-service.ts";

test.each([
  ["/a?b", "orders.mesh", { host: "orders.mesh", service: "orders", path: "/a?b" }],
  ["/", "orders", { host: "orders", service: "orders", path: "/" }],
  ["/", "Orders.Mesh:8080", { host: "orders.mesh", service: "orders", path: "/" }],
  ["/", "orders.mesh.", { host: "orders.mesh", service: "orders", path: "/" }],
  ["http://orders.mesh/x?y=http://z/", "other", { host: "orders.mesh", service: "orders", path: "/x?y=http://z/" }],
  ["http://orders.mesh", "other", { host: "orders.mesh", service: "orders", path: "/" }],
  ["http://orders.mesh?q", "other", { host: "orders.mesh", service: "orders", path: "/?q" }],
  ["*", "orders", { host: "orders", service: "orders", path: "*" }],
  ["/", "example.com", { host: "example.com", path: "/" }],
  ["/", "a.b.mesh", { host: "a.b.mesh", path: "/" }],
  ["/", "localhost:80", { host: "localhost", path: "/" }],
  ["/", "127.0.0.1", { host: "127.0.0.1", path: "/" }],
  ["/", "", { host: "", path: "/" }],
  ["http://user@orders.mesh/", "orders", { host: "user@orders.mesh", path: "/" }],
])("%s with Host %s", (target, host, expected) => {
  expect(meshTargetOf(target, host)).toEqual(expected);
});
