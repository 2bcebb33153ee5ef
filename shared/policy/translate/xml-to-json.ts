/** What XML is as JSON: elements are members, attributes are members with a prefix, what repeats is a list. */

import { type MemberPlace, memberPlaces, typedValue } from "./member-places.ts";
import { isPrototypeName, type Translation, Untranslatable, type XmlConventions } from "./translation.ts";
import { INSTANCE_NAMESPACE, XML_NAMESPACE } from "./xml-names.ts";
import type { XmlElement, XmlName } from "./xml-reader.ts";

type Members = Record<string, unknown>;

/** Writes elements as JSON by the conventions of one translation. */
export class XmlToJson {
  readonly #xml: XmlConventions;
  readonly #prefixes: ReadonlyMap<string, string>;
  readonly #places: MemberPlace;

  constructor(translation: Translation, xml: XmlConventions) {
    this.#xml = xml;
    this.#prefixes = new Map([
      [XML_NAMESPACE, "xml"],
      ...Object.entries(xml.namespaces ?? {}).map(([prefix, namespace]) => [namespace, prefix] as const),
    ]);
    this.#places = memberPlaces(translation);
  }

  /**
   * @param roots the outermost element; of SOAP all that stand in its body
   * @throws Untranslatable where an element is another one than `root`, or could be understood in two ways
   */
  body(roots: readonly XmlElement[]): unknown {
    const { root } = this.#xml;
    if (root === undefined) return this.#members(roots, [], this.#places);
    const [only, ...others] = roots;
    if (only === undefined || others.length > 0 || this.#nameOf(only) !== root)
      throw new Untranslatable("form", `the element ${root} was expected, and nothing else`);
    return this.#value(only, this.#places);
  }

  /** One element, of which no places are known. */
  detail(element: XmlElement): unknown {
    return this.#value(element, memberPlaces({}));
  }

  #value(element: XmlElement, place: MemberPlace): unknown {
    const { attributes, elements, text } = element;
    const isNil = attributes.some(
      ({ local, namespace, value }) =>
        namespace === INSTANCE_NAMESPACE && local === "nil" && /^\s*(?:true|1)\s*$/.test(value),
    );
    if (isNil) {
      if (elements.length > 0 || text.trim() !== "")
        throw new Untranslatable("form", "an element that is nil has content");
      return null;
    }
    const shown = attributes.filter(({ namespace }) => namespace !== INSTANCE_NAMESPACE);
    if (shown.length === 0 && elements.length === 0 && (place.lists.length === 0 || text.trim() !== ""))
      return typedValue(text, place.type);
    const members = this.#members(elements, shown, place);
    const own = elements.length === 0 ? text : text.trim();
    if (own.trim() !== "") this.#add(members, this.#xml.textName, typedValue(own, place.type));
    return members;
  }

  #members(elements: readonly XmlElement[], attributes: XmlElement["attributes"], place: MemberPlace): Members {
    const members: Members = {};
    for (const attribute of attributes) {
      const name = this.#xml.attributePrefix + this.#nameOf(attribute);
      this.#add(members, name, typedValue(attribute.value, place.below(name).type));
    }
    const groups = new Map<string, XmlElement[]>();
    for (const element of elements) {
      const name = this.#nameOf(element);
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [element]);
      else if (group[0]?.namespace === element.namespace) group.push(element);
      else throw new Untranslatable("form", `${name} stands for elements of two namespaces side by side`);
    }
    for (const [name, group] of groups) {
      const below = place.below(name);
      const values = group.map((element) => this.#value(element, below));
      this.#add(members, name, below.isList || values.length > 1 ? values : values[0]);
    }
    for (const name of place.lists) if (!groups.has(name)) this.#add(members, name, []);
    return members;
  }

  #add(members: Members, name: string, value: unknown): void {
    if (isPrototypeName(name) || Object.hasOwn(members, name))
      throw new Untranslatable("form", `the name ${name.slice(0, 40)} is not taken, or stands for two things`);
    members[name] = value;
  }

  #nameOf({ local, namespace }: XmlName): string {
    const prefix = this.#prefixes.get(namespace);
    return prefix === undefined ? local : `${prefix}:${local}`;
  }
}
