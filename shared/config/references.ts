/** `${env:NAME:-default}` and `${secret:NAME}`. Anything else that begins with `${` is an error: there is no escape. */

/** Where secrets are looked for. */
export interface Secrets {
  has(name: string): boolean;
  /** Length of its value in bytes, where that is known. */
  bytes?(name: string): number | undefined;
  /** Where it looked, for people: "the environment and .selvage/secrets". */
  readonly lookedIn?: string;
}

export interface Reference {
  readonly kind: "env" | "secret" | "unknown";
  readonly name: string;
  /** After `:-`. */
  readonly fallback?: string;
  /** As it is written, with the braces. */
  readonly text: string;
  /** Offset in the text that it was found in. */
  readonly at: number;
}

const FORM = /^(env|secret):([A-Za-z_][A-Za-z0-9_]{0,127})(?::-(.*))?$/s;

/** Every reference in a text, in order; one that is not closed goes to the end of the text. */
export function referencesIn(text: string): Reference[] {
  const found: Reference[] = [];
  for (let at = text.indexOf("${"); at >= 0; at = text.indexOf("${", at)) {
    const close = text.indexOf("}", at);
    const end = close < 0 ? text.length : close + 1;
    found.push(readReference(text.slice(at, end), at));
    at = end;
  }
  return found;
}

/** The name in `${secret:NAME}`. */
export const secretName = (reference: string | undefined): string | undefined => referencesIn(reference ?? "")[0]?.name;

function readReference(text: string, at: number): Reference {
  const match = text.endsWith("}") ? FORM.exec(text.slice(2, -1)) : null;
  if (match === null) return { kind: "unknown", name: "", text, at };
  const [, kind, name, fallback] = match as unknown as ["", "env" | "secret", string, string | undefined];
  if (fallback?.includes("${") || (kind === "secret" && fallback !== undefined))
    return { kind: "unknown", name, text, at };
  return fallback === undefined ? { kind, name, text, at } : { kind, name, fallback, text, at };
}

/** Replaces each reference by what `resolve` gives for it; undefined leaves it as it is. Answers are not read again. */
export function replaceReferences(text: string, resolve: (reference: Reference) => string | undefined): string {
  let result = "";
  let from = 0;
  for (const reference of referencesIn(text)) {
    result += text.slice(from, reference.at) + (resolve(reference) ?? reference.text);
    from = reference.at + reference.text.length;
  }
  return result + text.slice(from);
}
