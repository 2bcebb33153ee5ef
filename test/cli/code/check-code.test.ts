import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeProblems, codeSource } from "../../../cli/code/check-code.ts";
import { writeCode } from "../../../cli/code/write-code.ts";
import { prepareWorker } from "../../../cli/local/worker-process.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import type { Document } from "../../../shared/config/schema.ts";

const top = mkdtempSync(path.join(tmpdir(), "selvage-code-"));
const folder = path.join(top, "shop");
const file = path.join(folder, "selvage.yaml");

/** A schema as zod and others have it, without any of them. */
const SCHEMA = `{ "~standard": { version: 1, vendor: "test", validate: (value) =>
  typeof value.limit === "number" ? { value } : { issues: [{ message: "a number is expected", path: ["limit"] }] } } }`;
const FILES: Record<string, string> = {
  "policies/plain.ts":
    "export default async (c: unknown, next: () => Promise<void>): Promise<void> => { await next(); };",
  "policies/policy.ts": `import { definePolicy } from "selvage/policy";
export default definePolicy(${SCHEMA}, async (_c, next) => { await next(); });`,
  "policies/handler.ts": `import { defineHandler } from "selvage/policy";
import { text } from "./text.ts";
export default defineHandler((c) => c.text(text));`,
  "policies/text.ts": 'export const text = "a text";',
  "policies/none.ts": "export const policy = 1;",
  "policies/object.ts": "export default { fetch: () => undefined };",
  "policies/syntax.ts": "export default (c => {",
  "policies/import.ts": 'import { x } from "./not-there.ts"; export default x;',
  "policies/node.ts": 'import { readFileSync } from "node:fs"; export default () => readFileSync("/etc/passwd");',
  "policies/platform.ts": 'import { env } from "cloudflare:workers"; export default () => env;',
  "policies/throws.ts": 'throw new TypeError("only in the gateway"); export default 1;',
  "policies/reads.ts": `const { readFileSync } = process.getBuiltinModule("node:fs");
readFileSync(${JSON.stringify(path.join(top, "secret.ts"))}); export default () => undefined;`,
};

