/** The table of calls in the docs says what the API does. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { controlCalls } from "../../shared/wire/control-calls.ts";

test("docs/control-plane.md names every call with its roles, and no other", () => {
  const text = readFileSync(new URL("../../docs/control-plane.md", import.meta.url), "utf8");
  const told: Record<string, string> = {};
  for (const [, calls = "", roles = ""] of text.matchAll(/^\| (`(?:GET|POST|PUT|PATCH|DELETE) [^|]*) \| ([^|]+) \|/gm))
    for (const [, call = ""] of calls.matchAll(/`([^`]+)`/g)) told[call] = roles;
  const all = ["admin", "owner", "viewer"].join();
  const real = Object.entries(controlCalls).map(([call, roles]) => {
    const name = call.replace(/:(\w+)/g, (_, parameter: string) => parameter.toUpperCase());
    if (roles === "open") return [name, "none"] as const;
    return [name, roles.join() === all ? "all" : roles.join(", ")] as const;
  });
  expect(told).toEqual(Object.fromEntries(real));
});
