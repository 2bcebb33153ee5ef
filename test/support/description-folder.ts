/** A folder with an API description, and what is read of it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "vitest";
import { type ReadContract, readContract } from "../../cli/artifacts/build-contract.ts";
import { documentFolder } from "../../cli/artifacts/document-folder.ts";
import type { Contract } from "../../shared/contract/contract.ts";

export type Files = Readonly<Record<string, string>>;

export class DescriptionFolder {
  /** Around the document's own. */
  readonly outside = mkdtempSync(path.join(tmpdir(), "selvage-contract-"));
  readonly path = path.join(this.outside, "api");
  /** As the document reads files beside it. */
  readonly reader = documentFolder(path.join(this.path, "selvage.yaml"));

  constructor() {
    mkdirSync(this.path);
  }

  remove(): void {
    rmSync(this.outside, { recursive: true, force: true });
  }

  put(files: Files): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(this.path, name)), { recursive: true });
      writeFileSync(path.join(this.path, name), text);
    }
  }

  /** `main.yaml` with its overlays, whose names begin with `overlay`. */
  read(files: Files): ReadContract {
    this.put(files);
    const overlays = Object.keys(files).filter((name) => name.startsWith("overlay"));
    const settings = { openapi: "main.yaml", ...(overlays.length > 0 && { overlays }) };
    return readContract(settings, this.reader, ["gateway", "contracts", "main"]);
  }

  told(files: Files): string[] {
    return this.read(files).problems.map(
      ({ code, severity, file, line, column, message }) => `${severity} ${code} ${file}:${line}:${column} ${message}`,
    );
  }

  whole(files: Files): Contract {
    const { contract, problems } = this.read(files);
    expect(problems).toEqual([]);
    if (contract === undefined) throw new Error("no contract");
    return contract;
  }
}

export const HEAD = "openapi: 3.1.0\ninfo: { title: t, version: '1' }\n";
export const main = (text: string, others: Files = {}): Files => ({ "main.yaml": `${HEAD}${text}`, ...others });
/** One operation whose parts begin on line 6, at the column 7. */
export const operation = (text: string, others: Files = {}): Files =>
  main(`paths:\n  /a/{id}:\n    get:\n${text.replace(/^/gm, "      ")}\n`, others);
export const ID = "parameters: [{ name: id, in: path, required: true, schema: { type: string } }]";
