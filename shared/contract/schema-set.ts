/** The schemas of one contract: parsed when first asked for, and kept within a bound. */
import { parseWholeNumbers } from "../http/whole-numbers.ts";
import { limits } from "../limits.ts";
import type { SchemaNode } from "./evaluation.ts";
import { linkSchema } from "./link-schema.ts";
import type { RegexMaker } from "./regex-maker.ts";
import type { CompiledSchema } from "./schema-types.ts";

export class SchemaSet {
  readonly #texts: Readonly<Record<string, string>>;
  readonly #regexes: RegexMaker;
  /** Two generations: what is asked for is recent; when there is too much of it, what was recent is old, and what was old goes. */
  #recent = new Map<string, SchemaNode>();
  #old = new Map<string, SchemaNode>();
  #recentChars = 0;

  /**
   * @param texts `Contract.schemas`: names and the JSON texts of compiled schemas
   * @param regexes `makeRegex` of `shared/contract/schema-regexes.ts`; absent: no schema has a pattern (`Contract.patterns`)
   */
  constructor(texts: Readonly<Record<string, string>>, regexes: RegexMaker = noRegexes) {
    this.#texts = texts;
    this.#regexes = regexes;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#texts, name);
  }

  /** @throws Error for a name that the contract does not have: it was not compiled by us */
  take(name: string): SchemaNode {
    const recent = this.#recent.get(name);
    if (recent !== undefined) return recent;
    const text = this.has(name) ? this.#texts[name] : undefined;
    if (text === undefined) throw new Error(`the contract has no schema ${name}`);
    const node = this.#old.get(name) ?? this.#parse(name, text);
    this.#keep(name, node, text.length);
    return node;
  }

  #parse(name: string, text: string): SchemaNode {
    const schema = parseWholeNumbers(text, 2 * limits.contract.schemaDepthMax) as CompiledSchema;
    return linkSchema(schema, name.includes("#") ? name : `${name}#`, this.#regexes);
  }

  #keep(name: string, node: SchemaNode, chars: number): void {
    if (this.#recentChars + chars > limits.contract.parsedCharsMax / 2) {
      this.#old = this.#recent;
      this.#recent = new Map();
      this.#recentChars = 0;
    }
    this.#recent.set(name, node);
    this.#recentChars += chars;
  }
}

const noRegexes: RegexMaker = (source) => {
  throw new Error(`the pattern ${source} needs the engine of regular expressions`);
};
