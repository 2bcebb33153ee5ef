/** Numbers of JSON (RFC 8259) that are kept as they were written: readers say which. */

interface RawNumber {
  readonly rawJSON: string;
}

/** What the platforms have and TypeScript's library does not: the source of a number, and a number written as given. */
const json = JSON as typeof JSON & {
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
};

/**
 * A value of JSON.
 * @param keep what stands for a number, by its own text
 * @throws SyntaxError when the text is no JSON
 */
export function parseNumbers(text: string, keep: (value: number, source: string) => unknown): unknown {
  return json.parse(text, (_: string, value: unknown, { source }: { source?: string }): unknown =>
    typeof value === "number" && source !== undefined ? keep(value, source) : value,
  );
}

/** A number that `JSON.stringify` writes as given. @throws SyntaxError when the text is no number */
export const rawNumber = (text: string): unknown => json.rawJSON(text);

/** The text of a number that was kept as it was written; undefined for every other value. */
export function exactNumber(value: unknown): string | undefined {
  return json.isRawJSON(value) ? value.rawJSON : undefined;
}
