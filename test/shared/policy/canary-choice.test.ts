import { describe, expect, test } from "vitest";
import { type CanaryChoice, type CanaryRequest, choosesCanary } from "../../../shared/policy/canary-choice.ts";

const choice = (share: number, more: Partial<CanaryChoice> = {}): CanaryChoice => ({
  ...{ version: 8, share, by: "ip" as const },
  ...more,
});
const from = (client: number, fields: Record<string, string> = {}): CanaryRequest => ({
  header: (name) => fields[name],
  clientIp: `10.${client >> 16}.${(client >> 8) & 255}.${client & 255}`,
  traceId: client.toString(16).padStart(32, "0"),
});
const clients = Array.from({ length: 10_000 }, (_, at) => at);
const chosen = (one: CanaryChoice): number[] => clients.filter((client) => choosesCanary(one, from(client)));

describe("who gets the canary", () => {
  test.each([0, 1, 100, 500, 2500, 5000, 9900, 10_000])("%d of 10,000", (share) => {
    // Four standard deviations of as many draws.
    const spread = 4 * Math.sqrt((share / 10_000) * (1 - share / 10_000) * 10_000);
    for (const by of ["ip", "trace"] as const)
      expect(Math.abs(chosen(choice(share, { by })).length - share)).toBeLessThanOrEqual(spread);
  });

  test("who has it at one share has it at all larger ones", () => {
    const few = new Set(chosen(choice(500)));
    const more = new Set(chosen(choice(2500)));
    expect([...few].every((client) => more.has(client))).toBe(true);
  });

  test("another version picks other clients", () => {
    const [one, other] = [new Set(chosen(choice(1000))), chosen(choice(1000, { version: 9 }))];
    expect(other.filter((client) => one.has(client)).length).toBeLessThan(200);
  });

  test("a header's value keeps its clients together, and what has none goes by its trace", () => {
    const by = { header: "authorization" };
    const sides = clients
      .slice(0, 100)
      .map((client) => choosesCanary(choice(5000, { by }), from(client, { authorization: "Bearer one" })));
    expect(new Set(sides).size).toBe(1);
    const without = clients.map((client) =>
      choosesCanary(choice(5000, { by }), { ...from(client), clientIp: "10.0.0.1" }),
    );
    expect(Math.abs(without.filter(Boolean).length - 5000)).toBeLessThan(200);
  });

  test("a header that asks for it gets it at any share, with that value alone", () => {
    const match = { header: "x-canary", value: "1" };
    expect(choosesCanary(choice(0, { match }), from(1, { "x-canary": "1" }))).toBe(true);
    expect(choosesCanary(choice(0, { match }), from(1, { "x-canary": "2" }))).toBe(false);
    expect(choosesCanary(choice(0, { match }), from(1))).toBe(false);
  });
});
