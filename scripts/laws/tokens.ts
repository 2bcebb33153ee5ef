/** A small scanner of TypeScript: enough to tell code from comments, strings and patterns. */

export interface Token {
  readonly kind: "word" | "string" | "number" | "punctuation" | "pattern";
  /** For strings what stands between the quotes, as written. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** After one of these a slash begins a regular expression; after any other word it divides. */
const BEFORE_EXPRESSION = new Set(
  "return typeof case in of delete void throw new instanceof yield await else do extends".split(" "),
);
const WORD = /[\p{ID_Start}$_#@][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /(?:0[xXbBoO][\da-fA-F_]+|\d[\d_]*\.?[\d_]*(?:[eE][+-]?\d+)?|\.\d[\d_]*(?:[eE][+-]?\d+)?)n?/y;
const PATTERN = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
const PUNCTUATION = /\?\.(?!\d)|=>|\.\.\.|[^\s\w]/uy;

/** Tokens of a source text, comments left out. Code inside template literals is scanned too. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  /** Depth of braces at which each open `${` ends. */
  const templates: number[] = [];
  let depth = 0;
  let line = 1;
  let at = 0;

  const countLines = (text: string): void => {
    for (const character of text) if (character === "\n") line++;
  };
  const push = (kind: Token["kind"], text: string): void => {
    tokens.push({ kind, text, line });
  };
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  /** Reads template text from `at` up to its end or to the next `${`. */
  const readTemplate = (): void => {
    const start = at;
    while (at < source.length) {
      if (source[at] === "\\") at += 2;
      else if (source[at] === "`" || source.startsWith("${", at)) break;
      else at++;
    }
    const text = source.slice(start, at);
    push("string", text);
    countLines(text);
    if (source[at] === "`") at++;
    else {
      at += 2;
      templates.push(depth);
    }
  };

  while (at < source.length) {
    const character = source[at] as string;
    if (/\s/.test(character)) {
      if (character === "\n") line++;
      at++;
    } else if (source.startsWith("//", at) || (at === 0 && source.startsWith("#!"))) {
      at = endOf(source, "\n", at) - 1;
    } else if (source.startsWith("/*", at)) {
      const end = endOf(source, "*/", at + 2);
      countLines(source.slice(at, end));
      at = end;
    } else if (character === '"' || character === "'") {
      const end = endOfString(source, at);
      push("string", source.slice(at + 1, end - 1));
      at = end;
    } else if (character === "`") {
      at++;
      readTemplate();
    } else if (character === "}" && templates.at(-1) === depth) {
      templates.pop();
      at++;
      readTemplate();
    } else {
      const pattern = character === "/" && expressionMayBegin(tokens.at(-1)) ? match(PATTERN) : undefined;
      const word = pattern === undefined ? match(WORD) : undefined;
      const number = pattern === undefined && word === undefined ? match(NUMBER) : undefined;
      const text = pattern ?? word ?? number ?? match(PUNCTUATION) ?? character;
      if (text === "{") depth++;
      if (text === "}") depth--;
      const plain = number === undefined ? "punctuation" : "number";
      push(pattern !== undefined ? "pattern" : word !== undefined ? "word" : plain, text);
      at += text.length;
    }
  }
  return tokens;
}

function endOf(source: string, mark: string, from: number): number {
  const at = source.indexOf(mark, from);
  return at < 0 ? source.length + 1 : at + mark.length;
}

function endOfString(source: string, start: number): number {
  const quote = source[start];
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === "\\") at++;
    else if (source[at] === quote) return at + 1;
  }
  return source.length + 1;
}

function expressionMayBegin(before: Token | undefined): boolean {
  if (before === undefined) return true;
  if (before.kind === "word") return BEFORE_EXPRESSION.has(before.text);
  return before.kind === "punctuation" && before.text !== ")" && before.text !== "]" && before.text !== "}";
}
