import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const folder = join(import.meta.dirname, "../../../shared/wire");

test.each(readdirSync(folder))("no length of a text in %s is bounded by a number of its own", (file) => {
  expect(readFileSync(join(folder, file), "utf8")).not.toMatch(/maxLength\(\d/);
});
