/** Reads an expression of ECMA-262 (section 22.2.1) that is known to be well-formed, and writes it as RE2 has it. */

export interface Untranslatable {
  readonly reason: string;
  readonly advice?: string;
}

/** Members of classes of ECMA-262 that RE2 has otherwise: sections 22.2.2.9 and 12.2. */
const SPACES = "\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}";
const NO_SPACES =
  "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}" +
  "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}";
const LINE_ENDS = "\\n\\r\\x{2028}\\x{2029}";

/** General categories by their long names (Unicode, PropertyValueAliases). */
const CATEGORIES: Readonly<Record<string, string>> = {
  Letter: "L",
  Cased_Letter: "LC",
  Uppercase_Letter: "Lu",
  Lowercase_Letter: "Ll",
  Titlecase_Letter: "Lt",
  Modifier_Letter: "Lm",
  Other_Letter: "Lo",
  Mark: "M",
  Combining_Mark: "M",
  Nonspacing_Mark: "Mn",
  Spacing_Mark: "Mc",
  Enclosing_Mark: "Me",
  Number: "N",
  Decimal_Number: "Nd",
  digit: "Nd",
  Letter_Number: "Nl",
  Other_Number: "No",
  Punctuation: "P",
  punct: "P",
  Connector_Punctuation: "Pc",
  Dash_Punctuation: "Pd",
  Open_Punctuation: "Ps",
  Close_Punctuation: "Pe",
  Initial_Punctuation: "Pi",
  Final_Punctuation: "Pf",
  Other_Punctuation: "Po",
  Symbol: "S",
  Math_Symbol: "Sm",
  Currency_Symbol: "Sc",
  Modifier_Symbol: "Sk",
  Other_Symbol: "So",
  Separator: "Z",
  Space_Separator: "Zs",
  Line_Separator: "Zl",
  Paragraph_Separator: "Zp",
  Other: "C",
  Control: "Cc",
  cntrl: "Cc",
  Format: "Cf",
  Surrogate: "Cs",
  Private_Use: "Co",
};

const CONTROLS: Readonly<Record<string, string>> = { t: "\\t", n: "\\n", v: "\\x{b}", f: "\\f", r: "\\r" };

/** Stops the reading: the expression has no counterpart. */
class NoCounterpart extends Error {
  readonly advice: string | undefined;
  constructor(reason: string, advice?: string) {
    super(reason);
    this.advice = advice;
  }
}

export class RegexReader {
  readonly #source: string;
  readonly #unicode: boolean;
  #at = 0;

  /** @param unicode whether it is well-formed with the flag `u`; else only without it (Annex B) */
  constructor(source: string, unicode: boolean) {
    this.#source = source;
    this.#unicode = unicode;
  }

  read(): string | Untranslatable {
    let written = "";
    try {
      while (this.#at < this.#source.length) written += this.#term();
      return written;
    } catch (fault) {
      if (!(fault instanceof NoCounterpart)) throw fault;
      return { reason: fault.message, ...(fault.advice !== undefined && { advice: fault.advice }) };
    }
  }

  #term(): string {
    const char = this.#next();
    switch (char) {
      case "\\":
        return this.#escape(false);
      case "[":
        return this.#class();
      case "(":
        return this.#group();
      case ".":
        return `[^${LINE_ENDS}]`;
      case "{":
        return this.#isQuantifier() ? "{" : "\\{";
      case "}":
        return this.#closesQuantifier() ? "}" : "\\}";
      case "]":
        return "\\]";
      case "^":
      case "$":
      case "|":
      case ")":
      case "*":
      case "+":
      case "?":
        return char;
      default:
        return quote(char);
    }
  }

  #next(): string {
    const char = String.fromCodePoint(this.#source.codePointAt(this.#at) ?? 0);
    this.#at += char.length;
    return char;
  }

