import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type Builders, buildArtifacts } from "../../../cli/artifacts/build-artifacts.ts";
import { documentFolder, FileFault } from "../../../cli/artifacts/document-folder.ts";
import { error } from "../../../shared/config/problem.ts";
import type { Document } from "../../../shared/config/schema.ts";
import { limits } from "../../../shared/limits.ts";

const top = mkdtempSync(path.join(tmpdir(), "selvage-artifacts-"));
afterAll(() => rmSync(top, { recursive: true }));
const folder = path.join(top, "docs");
const inner = path.join(folder, "specs");
mkdirSync(inner, { recursive: true });
writeFileSync(path.join(inner, "a.yaml"), "one");
writeFileSync(path.join(top, "secret.txt"), "secret");
mkdirSync(path.join(top, "docs-other"));
writeFileSync(path.join(top, "docs-other", "b.yaml"), "other");
symlinkSync(path.join(top, "secret.txt"), path.join(inner, "link.yaml"));
symlinkSync(path.join(inner, "a.yaml"), path.join(inner, "inside.yaml"));

const read = documentFolder(path.join(folder, "selvage.yaml"));
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe("files beside a document", () => {
  test.each(["specs/a.yaml", "./specs/a.yaml", "specs/../specs/a.yaml", "specs/inside.yaml"])("%s is read", (name) => {
    expect(text(read(name))).toBe("one");
  });

  test.each([
    ["../secret.txt", "outside"],
    ["../docs-other/b.yaml", "outside"],
    ["specs/link.yaml", "outside"],
    ["specs/../../secret.txt", "outside"],
    [path.join(top, "secret.txt"), "relative"],
    ["specs\\a.yaml", "relative"],
    ["specs/a.yaml\0", "relative"],
    ["specs", "no file"],
    [".", "outside"],
    ["", "outside"],
    ["specs/lost.yaml", "there is no file"],
    ["specs/a.yaml/more", "cannot be read"],
  ])("%j is not: %s", (name, why) => {
    expect(() => read(name)).toThrow(FileFault);
    expect(() => read(name)).toThrow(why);
  });

  test("of a document on stdin there are none", () => {
    expect(() => documentFolder("-")("specs/a.yaml")).toThrow("stdin");
  });
});

describe("artifacts of a document", () => {
  const gateway = {
    contracts: { good: { file: "specs/a.yaml" }, lost: { file: "specs/lost.yaml" }, same: { file: "specs/a.yaml" } },
  };
  const document = { selvage: 1, name: "t", gateway } as unknown as Document;
  const build = (settings: { file: string }, readFile: (name: string) => Uint8Array) => ({
    bytes: readFile(settings.file),
    problems: [],
  });

  test("are named by the digest of their bytes; one that cannot be made is a problem at its place, the others are made", async () => {
    const { table, bytes, problems } = await buildArtifacts(document, read, {
      contracts: build,
    } as unknown as Builders);
    const digest = createHash("sha256").update("one").digest("base64url");
    expect(table).toEqual({ "contracts.good": digest, "contracts.same": digest });
    expect([...bytes].map(([name, one]) => [name, text(one)])).toEqual([[digest, "one"]]);
    expect(problems).toEqual([error("SLV3135", ["gateway", "contracts", "lost"], "there is no file specs/lost.yaml")]);
  });

  test("have a bound", async () => {
    const large = () => ({ bytes: new Uint8Array(limits.artifacts.bytesMax + 1), problems: [] });
    const { problems } = await buildArtifacts(document, read, { contracts: large } as unknown as Builders);
    expect(problems.map(({ code, path: place }) => [code, place[2]])).toEqual(
      ["good", "lost", "same"].map((name) => ["SLV1003", name]),
    );
  });

  test("a fault of a builder itself is not taken for one of the document", async () => {
    const broken = () => {
      throw new TypeError("a fault");
    };
    await expect(buildArtifacts(document, read, { contracts: broken } as unknown as Builders)).rejects.toThrow(
      "a fault",
    );
  });

  test("are no more, of all kinds together, than can be sent", async () => {
    const { perDocumentMax } = limits.artifacts;
    const all = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`n${at}`, { file: "specs/a.yaml" }]));
    const both = { contracts: all(perDocumentMax), descriptors: all(1) };
    const builders = { contracts: build, descriptors: build } as Builders;
    const found = await buildArtifacts({ ...document, gateway: both } as unknown as Document, read, builders);
    expect(found.problems).toMatchObject([{ code: "SLV1003", path: ["gateway"] }]);
  });
});
