import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { findPage } from "../../../shared/config/code-pages/find-page.ts";
import { problemCodes } from "../../../shared/config/problem.ts";

const root = path.resolve(import.meta.dirname, "../../..");
const codes = Object.keys(problemCodes);

/** Every code that a source names. */
function usedCodes(): string[] {
  const folders = ["shared", "cli", "workers", "mesh-agent"];
  const files = folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => path.join(root, folder, file)),
  );
  const found = files.flatMap((file) => readFileSync(file, "utf8").match(/\bSLV\d{4}\b/g) ?? []);
  return [...new Set(found)].sort();
}

describe("pages of codes", () => {
  test("every code that the sources use, and every code of the table, has one", () => {
    const all = [...new Set([...usedCodes(), ...codes])];
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter((code) => findPage(code) === undefined)).toEqual([]);
  });

  test("each is in the table of docs/document.md", () => {
    const text = readFileSync(path.join(root, "docs/document.md"), "utf8");
    expect(codes.filter((code) => !text.includes(`| ${code} |`))).toEqual([]);
  });

  test("sentences are whole, and examples are YAML", () => {
    for (const code of codes) {
      const page = findPage(code);
      expect(page?.why, code).toMatch(/^([A-Z`]|gRPC).*[.]$/s);
      expect(page?.fix, code).toMatch(/^([A-Z`]|gRPC).*[.]$/s);
      if (page?.example !== undefined) expect(parseDocument(page.example).errors, code).toEqual([]);
    }
  });

  test("a code is found in any case and by its digits; what is none is not", () => {
    expect(findPage("slv3012")?.code).toBe("SLV3012");
    expect(findPage("3012")?.meaning).toBe("a route or rule that can never match");
    for (const text of ["", "SLV", "SLV9999", "SLV30120", "__proto__", "constructor", "SLV3012 "])
      expect(findPage(text)?.code, text).toBe(text === "SLV3012 " ? "SLV3012" : undefined);
  });
});
