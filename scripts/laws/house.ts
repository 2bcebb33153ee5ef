/** Rules of the house: documents that tell the truth, files of a size to read, nothing left behind. */
import { posix } from "node:path";
import { isCode } from "./imports.ts";
import type { Finding, Tree } from "./tree.ts";

const LINES_MAX = 400;
/** Built from halves so that this file does not break its own rule. */
const MARKS = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`);
const FOCUSED = /\b(test|it|describe)\.only\b/;
const HOME = /(?:^|[\s"'`(=])(\/(?:home|Users)\/[A-Za-z][\w.-]*|\/root)\//;

/** @param root where the tree lies on this machine */
export function checkHouse(tree: Tree, root: string): Finding[] {
  const findings: Finding[] = [];
  for (const [path, source] of tree) {
    if (path.startsWith("test/fixtures/")) continue;
    const lines = source.split("\n");
    if (isCode(path) && lines.length - 1 > LINES_MAX)
      findings.push(house(path, LINES_MAX, `has ${lines.length - 1} lines, more than ${LINES_MAX}: is it two things?`));
    lines.forEach((text, index) => {
      for (const message of linesFaults(path, text, root)) findings.push(house(path, index + 1, message));
    });
    if (path.endsWith(".md")) findings.push(...brokenLinks(tree, path, lines));
  }
  return [...findings, ...namedPaths(tree)];
}

function linesFaults(path: string, text: string, root: string): string[] {
  const faults: string[] = [];
  const mark = path === "package-lock.json" ? null : MARKS.exec(text);
  if (mark !== null) faults.push(`leaves a mark (${mark[1]}): do it, or say in the docs what is absent`);
  if (isCode(path) && FOCUSED.test(text)) faults.push("runs one test alone: remove .only");
  if (text.includes(`${root}/`) || HOME.test(text)) faults.push("names a path of one machine: derive it");
  return faults;
}

/** Relative links of Markdown lead somewhere. */
function brokenLinks(tree: Tree, path: string, lines: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  lines.forEach((text, index) => {
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (target === undefined || /^([a-z]+:|#)/.test(target)) continue;
      const file = posix.join(posix.dirname(path), target.replace(/#.*$/, ""));
      if (!exists(tree, file)) findings.push(house(path, index + 1, `links to ${target}, which does not exist`));
    }
  });
  return findings;
}

const MAP = "ARCHITECTURE.md";

/** Every path that the architecture page names in code letters exists. */
function namedPaths(tree: Tree): Finding[] {
  const findings: Finding[] = [];
  const folders = new Set([...tree.keys()].filter((path) => path.includes("/")).map((path) => path.split("/")[0]));
  (tree.get(MAP) ?? "").split("\n").forEach((text, index) => {
    for (const [, code] of text.matchAll(/`([^`]+)`/g)) {
      if (code === undefined || !/^[\w./{},*@-]+$/.test(code) || !folders.has(code.split("/")[0])) continue;
      if (!code.includes("/")) continue;
      for (const path of expandBraces(code))
        if (!exists(tree, path)) findings.push(house(MAP, index + 1, `names ${path}, which does not exist`));
    }
  });
  return findings;
}

/** `a/{b,c}.ts` as `a/b.ts` and `a/c.ts`. */
function expandBraces(text: string): string[] {
  const match = /^(.*?)\{([^{}]*)\}(.*)$/.exec(text);
  if (match === null) return [text];
  const [, before = "", options = "", after = ""] = match;
  return options.split(",").flatMap((option) => expandBraces(`${before}${option}${after}`));
}

/** A file, a folder (with or without a slash at its end), or with `*` at least one of them. */
function exists(tree: Tree, path: string): boolean {
  const plain = path.replace(/\/$/, "");
  if (plain === "." || tree.has(plain)) return true;
  const escaped = plain.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`^${escaped.join("[^/]*")}(/|$)`);
  return [...tree.keys()].some((candidate) => pattern.test(candidate));
}

const house = (path: string, line: number, message: string): Finding => ({ path, line, law: "house", message });
