import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { editDistance, nearestName } from "../../../shared/config/nearest-name.ts";
import { referencesIn, replaceReferences } from "../../../shared/config/references.ts";
import { parseTemplate, splitPartUrl } from "../../../shared/config/template.ts";
import {
  formatDuration,
  formatSize,
  parseDurationMs,
  parseRate,
  parseSizeBytes,
} from "../../../shared/config/units.ts";

describe("units", () => {
  test.each([
    ["300ms", 300],
    ["10s", 10_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["7d", 604_800_000],
    ["0ms", 0],
  ])("%s", (text, ms) => expect(parseDurationMs(text)).toBe(ms));
  test.each(["", "10", "1.5s", "-1s", "10 s", "10S", "1h30m", " 1s", "1s\n", "١s", "9999999999s"])(
    "%j is no duration",
    (text) => expect(parseDurationMs(text)).toBeUndefined(),
  );
  test("sizes are binary", () => {
    expect([parseSizeBytes("64KiB"), parseSizeBytes("1MiB"), parseSizeBytes("7B")]).toEqual([65_536, 1_048_576, 7]);
    expect([parseSizeBytes("64KB"), parseSizeBytes("1"), parseSizeBytes("1M")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
  test("rates", () => {
    expect(parseRate("100/minute")).toEqual({ limit: 100, windowMs: 60_000 });
    expect(parseRate("50/30s")).toEqual({ limit: 50, windowMs: 30_000 });
    expect([parseRate("100"), parseRate("100/"), parseRate("100/fortnight"), parseRate("-1/second")]).toEqual(
      Array(4).fill(undefined),
    );
  });
  test("formatting is read back as the same", () => {
    fc.assert(
      fc.property(fc.nat(1_000_000_000), (amount) => {
        expect(parseDurationMs(formatDuration(amount)) ?? amount).toBe(amount);
        expect(parseSizeBytes(formatSize(amount)) ?? amount).toBe(amount);
      }),
    );
  });
});

describe("nearest name", () => {
  test.each([
    ["upsteam", ["upstream", "to"], "upstream"],
    ["ordres", ["users", "orders"], "orders"],
    ["TIMEOUT", ["timeout"], "timeout"],
    ["xyz", ["orders"], undefined],
    ["to", ["name", "match"], undefined],
    ["x".repeat(10_000), ["x"], undefined],
  ])("%s", (given, known, nearest) => expect(nearestName(given, known)).toBe(nearest));
  test("the distance is a metric but for swaps", () => {
    const word = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

describe("references", () => {
  test("kinds", () => {
    const kinds = referencesIn("a ${env:A} ${env:B:-c d} ${secret:S} ${secret:S:-x} ${x} ${env:A:-${env:B}} ${").map(
      ({ kind }) => kind,
    );
    expect(kinds).toEqual(["env", "env", "secret", "unknown", "unknown", "unknown", "unknown"]);
  });
  test("replacing reads nothing twice and loses nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constant("${env:A}"))), (pieces) => {
        const text = pieces.join("");
        expect(replaceReferences(text, () => undefined)).toBe(text);
      }),
    );
    expect(replaceReferences("${env:A}-${env:A}", () => "${env:A}")).toBe("${env:A}-${env:A}");
  });
});

describe("templates", () => {
  test("holes are paths of names", () => {
    expect(parseTemplate("/a/{user.id}/{path.x}").parts).toEqual(["/a/", ["user", "id"], "/", ["path", "x"]]);
    for (const text of ["{", "}", "{}", "{a.}", "{.a}", "{a b}", "{{a}}", "{a{b}}"])
      expect(parseTemplate(text).fault).toBeDefined();
  });
  test("a part names a service or an origin", () => {
    expect(splitPartUrl("users:/u/{identity.sub}")).toEqual({
      target: { service: "users" },
      path: "/u/{identity.sub}",
    });
    expect(splitPartUrl("https://A.example:443/u")).toEqual({ target: { origin: "https://a.example" }, path: "/u" });
    for (const text of ["users", "users:u", "https://a", "ftp://a/b", "https://{identity.sub}.example/"])
      expect(splitPartUrl(text)).toBeUndefined();
  });
});
