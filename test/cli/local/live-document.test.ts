import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { ControlClient } from "../../../cli/control-client.ts";
import { sayUnserved } from "../../../cli/local/live-document.ts";

const NAME = "examples/dpop/selvage.yaml";

async function said(source: string): Promise<string[]> {
  const lines: string[] = [];
  const control = {
    status: async () => ({ version: 3 }),
    version: async () => ({ source, file: "first.yaml" }),
  } as unknown as ControlClient;
  await sayUnserved(control, NAME, (line) => lines.push(line));
  return lines;
}

test("a document that is named at the start beside another that is live: said, with what to do", async () => {
  expect(await said("selvage: 1")).toEqual([
    expect.stringMatching(
      /^examples\/dpop\/selvage\.yaml is NOT served: version 3 of first\.yaml .*selvage apply examples/,
    ),
  ]);
  expect(await said(readFileSync(NAME, "utf8"))).toEqual([]);
});
