/**
 * XML 1.0 with namespaces, read strictly and without a document type: what is not well-formed is refused, and no entity but the five
 * that XML has itself stands for anything. Comments and processing instructions are passed over.
 */
import { limits } from "../../limits.ts";
import { Untranslatable } from "./translation.ts";
import { isXmlText, QUALIFIED_NAME, XML_NAMESPACE, XMLNS_NAMESPACE } from "./xml-names.ts";

export interface XmlName {
  readonly local: string;
  /** Empty: none. */
  readonly namespace: string;
}

export interface XmlAttribute extends XmlName {
  readonly value: string;
}

export interface XmlElement extends XmlName {
  /** Without declarations of namespaces. */
  readonly attributes: readonly XmlAttribute[];
  readonly elements: XmlElement[];
  /** All of its own text, in its order; what stands before and after a comment is one. */
  text: string;
}

/** Prefixes that are declared at one element, within those around it. */
interface Scope {
  readonly declared: ReadonlyMap<string, string>;
  readonly outer?: Scope;
}

interface Open {
  readonly element: XmlElement;
  /** As the start tag has it: the end tag must be the same. */
  readonly tag: string;
  readonly scope: Scope;
}

interface RawAttribute {
  readonly prefix: string;
  readonly local: string;
  readonly value: string;
}

const { depthMax, nodesMax } = limits.reshape;
const { attributesMax, nameCharsMax } = limits.translation;

/**
 * The outermost element of a document.
 * @throws Untranslatable with the line where it is not well-formed, or that there is more than is read
 */
export function readXml(source: string): XmlElement {
  if (!isXmlText(source)) throw new Untranslatable("form", "it is no XML: it has a character that XML does not have");
  return new Reader(source.includes("\r") ? source.replace(/\r\n?/g, "\n") : source).document();
}

