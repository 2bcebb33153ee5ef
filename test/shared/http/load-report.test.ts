import { parseDictionary } from "structured-headers";
import { expect, test } from "vitest";
import { formatLoad, type LoadReport, parseLoad } from "../../../shared/http/load-report.ts";

const report: LoadReport = { utilization: 0.875, places: 16, queueMs: 12, full: [0.02, 0.64, 1] };

test("what is written is a dictionary of structured fields, and is read again", () => {
  const text = formatLoad(report);
  expect(text).toBe("utilization=0.875, places=16, queue=12, full=(0.020 0.640 1.000)");
  const fields = parseDictionary(text);
  expect(fields.get("utilization")?.[0]).toBe(0.875);
  const full = fields.get("full")?.[0];
  expect(Array.isArray(full) && full.map(([share]) => share)).toEqual([0.02, 0.64, 1]);
  expect(parseLoad(text)).toEqual(report);
});

test.each([
  undefined,
  null,
  "",
  "utilization=0.5",
  "utilization=NaN, places=16, queue=12, full=(0.020 0.640 1.000)",
  "utilization=0.875, places=-1, queue=12, full=(0.020 0.640 1.000)",
  "utilization=0.875, places=16, queue=12, full=(0.020 0.640)",
  "utilization=0.875, places=16, queue=12, full=(0.020 0.640 9.000)",
  "utilization=0.875, places=16, queue=12, full=(0.020 0.640 1.000), utilization=0.1",
  `utilization=0.875, places=${"9".repeat(400)}, queue=12, full=(0.020 0.640 1.000)`,
])("anything else says nothing: %s", (text) => expect(parseLoad(text)).toBeUndefined());

test("a share above the whole is the whole", () => {
  expect(parseLoad("utilization=0.875, places=16, queue=12, full=(0.020 0.640 1.999)")?.full[2]).toBe(1);
});
