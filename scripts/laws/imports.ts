import { posix } from "node:path";
import { type Token, tokenize } from "./tokens.ts";
import type { Tree } from "./tree.ts";

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Path in the tree for a relative specifier, else undefined: a package. */
  readonly file?: string;
  readonly line: number;
  /** `export ... from`. */
  readonly reExport: boolean;
  /** Nothing of it is left when types are stripped. */
  readonly typeOnly: boolean;
  /** Names between the braces, as they are called in the imported module. */
  readonly names: readonly string[];
}

/** Every import and re-export of a file, static and dynamic. */
export function importsOf(path: string, source: string): Import[] {
  return importsIn(path, tokenize(source));
}

function importsIn(path: string, tokens: readonly Token[]): Import[] {
  const found: Import[] = [];
  tokens.forEach((token, index) => {
    if (token.kind !== "word" || (token.text !== "import" && token.text !== "export")) return;
    const before = tokens[index - 1]?.text;
    if (before === "." || before === "?.") return;
    const dynamic = token.text === "import" && tokens[index + 1]?.text === "(";
    const source = dynamic ? tokens[index + 2] : sourceOf(tokens, index + 1);
    if (source?.kind !== "string") return;
    const clause = dynamic ? [] : tokens.slice(index + 1, tokens.indexOf(source, index));
    found.push({
      specifier: source.text,
      ...(source.text.startsWith(".") ? { file: posix.join(posix.dirname(path), source.text) } : {}),
      line: token.line,
      reExport: token.text === "export",
      typeOnly: clause[0]?.text === "type" && clause[1]?.text !== "from",
      names: namesOf(clause),
    });
  });
  return found;
}

/** The string that a static import or re-export takes from, undefined for a declaration. */
function sourceOf(tokens: readonly Token[], from: number): Token | undefined {
  const first = tokens[from];
  if (first?.kind === "string") return first;
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at] as Token;
    if (token.text === "from" && tokens[at + 1]?.kind === "string") return tokens[at + 1];
    const ofClause = token.kind === "word" || token.text === "{" || token.text === "}" || token.text === ",";
    if (!(ofClause || token.text === "*") || (at > from && DECLARATIONS.has(token.text))) return undefined;
    if (at === from && DECLARATIONS.has(token.text)) return undefined;
  }
  return undefined;
}

const DECLARATIONS = new Set("const let var function class interface enum default abstract async declare".split(" "));

function namesOf(clause: readonly Token[]): string[] {
  const names: string[] = [];
  let inside = false;
  clause.forEach((token, index) => {
    if (token.text === "{") inside = true;
    else if (token.text === "}") inside = false;
    else if (inside && token.kind === "word" && clause[index - 1]?.text !== "as" && token.text !== "as") {
      if (token.text !== "type" || clause[index + 1]?.kind !== "word") names.push(token.text);
    }
  });
  return names;
}

/** Imports of every TypeScript file of a tree. */
export function importGraph(tree: Tree): Map<string, Import[]> {
  const graph = new Map<string, Import[]>();
  for (const [path, source] of tree) if (isCode(path)) graph.set(path, importsOf(path, source));
  return graph;
}

export function isCode(path: string): boolean {
  return /\.(ts|tsx|mjs|js)$/.test(path);
}
