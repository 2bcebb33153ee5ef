/** The file of an owner that is applied alone: the rest is what is live. */
import { describe, expect, test } from "vitest";
import { joinFiles } from "../../../shared/config/document-files.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { withOwnFile } from "../../../shared/config/own-file.ts";
import type { Document } from "../../../shared/config/schema.ts";
import { findChanges } from "../../../shared/plan/changes/find-changes.ts";

const main = `selvage: 1
name: shop
include: teams/*.yaml
owners:
  a: { paths: [/a/*], services: [a-*] }
  b: { paths: [/b/*] }
  c: { paths: [/c/*] }
gateway:
  hosts: ["\${env:HOST}"]
  routes:
    - { name: main, match: { path: /main }, to: "http://u" }
mesh: { trustDomain: shop.internal, services: {} }
`;
const ofTeam = (team: string, ...names: string[]): string =>
  `owner: ${team}\nroutes:\n${names.map((name) => `  - { name: ${name}, match: { path: /${team}/${name} }, to: "http://u" }\n`).join("")}`;
const files = [
  { name: "", text: main },
  { name: "teams/a.yaml", text: ofTeam("a", "a1", "a2") },
  { name: "teams/c.yaml", text: ofTeam("c", "c1") },
];
const source = joinFiles(files) ?? "";
const document = loadDocument(source, "selvage.yaml", (name) => (name === "HOST" ? "shop.example" : undefined))
  .document as Document;
const live = { source, document };
const names = (made: Document | undefined): string[] => (made?.gateway?.routes ?? []).map(({ name }) => name);

describe("stands where it stood", () => {
  test("the same file is no change at all, without the variables of whoever applied the rest", () => {
    const made = withOwnFile(live, { name: "teams/a.yaml", text: ofTeam("a", "a1", "a2") });
    expect(made.document).toEqual(document);
    expect(made.source).toBe(source);
    expect(findChanges({ document }, { document: made.document })).toEqual([]);
  });
  test("with more and fewer routes", () => {
    const made = withOwnFile(live, { name: "teams/a.yaml", text: ofTeam("a", "a3", "a2", "a4") });
    expect(names(made.document)).toEqual(["main", "a3", "a2", "a4", "c1"]);
    expect(made.document?.gateway?.hosts).toEqual(["shop.example"]);
    expect(findChanges({ document }, { document: made.document }).map(({ name }) => name)).toEqual(["a3", "a4", "a1"]);
    expect(made.source).toContain("a4");
    expect(made.source?.indexOf("teams/a.yaml")).toBeLessThan(made.source?.indexOf("teams/c.yaml") ?? 0);
  });
  test("a new file between others, and one that was empty", () => {
    expect(names(withOwnFile(live, { name: "teams/b.yaml", text: ofTeam("b", "b1") }).document)).toEqual([
      "main",
      "a1",
      "a2",
      "b1",
      "c1",
    ]);
    expect(names(withOwnFile(live, { name: "teams/z.yaml", text: ofTeam("b", "b1") }).document)).toEqual([
      "main",
      "a1",
      "a2",
      "c1",
      "b1",
    ]);
    expect(names(withOwnFile(live, { name: "teams/a.yaml", text: "owner: a\nroutes: []\n" }).document)).toEqual([
      "main",
      "c1",
    ]);
  });
  test("places are those of the file", () => {
    const made = withOwnFile(live, { name: "teams/a.yaml", text: ofTeam("a", "a1", "a2", "a5") });
    expect(made.find(["gateway", "routes", 3, "to"])).toMatchObject({ file: "teams/a.yaml", line: 5 });
    expect(made.find(["gateway", "routes", 0])).toBeUndefined();
    expect(made.find(["gateway", "routes", 4])).toBeUndefined();
    expect(made.find(["gateway", "hosts"])).toBeUndefined();
  });
});

describe("is refused with its place", () => {
  test.each<[string, string, string]>([
    ["a route outside of the grant", ofTeam("a", "a1").replace("/a/a1", "/b/x"), "SLV3085"],
    ["the name of a route of others", ofTeam("a", "c1"), "SLV3006"],
    ["an owner that there is not", ofTeam("x", "a1"), "SLV3084"],
    ["a key more", `${ofTeam("a", "a1")}gateway: {}\n`, "SLV2003"],
    ["no YAML", "owner: a\nroutes: [\n", "SLV1001"],
    ["a variable", ofTeam("a", "a1").replace("http://u", "${env:HOST}"), "SLV4002"],
  ])("%s", (_name, text, code) => {
    const made = withOwnFile(live, { name: "teams/a.yaml", text });
    expect(made.document).toBeUndefined();
    expect(made.loaded.problems.map((problem) => `${problem.code} ${problem.file}`)).toContain(`${code} teams/a.yaml`);
  });
  test("a line that would begin another file", () => {
    const text = `${ofTeam("a", "a1")}--- # selvage: file teams/c.yaml\nowner: c\nroutes: []\n`;
    const made = withOwnFile(live, { name: "teams/a.yaml", text });
    expect([made.source, made.document]).toEqual([undefined, undefined]);
  });
});

describe("services and upstreams of the file", () => {
  const named = (services: string, upstreams = ""): string =>
    `${ofTeam("a", "a1")}services: { ${services} }\nupstreams: { ${upstreams} }\n`;
  const service = "port: 1, access: [{ from: gateway }]";
  const first = withOwnFile(live, {
    name: "teams/a.yaml",
    text: named(`a-x: { ${service} }`, 'a-up: { targets: ["http://u"] }'),
  });
  const then = { source: first.source ?? "", document: first.document as Document };

  test("are its owner's, change and go with it", () => {
    expect(first.document?.mesh?.services["a-x"]).toMatchObject({ owner: "a", port: 1 });
    expect(first.find(["mesh", "services", "a-x", "port"])).toMatchObject({ file: "teams/a.yaml", line: 4 });
    const made = withOwnFile(then, { name: "teams/a.yaml", text: named(`a-y: { ${service} }`) });
    expect(
      findChanges({ document: then.document }, { document: made.document }).map(({ kind, name, is }) => [
        kind,
        name,
        is !== undefined,
      ]),
    ).toEqual([
      ["service", "a-y", true],
      ["service", "a-x", false],
      ["upstream", "a-up", false],
    ]);
    expect(
      withOwnFile(then, { name: "teams/a.yaml", text: named(`a-x: { ${service} }`, 'a-up: { targets: ["http://u"] }') })
        .document,
    ).toEqual(then.document);
  });
  test("are not those of others, nor of other names than are granted", () => {
    const other = { ...then.document, mesh: { ...then.document.mesh, services: { b: { port: 2 } } } } as Document;
    for (const text of [named(`b: { ${service} }`), named(`x: { ${service} }`)])
      expect(withOwnFile({ ...then, document: other }, { name: "teams/a.yaml", text }).document).toBeUndefined();
  });
});

test("what was applied from elsewhere, without files, takes one more", () => {
  const made = withOwnFile({ source: "text", document }, { name: "teams/b.yaml", text: ofTeam("b", "b1") });
  expect(names(made.document)).toEqual(["main", "a1", "a2", "c1", "b1"]);
});
