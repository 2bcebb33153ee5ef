/** Whatever the check accepts can be compiled, cut into faces, and explained; whatever it is given, it does not fail. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { codeFrame } from "../../../shared/config/code-frame.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

const shopText = readFileSync(new URL("../../../examples/shop/selvage.yaml", import.meta.url), "utf8");
const shop = parse(shopText) as Record<string, unknown>;
(shop.gateway as { identity: { login: { jwt: object } } }).identity.login.jwt = {
  issuer: "http://i/",
  audience: ["a"],
  clockSkew: "1m",
};

const odd = [
  ...[
    "",
    " ",
    "*",
    "**",
    "/",
    "//",
    "/*",
    "/{a}",
    "/{a}/{a}",
    "/{a}/*",
    "a",
    "A",
    "constructor",
    "__proto__",
    "GET",
    "get",
  ],
  ...[
    "1s",
    "0s",
    "0ms",
    "9999d",
    "1MiB",
    "0B",
    "1/second",
    "0/second",
    "1/0s",
    "orders",
    "gateway",
    "http://",
    "http://[::1",
    "http://[::1]/",
  ],
  ...[
    "http://a:99999/",
    "http://a:b/x",
    "https://x:443",
    "orders:/",
    "orders://x",
    "orders:/{",
    "orders:/{a.b}",
    "orders:/a?b={query.c}",
    "http://[::1/x",
    "http://a:99999/x",
  ],
  ...[
    "${env:X}",
    "${secret:X}",
    "${",
    "%",
    "/%",
    "/%zz",
    "[::1]",
    "::1",
    "*.a",
    "é",
    "😀",
    "\ud800",
    "\u0000",
    "x".repeat(70),
  ],
];
const value = fc.oneof(
  fc.constantFrom<unknown>(...odd, null, true, 0, -1, 1.5, 1e21, [], {}, [[]], { a: {} }, ["*", "a"]),
  fc.string({ maxLength: 6 }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Ways to every value of the shop. */
function pathsOf(node: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof node !== "object" || node === null) return [path];
  const keys = Array.isArray(node) ? node.keys() : Object.keys(node);
  return [path, ...[...keys].flatMap((key) => pathsOf((node as Record<string, unknown>)[key], [...path, key]))];
}
const paths = pathsOf(shop).filter((path) => path.length > 0);

interface Change {
  readonly path: (string | number)[];
  readonly kind: "replace" | "remove" | "rename";
  readonly value: unknown;
}
const change = fc.record({
  path: fc.constantFrom(...paths),
  kind: fc.constantFrom<Change["kind"]>("replace", "remove", "rename"),
  value,
});

function changed(changes: readonly Change[]): unknown {
  const document = structuredClone(shop);
  for (const { path, kind, value } of changes) {
    const parent = path
      .slice(0, -1)
      .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], document);
    const key = path.at(-1) ?? "";
    if (typeof parent !== "object" || parent === null) continue;
    const holder = parent as Record<string, unknown>;
    const before = holder[key];
    if (kind !== "replace") delete holder[key];
    if (kind === "replace") holder[key] = value;
    else if (kind === "rename" && !Array.isArray(parent))
      Object.defineProperty(holder, typeof value === "string" ? value : JSON.stringify(value), {
        value: before,
        enumerable: true,
        writable: true,
        configurable: true,
      });
  }
  return JSON.parse(JSON.stringify(document));
}

test("JSON", () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(change, { maxLength: 3 }), (changes) => {
      const { document, problems } = checkDocument(changed(changes));
      for (const { message } of problems) expect(message).not.toBe("");
      if (document === undefined) {
        expect(problems.some(({ severity }) => severity === "error")).toBe(true);
        return;
      }
      accepted++;
      const plan = compile(document);
      expect(canonicalJson(plan)).toBe(canonicalJson(compile(JSON.parse(JSON.stringify(document)))));
      for (const service of ["gateway", ...Object.keys(plan.mesh.services)])
        expect(agentPlan(plan, service)).toBeDefined();
      const credential = { kind: "assumed", sub: "a", scopes: ["orders:read"] } as const;
      for (const path of ["/user/profile", "/api/v2/orders/4", "/x/%20/y"])
        expect(
          explain(
            plan,
            { method: "GET", host: "localhost", path, query: "?c=%zz&c", headers: [["x-canary", "true"]], credential },
            0,
          ).result,
        ).toBeDefined();
    }),
    { numRuns: 1_000 },
  );
  expect(accepted).toBeGreaterThan(30);
}, 60_000);

test("texts: each problem has a place in them", () => {
  const text = fc.oneof(
    fc.array(change, { maxLength: 2 }).map((changes) => stringify(changed(changes))),
    fc
      .tuple(
        fc.nat(shopText.length),
        fc.nat(8),
        fc.constantFrom(...odd, "\t", "\n", ": ", "- ", "&a ", "*a", "{", "]", "|", "'", "!!map ", "---\n"),
      )
      .map(([at, length, piece]) => shopText.slice(0, at) + piece + shopText.slice(at + length)),
  );
  fc.assert(
    fc.property(text, (source) => {
      const lines = source.split("\n");
      const { document, problems } = loadDocument(source, "f", () => undefined);
      for (const problem of problems) {
        const { line = 0, column = 0 } = problem;
        expect(line).toBeGreaterThan(0);
        expect(line).toBeLessThanOrEqual(lines.length);
        expect(column).toBeGreaterThan(0);
        expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
        expect(codeFrame(problem, source, "f")).toContain(problem.code);
      }
      if (document !== undefined) compile(document);
    }),
    { numRuns: 250 },
  );
}, 60_000);
