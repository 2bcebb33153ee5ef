import { type BodyFormat, type Translation, XML_DEFAULTS } from "../../../../../shared/policy/translate/translation.ts";
import { Translator } from "../../../../../shared/policy/translate/translator.ts";

export type Settings = Partial<Omit<Translation, "xml">> & { readonly xml?: Partial<Translation["xml"]> };

export function translator(from: BodyFormat, to: BodyFormat, { xml: own, ...settings }: Settings = {}): Translator {
  return new Translator({ from, to, ...settings, xml: { ...XML_DEFAULTS, ...own } });
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What becomes of a text, or why nothing does. */
export function translate(one: Translator, text: string | Uint8Array, type?: string, status?: number): string {
  const read = one.read(typeof text === "string" ? utf8(text) : text, type);
  if (read.fault !== undefined) return `${read.fault}: ${read.reason}`;
  if ("problem" in read) return `${read.status} ${JSON.stringify(read.problem)}`;
  const written = one.write(read.json.value, status);
  if (written.fault !== undefined) return `${written.fault}: ${written.reason}`;
  return written.status === undefined ? written.text : `${written.status} ${written.text}`;
}