beforeAll(() => {
  mkdirSync(path.join(folder, "policies"), { recursive: true });
  for (const [name, text] of Object.entries(FILES)) writeFileSync(path.join(folder, name), text);
  writeFileSync(path.join(top, "secret.ts"), "export default () => undefined;");
  symlinkSync(path.join(top, "secret.ts"), path.join(folder, "policies/link.ts"));
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

function documentOf(route: string): Document {
  const text = `{ selvage: 1, name: shop, gateway: { hosts: [localhost], routes: [{ name: a, match: { path: /a }, ${route} }] } }`;
  const { document, problems } = loadDocument(text, "selvage.yaml", () => undefined);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return document;
}
const found = (route: string, name = file) =>
  codeProblems(documentOf(route), name).map(({ code, severity, path: at, message }) => [
    code,
    severity,
    at.slice(3).join("."),
    message,
  ]);
const policy = (name: string, more = "") => `policies: [{ use: policies/${name}.ts${more} }], to: "https://a.example"`;
const handler = (name: string) => `handler: policies/${name}.ts`;

describe("code of a document", () => {
  test.each([
    ["nothing", 'to: "https://a.example"'],
    ["middleware of Hono", policy("plain")],
    ["a policy with settings", policy("policy", ", with: { limit: 1 }")],
    ["a handler", handler("handler")],
  ])("is right: %s", (_, route) => {
    expect(found(route)).toEqual([]);
  });

  test.each<[string, string, string, string, string, string]>([
    ["no file", policy("polici"), "SLV3155", "error", "policies.0.use", "there is no file policies/polici.ts"],
    ["a link out of the folder", handler("link"), "SLV3155", "error", "handler", "outside of the folder"],
    ["a syntax error", handler("syntax"), "SLV3155", "error", "handler", "policies/syntax.ts:1"],
    ["an import that is not there", handler("import"), "SLV3155", "error", "handler", "not-there.ts"],
    ["an import of Node", policy("node"), "SLV3155", "error", "policies.0.use", "imports node:fs"],
    [
      "an import of the platform",
      policy("platform"),
      "SLV3155",
      "error",
      "policies.0.use",
      "imports cloudflare:workers",
    ],
    ["no default export", handler("none"), "SLV3156", "error", "handler", "has no default export"],
    ["an object", policy("object"), "SLV3156", "error", "policies.0.use", "no function"],
    ["a handler as a policy", policy("handler"), "SLV3156", "error", "policies.0.use", "is a handler"],
    ["a policy as a handler", handler("policy"), "SLV3156", "error", "handler", "is a policy"],
    ["middleware as a handler", handler("plain"), "SLV3156", "error", "handler", "without `defineHandler`"],
    [
      "settings of another kind",
      policy("policy", ", with: { limit: two }"),
      "SLV3157",
      "error",
      "policies.0.with.limit",
      "a number is expected",
    ],
    ["settings that are missing", policy("policy"), "SLV3157", "error", "policies.0.use", "`limit`: a number"],
    [
      "what runs in the gateway alone",
      policy("throws"),
      "SLV3159",
      "warning",
      "policies.0.use",
      "TypeError: only in the gateway",
    ],
    [
      "what reads files when it is loaded",
      policy("reads"),
      "SLV3159",
      "warning",
      "policies.0.use",
      "Access to this API",
    ],
  ])("%s", (_, route, code, severity, at, message) => {
    const problems = found(route);
    expect(problems).toEqual([[code, severity, at, expect.stringContaining(message)]]);
  });

  test("names the nearest file", () => {
    expect(codeProblems(documentOf(policy("polici")), file)[0]?.suggestion).toBe("policies/policy.ts");
  });

  test("on stdin is not looked at", () => {
    expect(found(handler("not-there"), "-")).toEqual([
      ["SLV3159", "warning", "handler", expect.stringContaining("stdin")],
    ]);
  });

  test("stays with a local system that starts again without its document", async () => {
    const state = mkdtempSync(path.join(top, "state-"));
    const document = documentOf(handler("handler"));
    for (const code of [codeSource(document, file), undefined]) {
      const { modules } = await prepareWorker("gateway", state, code);
      expect(readFileSync(path.join(modules, "deployed-code.mjs"), "utf8")).toContain('"policies/handler.ts"');
      expect(readdirSync(modules).filter((name) => name.startsWith("deployed-code-handler-"))).toHaveLength(1);
    }
    const { modules } = await prepareWorker("gateway", state, { folder, files: [] });
    expect(readFileSync(path.join(modules, "deployed-code.mjs"), "utf8")).not.toContain("policies/");
  });

  test("is written beside the gateway's modules, and what was there before goes", async () => {
    const out = mkdtempSync(path.join(top, "out-"));
    writeFileSync(path.join(out, "worker.mjs"), "");
    const document = documentOf(`${handler("handler")}, policies: [{ use: policies/policy.ts }]`);
    const first = writeCode(codeSource(document, file), out);
    expect(first.some((name) => name.startsWith("deployed-code-handler-"))).toBe(true);
    const index = path.join(out, "deployed-code.mjs");
    const { modules } = (await import(index)) as {
      modules: Record<string, () => Promise<{ default: { selvage: { kind: string } } }>>;
    };
    expect(Object.keys(modules).sort()).toEqual(["policies/handler.ts", "policies/policy.ts"]);
    expect((await modules["policies/handler.ts"]?.())?.default.selvage.kind).toBe("handler");
    expect(writeCode({ folder, files: [] }, out)).toEqual([]);
  });

  test("has the name that the document gives it, also where that is a link", () => {
    const out = mkdtempSync(path.join(top, "out-"));
    symlinkSync("plain.ts", path.join(folder, "policies/linked.ts"));
    writeCode({ folder, files: ["policies/linked.ts", "policies/plain.ts"] }, out);
    const index = readFileSync(path.join(out, "deployed-code.mjs"), "utf8");
    for (const name of ["policies/linked.ts", "policies/plain.ts"])
      expect(index).toMatch(new RegExp(`"${name}": .*deployed-code-plain-`));
  });
});
