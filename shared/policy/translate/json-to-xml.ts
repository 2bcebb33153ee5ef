/** What JSON is as XML: the way back of `xml-to-json.ts`. */
import { isContainer } from "../../http/exact-json.ts";
import { exactNumber } from "../../http/raw-number.ts";
import { limits } from "../../limits.ts";
import { isPrototypeName, Untranslatable, type XmlConventions } from "./translation.ts";
import { INSTANCE_NAMESPACE, isXmlText, splitName } from "./xml-names.ts";

/**
 * Elements of JSON.
 * @param around what opens and ends around them; declarations of namespaces stand at the outermost element, so at its own if there is one
 * @throws Untranslatable where a name or text cannot stand in XML, a list has no name, or there is more than is written
 */
export function jsonToXml(value: unknown, xml: XmlConventions, around?: readonly [open: string, end: string]): string {
  const writer = new Writer(xml);
  const declarations = declarationsOf(xml);
  writer.put(around?.[0] ?? DECLARATION);
  if (xml.root !== undefined) writer.element(xml.root, value, declarations);
  else {
    const members = isContainer(value) && !Array.isArray(value) ? Object.entries(value) : [];
    const [only] = members;
    if (only === undefined || members.length > 1 || Array.isArray(only[1]))
      throw new Untranslatable(
        "form",
        "without `root` a body of XML is a mapping with one member, the outermost element",
      );
    writer.element(only[0], only[1], declarations);
  }
  writer.put(around?.[1] ?? "");
  return writer.text();
}

export const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';

function declarationsOf({ namespace, namespaces = {}, nulls }: XmlConventions): string {
  const known = Object.entries(namespaces);
  const instance = known.some(([, uri]) => uri === INSTANCE_NAMESPACE);
  const all: [name: string, uri: string][] = [
    ...(namespace === undefined ? [] : [["xmlns", namespace] as [string, string]]),
    ...known.map(([prefix, uri]): [string, string] => [`xmlns:${prefix}`, uri]),
    ...(nulls === "nil" && !instance ? [["xmlns:xsi", INSTANCE_NAMESPACE] as [string, string]] : []),
  ];
  return all.map(([name, uri]) => ` ${name}="${escapeAttribute(uri)}"`).join("");
}

const { writtenCharsMax } = limits.translation;

class Writer {
  readonly #xml: XmlConventions;
  readonly #nil: string;
  readonly #pieces: string[] = [];
  #chars = 0;

  constructor(xml: XmlConventions) {
    this.#xml = xml;
    const [prefix = "xsi"] = Object.entries(xml.namespaces ?? {}).find(([, uri]) => uri === INSTANCE_NAMESPACE) ?? [];
    this.#nil = ` ${prefix}:nil="true"`;
  }

  text(): string {
    return this.#pieces.join("");
  }

  put(piece: string): void {
    this.#chars += piece.length;
    if (this.#chars > writtenCharsMax)
      throw new Untranslatable("bounds", `as XML it has more than ${writtenCharsMax} characters`);
    this.#pieces.push(piece);
  }

  /** @param declarations attributes of its own */
  element(name: string, value: unknown, declarations = ""): void {
    const tag = this.#name(name);
    if (isContainer(value)) {
      if (Array.isArray(value)) this.#list(tag, value, declarations);
      else this.#mapping(tag, value, declarations);
    } else if (value === null && this.#xml.nulls === "nil") this.put(`<${tag}${declarations}${this.#nil}/>`);
    else {
      const text = scalarText(value);
      this.put(text === "" ? `<${tag}${declarations}/>` : `<${tag}${declarations}>${escapeText(text)}</${tag}>`);
    }
  }

  /** A list that has an element of its own: its members are called what lists of lists call them. */
  #list(tag: string, list: readonly unknown[], declarations: string): void {
    const { item } = this.#xml;
    if (item === undefined) throw new Untranslatable("form", `the members of the list ${tag} have no name: \`item\``);
    this.put(`<${tag}${declarations}>`);
    for (const member of list) this.#member(item, member);
    this.put(`</${tag}>`);
  }

  #mapping(tag: string, mapping: Record<string, unknown>, declarations: string): void {
    const { attributePrefix, textName } = this.#xml;
    const members = Object.entries(mapping);
    const isAttribute = (name: string): boolean =>
      attributePrefix !== "" && name !== textName && name.startsWith(attributePrefix);
    this.put(`<${tag}${declarations}`);
    for (const [name, value] of members)
      if (isAttribute(name)) this.#attribute(name.slice(attributePrefix.length), value);
    const content = members.filter(([name]) => !isAttribute(name));
    if (content.length === 0) this.put("/>");
    else {
      this.put(">");
      for (const [name, value] of content) this.#content(name, value);
      this.put(`</${tag}>`);
    }
  }

  #content(name: string, value: unknown): void {
    if (name === this.#xml.textName) this.put(escapeText(scalarText(value)));
    else if (Array.isArray(value)) for (const member of value) this.#member(name, member);
    else this.#member(name, value);
  }

  #member(name: string, value: unknown): void {
    if (value !== null || this.#xml.nulls !== "omit") this.element(name, value);
  }

  #attribute(name: string, value: unknown): void {
    if (value === null) return;
    if (name === "xmlns" || name.startsWith("xmlns:"))
      throw new Untranslatable("form", "a body declares a namespace: only the document does");
    this.put(` ${this.#name(name)}="${escapeAttribute(scalarText(value))}"`);
  }

  #name(name: string): string {
    const parts = name.length <= limits.translation.nameCharsMax ? splitName(name) : undefined;
    const { prefix } = parts ?? {};
    const isKnown = prefix === undefined || prefix === "xml" || Object.hasOwn(this.#xml.namespaces ?? {}, prefix);
    if (parts === undefined || isPrototypeName(name) || !isKnown)
      throw new Untranslatable(
        "form",
        `${JSON.stringify(name.slice(0, 40))} is no name in XML, or of an unknown prefix`,
      );
    return name;
  }
}

function scalarText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const number = exactNumber(value);
  if (number === undefined) throw new Untranslatable("form", "a mapping or list where XML has a text");
  return number;
}

/** @throws Untranslatable for what is no text in XML */
export function escapeText(text: string): string {
  assertText(text);
  return /[&<>\r]/.test(text) ? text.replace(/[&<>\r]/g, (character) => ESCAPES[character] ?? "") : text;
}

function escapeAttribute(text: string): string {
  assertText(text);
  return text.replace(/[&<>"\t\n\r]/g, (character) => ESCAPES[character] ?? "");
}

function assertText(text: string): void {
  if (!isXmlText(text)) throw new Untranslatable("form", "a text has a character that XML does not have");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};
