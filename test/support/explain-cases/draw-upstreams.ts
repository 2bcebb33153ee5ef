/** Upstreams of several targets. */
import type { Draw } from "./draw.ts";

type Json = Record<string, unknown>;

export const UPSTREAMS = ["legacy", "pair"] as const;

export function drawUpstreams(draw: Draw): Json {
  return {
    legacy: {
      targets: [draw.one(["http://legacy.example", "https://legacy.example/base", "http://legacy.example:81/a/"])],
    },
    pair: {
      targets: [
        "http://one.example",
        {
          url: "http://two.example/second",
          ...draw.maybe(40, "failover", () => true),
          ...draw.maybe(30, "weight", () => 3),
        },
      ],
      ...draw.maybe(50, "retries", () => ({ attempts: 2, on: ["5xx"], ...draw.maybe(30, "idempotent", () => true) })),
    },
  };
}
