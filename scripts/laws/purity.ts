/** Law 1: nothing impure in shared/, and only packages that compute. What the gateway bundles stays small. */
import { type Import, importGraph } from "./imports.ts";
import { type Token, tokenize } from "./tokens.ts";
import type { Finding, Tree } from "./tree.ts";

const SHARED_PACKAGES = new Set([
  "zod",
  "zod/mini",
  "yaml",
  "structured-headers",
  "@marcbachmann/cel-js",
  "re2js",
  "json-p3",
  "graphql",
  "@bufbuild/protobuf",
  "@bufbuild/protobuf/reflect",
  "@bufbuild/protobuf/wire",
  "@bufbuild/protobuf/wkt",
]);
/** Packages of the gateway bundle; subpaths included but for zod, whose full build is five times the size of mini. */
const GATEWAY_PACKAGES = [
  "hono",
  "jose",
  "oauth4webapi",
  "structured-headers",
  "@marcbachmann/cel-js",
  "re2js",
  "json-p3",
  "graphql",
  "@bufbuild/protobuf",
  "cloudflare:workers",
];
const GATEWAY_ENTRY = "workers/gateway/index.ts";

const IMPURE = new Map([
  ["performance", "the time is an argument (nowMs)"],
  ["setTimeout", "timers belong to the hosts"],
  ["setInterval", "timers belong to the hosts"],
  ["setImmediate", "timers belong to the hosts"],
  ["queueMicrotask", "scheduling belongs to the hosts"],
  ["fetch", "input and output belong to the hosts"],
  ["WebSocket", "input and output belong to the hosts"],
  ["crypto", "random bytes and digests are arguments"],
  ["process", "the environment is an argument"],
  ["console", "logs belong to the hosts"],
  ["globalThis", "globals belong to the hosts"],
]);

export function checkPurity(tree: Tree): Finding[] {
  const graph = importGraph(tree);
  const findings: Finding[] = [];
  for (const [path, source] of tree) {
    if (!/^shared\/.*\.ts$/.test(path) || path.endsWith(".d.ts")) continue;
    findings.push(...impureGlobals(path, tokenize(source)));
    for (const one of graph.get(path) ?? []) findings.push(...sharedImport(path, one));
  }
  return [...findings, ...namedZod(graph), ...gatewayBundle(graph)];
}

function sharedImport(path: string, { specifier, file, line }: Import): Finding[] {
  if (file === undefined)
    return SHARED_PACKAGES.has(specifier)
      ? []
      : [law1(path, line, `imports "${specifier}": shared/ may use only ${[...SHARED_PACKAGES].join(", ")}`)];
  return file.startsWith("shared/") ? [] : [law1(path, line, `imports ${file}: shared/ knows no host`)];
}

function impureGlobals(path: string, tokens: readonly Token[]): Finding[] {
  const findings: Finding[] = [];
  tokens.forEach((token, index) => {
    if (token.kind !== "word" || isMemberOrKey(tokens, index)) return;
    const text = (ahead: number): string | undefined => tokens[index + ahead]?.text;
    const why = IMPURE.get(token.text);
    if (why !== undefined) findings.push(law1(path, token.line, `uses ${token.text}: ${why}`));
    if (token.text === "Math" && text(1) === "." && text(2) === "random")
      findings.push(law1(path, token.line, "uses Math.random: randomness is an argument"));
    if (token.text !== "Date") return;
    const readsClock =
      (text(1) === "." && text(2) === "now") || (text(1) === "(" && (text(-1) !== "new" || text(2) === ")"));
    const bareNew = text(-1) === "new" && text(1) !== "(";
    if (readsClock || bareNew)
      findings.push(law1(path, token.line, "reads the clock: the time is an argument (nowMs)"));
  });
  return findings;
}

/** `x.process`, `{ process: 1 }` and `process?: string` name members, no globals. */
function isMemberOrKey(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1]?.text;
  if (before === "." || before === "?.") return true;
  const after = tokens[index + 1]?.text;
  const optional = after === "?" && tokens[index + 2]?.text === ":";
  return (after === ":" || optional) && before !== "?" && before !== "case";
}

function namedZod(graph: ReadonlyMap<string, readonly Import[]>): Finding[] {
  const findings: Finding[] = [];
  for (const [path, imports] of graph)
    for (const { specifier, names, line } of imports)
      if (/^zod(\/|$)/.test(specifier) && names.includes("z"))
        findings.push(law1(path, line, `write import * as z from "${specifier}": { z } bundles all of zod`));
  return findings;
}

/** Follows what is left after stripping types from the gateway's entry. */
function gatewayBundle(graph: ReadonlyMap<string, readonly Import[]>): Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { specifier, file, line, typeOnly } of graph.get(path) ?? []) {
      if (typeOnly) continue;
      if (file !== undefined) visit(file);
      else if (!mayBundle(specifier))
        findings.push(
          law1(
            path,
            line,
            `imports "${specifier}" into the gateway's bundle, which may hold only zod/mini and ${GATEWAY_PACKAGES.join(", ")}`,
          ),
        );
    }
  };
  visit(GATEWAY_ENTRY);
  return findings;
}

function mayBundle(specifier: string): boolean {
  return (
    specifier === "zod/mini" || GATEWAY_PACKAGES.some((name) => specifier === name || specifier.startsWith(`${name}/`))
  );
}

const law1 = (path: string, line: number, message: string): Finding => ({ path, line, law: "law 1", message });