class Reader {
  readonly #text: string;
  readonly #open: Open[] = [];
  #at = 0;
  #nodes = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): XmlElement {
    this.#declaration();
    let root: XmlElement | undefined;
    for (;;) {
      const parent = this.#open.at(-1);
      const next = this.#text.indexOf("<", this.#at);
      this.#characters(next < 0 ? this.#text.length : next, parent?.element);
      if (next < 0) break;
      if (this.#isSkipped(parent?.element)) continue;
      if (this.#text.startsWith("</", next)) this.#endTag();
      else {
        if (parent === undefined && root !== undefined) throw this.#wrong("a second outermost element");
        const element = this.#startTag(parent);
        root ??= element;
      }
    }
    if (this.#open.length > 0) throw this.#wrong("it ends within an element");
    if (root === undefined) throw this.#wrong("it has no element");
    return root;
  }

  #declaration(): void {
    if (!/^<\?xml[ \t\n]/.test(this.#text)) return;
    const [whole, , version] = DECLARATION.exec(this.#text) ?? [];
    if (whole === undefined) throw this.#wrong("its declaration cannot be read");
    if (version !== "1.0") throw this.#wrong("it is not of version 1.0");
    this.#at = whole.length;
  }

  /** Text up to an index. */
  #characters(end: number, element: XmlElement | undefined): void {
    if (end === this.#at) return;
    const text = this.#text.slice(this.#at, end);
    if (element === undefined) {
      if (!IS_SPACE.test(text)) throw this.#wrong("text outside of every element");
    } else {
      if (text.includes("]]>")) throw this.#wrong("`]]>` in a text");
      this.#count();
      element.text += this.#references(text);
    }
    this.#at = end;
  }

  /** A comment, processing instruction or CDATA section. */
  #isSkipped(element: XmlElement | undefined): boolean {
    const from = this.#at;
    if (this.#text.startsWith("<!--", from)) {
      const end = this.#text.indexOf("--", from + 4);
      if (end < 0 || this.#text[end + 2] !== ">") throw this.#wrong("a comment that does not end, or has `--` in it");
      this.#at = end + 3;
    } else if (this.#text.startsWith("<?", from)) {
      this.#at = from + 2;
      const { local, prefix } = this.#name();
      if (prefix !== "" || local.toLowerCase() === "xml") throw this.#wrong("an instruction of a name it cannot have");
      const end = this.#text.indexOf("?>", this.#at);
      if (end < 0 || !(end === this.#at || isSpace(this.#text.charCodeAt(this.#at))))
        throw this.#wrong("a processing instruction that does not end");
      this.#at = end + 2;
    } else if (this.#text.startsWith("<![CDATA[", from)) {
      const end = this.#text.indexOf("]]>", from);
      if (end < 0 || element === undefined)
        throw this.#wrong("a CDATA section that does not end, or has no place here");
      element.text += this.#text.slice(from + 9, end);
      this.#at = end + 3;
    } else if (this.#text.startsWith("<!", from)) {
      throw this.#wrong("a document type, which is not read");
    } else return false;
    this.#count();
    return true;
  }

  #endTag(): void {
    const open = this.#open.pop();
    this.#at += 2;
    if (open === undefined || !this.#text.startsWith(open.tag, this.#at)) throw this.#wrong("an end tag of no element");
    this.#at += open.tag.length;
    this.#space();
    if (this.#text[this.#at] !== ">") throw this.#wrong("an end tag of another name, or one that does not end");
    this.#at++;
  }

  #startTag(parent: Open | undefined): XmlElement {
    this.#at++;
    const from = this.#at;
    const name = this.#name();
    const tag = this.#text.slice(from, this.#at);
    const { scope, attributes } = this.#attributes(parent?.scope);
    const element: XmlElement = {
      local: name.local,
      namespace: this.#namespaceOf(name.prefix, scope),
      attributes,
      elements: [],
      text: "",
    };
    this.#count();
    parent?.element.elements.push(element);
    if (this.#text[this.#at] === "/") {
      if (this.#text[this.#at + 1] !== ">") throw this.#wrong("a tag that does not end");
      this.#at += 2;
      return element;
    }
    this.#at++;
    if (this.#open.length >= depthMax)
      throw new Untranslatable("bounds", `it is nested deeper than ${depthMax} levels`);
    this.#open.push({ element, tag, scope });
    return element;
  }

  /** Up to the `>` or `/` that ends the tag. */
  #attributes(outer: Scope | undefined): { readonly scope: Scope; readonly attributes: readonly XmlAttribute[] } {
    const raw: RawAttribute[] = [];
    const declared = new Map<string, string>();
    for (let found = 0; ; ) {
      const isApart = this.#space();
      const next = this.#text[this.#at];
      if (next === ">" || next === "/") break;
      if (!isApart) throw this.#wrong("a tag that does not end, or attributes without a space between them");
      if (++found > attributesMax)
        throw new Untranslatable("bounds", `an element has more than ${attributesMax} attributes`);
      const attribute = this.#attribute();
      if (attribute.prefix === "xmlns" || (attribute.prefix === "" && attribute.local === "xmlns"))
        this.#declare(declared, attribute);
      else raw.push(attribute);
    }
    const scope =
      declared.size === 0 && outer !== undefined ? outer : { declared, ...(outer !== undefined && { outer }) };
    const seen = new Set<string>();
    const attributes = raw.map(({ prefix, local, value }): XmlAttribute => {
      const namespace = prefix === "" ? "" : this.#namespaceOf(prefix, scope);
      if (seen.has(`${local} ${namespace}`)) throw this.#wrong("an attribute twice at one element");
      seen.add(`${local} ${namespace}`);
      return { local, namespace, value };
    });
    return { scope, attributes };
  }

  #attribute(): RawAttribute {
    const { prefix, local } = this.#name();
    this.#space();
    if (this.#text[this.#at] !== "=") throw this.#wrong("an attribute without a value");
    this.#at++;
    this.#space();
    const quote = this.#text[this.#at];
    const end = quote === '"' || quote === "'" ? this.#text.indexOf(quote, this.#at + 1) : -1;
    if (end < 0) throw this.#wrong("an attribute whose value does not begin or end with a quote");
    const source = this.#text.slice(this.#at + 1, end);
    if (source.includes("<")) throw this.#wrong("`<` in an attribute");
    this.#count();
    const value = this.#references(source.replace(/[\t\n]/g, " "));
    this.#at = end + 1;
    return { prefix, local, value };
  }

  /** Namespaces in XML 1.0, sections 3 and 5. */
  #declare(declared: Map<string, string>, { prefix, local, value }: RawAttribute): void {
    const name = prefix === "" ? "" : local;
    if (declared.has(name)) throw this.#wrong("a namespace prefix twice at one element");
    const isReserved = name === "xmlns" || value === XMLNS_NAMESPACE || (name === "xml") !== (value === XML_NAMESPACE);
    if (isReserved || (name !== "" && value === "")) throw this.#wrong("a namespace prefix that cannot be declared so");
    declared.set(name, value);
  }

  #namespaceOf(prefix: string, scope: Scope): string {
    if (prefix === "xml") return XML_NAMESPACE;
    for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
      const namespace = at.declared.get(prefix);
      if (namespace !== undefined) return namespace;
    }
    if (prefix !== "") throw this.#wrong("a namespace prefix that nothing declares");
    return "";
  }

  #name(): { readonly prefix: string; readonly local: string } {
    QUALIFIED_NAME.lastIndex = this.#at;
    const [whole, prefix = "", local] = QUALIFIED_NAME.exec(this.#text) ?? [];
    if (whole === undefined || local === undefined) throw this.#wrong("a name was expected");
    if (whole.length > nameCharsMax)
      throw new Untranslatable("bounds", `a name has more than ${nameCharsMax} characters`);
    this.#at += whole.length;
    return { prefix, local };
  }

  /** @returns whether there was any */
  #space(): boolean {
    const from = this.#at;
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#at > from;
  }

  /** A text with what its references stand for (XML 1.0 section 4.1). */
  #references(text: string): string {
    let at = text.indexOf("&");
    if (at < 0) return text;
    let made = "";
    let from = 0;
    for (; at >= 0; at = text.indexOf("&", from)) {
      const end = text.indexOf(";", at);
      if (end < 0 || end - at > REFERENCE_CHARS_MAX) throw this.#wrong(NO_REFERENCE);
      made += text.slice(from, at) + this.#referred(text.slice(at + 1, end));
      from = end + 1;
    }
    return made + text.slice(from);
  }

  #referred(name: string): string {
    const own = ENTITIES.get(name);
    if (own !== undefined) return own;
    const [, hex, decimal] = /^#(?:x([0-9A-Fa-f]+)|([0-9]+))$/.exec(name) ?? [];
    const code = hex === undefined ? Number(decimal ?? "NaN") : Number.parseInt(hex, 16);
    const character = code <= 0x10ffff ? String.fromCodePoint(code) : "";
    if (character === "" || !isXmlText(character)) throw this.#wrong(NO_REFERENCE);
    return character;
  }

  #count(): void {
    if (++this.#nodes > nodesMax) throw new Untranslatable("bounds", `it has more than ${nodesMax} elements and texts`);
  }

  #wrong(what: string): Untranslatable {
    let line = 1;
    for (let at = this.#text.indexOf("\n"); at >= 0 && at < this.#at; at = this.#text.indexOf("\n", at + 1)) line++;
    return new Untranslatable("form", `it is no XML that is read: ${what} (line ${line})`);
  }
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["lt", "<"],
  ["gt", ">"],
  ["amp", "&"],
  ["apos", "'"],
  ["quot", '"'],
]);
/** With zeros before its digits a reference may be longer than any needs to be. */
const REFERENCE_CHARS_MAX = 32;
const NO_REFERENCE = "a reference to what XML does not have";
const IS_SPACE = /^[ \t\n]+$/;
const isSpace = (code: number): boolean => code === 0x20 || code === 0x09 || code === 0x0a;
const DECLARATION =
  /^<\?xml[ \t\n]+version[ \t\n]*=[ \t\n]*(["'])([0-9.]{1,8})\1(?:[ \t\n]+encoding[ \t\n]*=[ \t\n]*(["'])[A-Za-z][A-Za-z0-9._-]{0,63}\3)?(?:[ \t\n]+standalone[ \t\n]*=[ \t\n]*(["'])(?:yes|no)\4)?[ \t\n]*\?>/;
