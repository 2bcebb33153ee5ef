import { expect, test } from "vitest";
import { explainProtocol } from "../../../shared/plan/explain-protocol.ts";
import type { ServicePlan } from "../../../shared/plan/plan.ts";

const said = (service: Partial<ServicePlan>, contentType?: string): string[] =>
  explainProtocol(service as ServicePlan, ["mesh", "services", "a"], contentType).map(({ text }) => text);

test.each([
  [undefined, "from outside it is called by gRPC-Web, or by gRPC where a front is before the gateway"],
  ["application/json", "from outside it is called by gRPC-Web, or by gRPC where a front is before the gateway"],
  ["application/grpc-web-text", "its agents turn this call by gRPC-Web into gRPC"],
  [
    "application/grpc+proto",
    "a front sends this call by gRPC on as gRPC-Web, a gateway without one refuses it (grpc_needs_trailers)",
  ],
])("a service by gRPC that is asked with content of %s", (contentType, how) => {
  expect(said({ protocol: "grpc", streamIdleMs: 0 }, contentType)).toEqual([
    `the application speaks gRPC, streams may stand still for ever; ${how}`,
  ]);
});

test("HTTP/1.1 without a word of streams is nothing to tell", () => {
  expect(said({ protocol: "http" })).toEqual([]);
  expect(said({ protocol: "http2", streamIdleMs: 60_000 })).toEqual([
    "the application speaks HTTP/2, streams may stand still for 1m",
  ]);
});