  #group(): string {
    const rest = this.#source.slice(this.#at);
    if (/^\?<?[=!]/.test(rest))
      throw new NoCounterpart(
        "looks around, which needs backtracking",
        "say it by another keyword: `not` or `allOf` with a `pattern` of their own, `minLength`, `maxLength`",
      );
    const name = /^\?<[^>]*>/.exec(rest)?.[0];
    if (name !== undefined) {
      this.#at += name.length;
      return "(";
    }
    const modifiers = /^\?[a-z-]+:/.exec(rest)?.[0];
    if (modifiers === undefined || modifiers === "?i:") return "(";
    throw new NoCounterpart(`has modifiers of a group (${modifiers}) that mean something else without backtracking`);
  }

  #escape(inClass: boolean): string {
    const char = this.#next();
    if (/[dDwW]/.test(char)) return `\\${char}`;
    if (char === "s") return inClass ? SPACES : `[${SPACES}]`;
    if (char === "S") return inClass ? NO_SPACES : `[${NO_SPACES}]`;
    if (char === "b") return inClass ? "\\x{8}" : "\\b";
    if (char === "B" && !inClass) return "\\B";
    if ((char === "p" || char === "P") && this.#unicode) return this.#property(char);
    if (/[1-9]/.test(char) || (char === "k" && (this.#unicode || this.#source.includes("(?<"))))
      throw new NoCounterpart(
        "refers back to a group, which needs backtracking",
        "list what is allowed by `enum` or `anyOf`",
      );
    return this.#character(char);
  }

  /** An escape that stands for one character. */
  #character(char: string): string {
    const control = CONTROLS[char];
    if (control !== undefined) return control;
    if (char === "c") return this.#control();
    if (char === "0") return this.#octal();
    if (char === "x") return this.#code(/^[\dA-Fa-f]{2}/y, char);
    if (char === "u") return this.#unicodeEscape();
    return char === "-" ? "\\-" : quote(char);
  }

  #control(): string {
    const letter = this.#source[this.#at] ?? "";
    // Without the flag `u`, a backslash before a `c` that no letter follows is a backslash.
    if (!/[A-Za-z]/.test(letter)) {
      this.#at--;
      return "\\\\";
    }
    this.#at++;
    return hex(letter.charCodeAt(0) % 32);
  }

  #octal(): string {
    if (/\d/.test(this.#source[this.#at] ?? ""))
      throw new NoCounterpart("has an octal escape, which JSON Schema does not know", "write it as `\\uHHHH`");
    return "\\x{0}";
  }

  #unicodeEscape(): string {
    const braced = /^\{([\dA-Fa-f]+)\}/.exec(this.#source.slice(this.#at, this.#at + 64));
    if (braced !== null && this.#unicode) {
      this.#at += braced[0].length;
      return codePoint(Number.parseInt(braced[1] ?? "", 16));
    }
    const pair = /^([Dd][89ABab][\dA-Fa-f]{2})\\u([Dd][C-Fc-f][\dA-Fa-f]{2})/.exec(
      this.#source.slice(this.#at, this.#at + 10),
    );
    if (pair === null) return this.#code(/^[\dA-Fa-f]{4}/y, "u");
    this.#at += pair[0].length;
    return hex(
      String.fromCharCode(Number.parseInt(pair[1] ?? "", 16), Number.parseInt(pair[2] ?? "", 16)).codePointAt(0) ?? 0,
    );
  }

  /** @param digits what follows; where it does not, the letter stands for itself */
  #code(digits: RegExp, letter: string): string {
    const [found] = new RegExp(digits.source).exec(this.#source.slice(this.#at, this.#at + 4)) ?? [];
    if (found === undefined) return letter;
    this.#at += found.length;
    return codePoint(Number.parseInt(found, 16));
  }

  #property(letter: string): string {
    const end = this.#source.indexOf("}", this.#at);
    const text = this.#source.slice(this.#at + 1, end);
    this.#at = end + 1;
    const [, kind, value = text] = /^(\w+)=(\w+)$/.exec(text) ?? [];
    if (kind === undefined && (text === "Any" || text === "ASCII")) return this.#range(letter, text);
    if (kind === undefined || kind === "gc" || kind === "General_Category") {
      const category = CATEGORIES[value] ?? (/^[A-Z][a-z]?$/.test(value) ? value : undefined);
      if (category !== undefined) return `\\${letter}{${category}}`;
    } else if (kind === "sc" || kind === "Script") return `\\${letter}{${value}}`;
    throw new NoCounterpart(
      `has a property of Unicode (${text}) that RE2 does not know`,
      "general categories (`\\p{L}`) and scripts (`\\p{Script=Greek}`) are known",
    );
  }

  #range(letter: string, name: string): string {
    if (name === "ASCII") return letter === "p" ? "[\\x{0}-\\x{7f}]" : "[\\x{80}-\\x{10ffff}]";
    if (letter === "P") throw new NoCounterpart("has a class that nothing is in (\\P{Any})");
    return "[\\x{0}-\\x{10ffff}]";
  }

  #class(): string {
    const negated = this.#source[this.#at] === "^";
    if (negated) this.#at++;
    let members = "";
    while (this.#source[this.#at] !== "]") {
      const first = this.#member();
      const isRange = /^-[^\]]/.test(this.#source.slice(this.#at, this.#at + 2));
      if (!isRange) members += first.written;
      else {
        this.#at++;
        const last = this.#member();
        // Without the flag `u`, a hyphen beside what stands for several characters is one of its own.
        members += `${first.written}${first.isOne && last.isOne ? "-" : "\\-"}${last.written}`;
      }
    }
    this.#at++;
    if (members === "") return negated ? "[\\x{0}-\\x{10ffff}]" : "[^\\x{0}-\\x{10ffff}]";
    return `[${negated ? "^" : ""}${members}]`;
  }

  /** Of a class: a character, or what stands for several. */
  #member(): { written: string; isOne: boolean } {
    const char = this.#next();
    if (char !== "\\") {
      const isLast = char === "-" && this.#source[this.#at] === "]";
      return { written: isLast ? char : quoteInClass(char), isOne: true };
    }
    const isOne =
      !/[dDwWsSpP]/.test(this.#source[this.#at] ?? "") || (!this.#unicode && /[pP]/.test(this.#source[this.#at] ?? ""));
    const written = this.#escape(true);
    // A class within a class is its members; a character stands there by itself.
    return { written: written.startsWith("[") ? written.slice(1, -1) : written, isOne };
  }

  #isQuantifier(): boolean {
    return /^\d+(?:,\d*)?\}/.test(this.#source.slice(this.#at, this.#at + 32));
  }

  #closesQuantifier(): boolean {
    return /(?:^|[^\\])\{\d+(?:,\d*)?\}$/.test(this.#source.slice(Math.max(0, this.#at - 34), this.#at));
  }
}

const quote = (char: string): string => (/[\\^$.*+?()[\]{}|]/.test(char) ? `\\${char}` : whole(char));

const quoteInClass = (char: string): string => (/[\\^[\]-]/.test(char) ? `\\${char}` : whole(char));

function whole(char: string): string {
  codePoint(char.codePointAt(0) ?? 0);
  return char;
}

function codePoint(code: number): string {
  if (code >= 0xd800 && code <= 0xdfff) throw new NoCounterpart("has half of a surrogate pair, which no text holds");
  return hex(code);
}

const hex = (code: number): string => `\\x{${code.toString(16)}}`;
