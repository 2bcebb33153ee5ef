import { describe, expect, test } from "vitest";
import { corsFields, preflightFields } from "../../../shared/policy/cors.ts";
import type { CorsSettings } from "../../../shared/policy/settings.ts";

const one: CorsSettings = {
  origins: ["https://app.example"],
  methods: ["GET", "POST"],
  allowHeaders: [],
  exposeHeaders: [],
  credentials: false,
  maxAgeMs: 600_000,
};
const of = (fields: ReturnType<typeof corsFields>): Record<string, string> => Object.fromEntries(fields);
const preflight = { origin: "https://app.example", method: "POST", headers: "content-type, X-A" };

describe("preflight", () => {
  test("is answered in full for a known origin and method", () => {
    expect(of(preflightFields(one, preflight))).toEqual({
      vary: "origin, access-control-request-method, access-control-request-headers",
      "access-control-allow-origin": "https://app.example",
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "content-type, X-A",
      "access-control-max-age": "600",
    });
  });

  test.each([
    ["another origin", { ...preflight, origin: "https://evil.example" }],
    ["a longer origin", { ...preflight, origin: "https://app.example.evil.example" }],
    ["a prefix", { ...preflight, origin: "https://app.exampl" }],
    ["another case", { ...preflight, origin: "https://APP.example" }],
    ["the opaque origin", { ...preflight, origin: "null" }],
    ["another method", { ...preflight, method: "DELETE" }],
  ])("%s is allowed nothing", (_, asked) => {
    expect(Object.keys(of(preflightFields(one, asked)))).toEqual(["vary"]);
  });

  test("what is no list of names is not reflected", () => {
    const fields = of(preflightFields(one, { ...preflight, headers: "a\u0001b" }));
    expect(fields["access-control-allow-headers"]).toBeUndefined();
  });

  test("a stated list of headers wins over what is asked", () => {
    const fields = of(preflightFields({ ...one, allowHeaders: ["x-b"] }, preflight));
    expect(fields["access-control-allow-headers"]).toBe("x-b");
  });
});

describe("other requests", () => {
  test("known origin", () => {
    expect(of(corsFields({ ...one, exposeHeaders: ["ratelimit", "x-b"] }, "https://app.example"))).toEqual({
      vary: "origin",
      "access-control-allow-origin": "https://app.example",
      "access-control-expose-headers": "ratelimit, x-b",
    });
  });

  test("unknown or absent origin: only the mark that answers differ", () => {
    expect(of(corsFields(one, "https://evil.example"))).toEqual({ vary: "origin" });
    expect(of(corsFields(one, undefined))).toEqual({ vary: "origin" });
  });

  test("the wildcard needs no origin's name", () => {
    const wildcard = { ...one, origins: ["*"] };
    expect(of(corsFields(wildcard, "https://any.example"))).toEqual({ "access-control-allow-origin": "*" });
  });

  test("the wildcard never goes with credentials", () => {
    const wildcard = { ...one, origins: ["*"], credentials: true };
    expect(of(corsFields(wildcard, "https://any.example"))).toEqual({ vary: "origin" });
    expect(of(corsFields({ ...one, credentials: true }, "https://app.example"))).toEqual({
      vary: "origin",
      "access-control-allow-origin": "https://app.example",
      "access-control-allow-credentials": "true",
    });
  });
});
