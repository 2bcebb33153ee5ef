/** Characters and names of XML 1.0 (fifth edition, sections 2.2 and 2.3), and of its namespaces. */

const START =
  "A-Z_a-z\\u{C0}-\\u{D6}\\u{D8}-\\u{F6}\\u{F8}-\\u{2FF}\\u{370}-\\u{37D}\\u{37F}-\\u{1FFF}\\u{200C}\\u{200D}\\u{2070}-\\u{218F}" +
  "\\u{2C00}-\\u{2FEF}\\u{3001}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFFD}\\u{10000}-\\u{EFFFF}";
const NC_NAME = `[${START}][${START}\\-.0-9\\u{B7}\\u{300}-\\u{36F}\\u{203F}\\u{2040}]*`;

/** At a place of a text: a name with or without a prefix. */
export const QUALIFIED_NAME = new RegExp(`(?:(${NC_NAME}):)?(${NC_NAME})`, "uy");

const WHOLE_NAME = new RegExp(`^(?:(${NC_NAME}):)?(${NC_NAME})$`, "u");

/** @returns undefined for what is no name */
export function splitName(text: string): { readonly prefix?: string; readonly local: string } | undefined {
  const [, prefix, local] = WHOLE_NAME.exec(text) ?? [];
  if (local === undefined) return undefined;
  return prefix === undefined ? { local } : { prefix, local };
}

const NO_CHARACTER = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;

/** Whether every character may stand in XML: no control character, and no half of a surrogate pair. */
export const isXmlText = (text: string): boolean => !NO_CHARACTER.test(text);

export const XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace";
export const XMLNS_NAMESPACE = "http://www.w3.org/2000/xmlns/";
/** Of `xsi:nil` and its kin (XML Schema part 1, section 2.6). */
export const INSTANCE_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance";
