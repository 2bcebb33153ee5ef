/** Compilation of `body` of `transform`. */
import type { EncodingConfig, TranslationConfig } from "../config/schema-translation.ts";
import {
  SOAP_DEFAULTS,
  type SoapConventions,
  type Translation,
  XML_DEFAULTS,
  type XmlConventions,
} from "../policy/translate/translation.ts";
import { mapValues, sorted } from "./sorted.ts";

/** @param others what becomes of other bodies where the document does not say it */
export function compileTranslation(
  config: TranslationConfig | undefined,
  others: "pass" | "refuse",
): { body?: Translation } {
  if (config === undefined) return {};
  const { from, to, arrays, types, mediaType, nested } = config;
  const sides = [from, to];
  const isSoap = sides.includes("soap");
  return {
    body: {
      from,
      to,
      ...((config.others ?? others) === "refuse" && { others: "refuse" }),
      ...(arrays !== undefined && { arrays: sorted(arrays) }),
      ...(types !== undefined && { types: mapValues(types, (type) => type) }),
      ...((isSoap || sides.includes("xml")) && { xml: compileXml(config) }),
      ...(isSoap && { soap: compileSoap(config) }),
      ...(mediaType !== undefined && { mediaType }),
      ...(nested === true && { nested }),
    },
  };
}

/** How answers of a part are read. */
export function compileEncoding(config: EncodingConfig | undefined): { encoding?: "text" | Translation } {
  if (config === undefined || config === "text") return config === undefined ? {} : { encoding: config };
  const { body } = compileTranslation({ ...readingOf(config), to: "json" }, "refuse");
  return body === undefined ? {} : { encoding: body };
}

/** What a part's answer is asked for by `Accept`, unless its fields say otherwise. */
export function acceptedForPart(config: EncodingConfig | undefined): string | undefined {
  return config === undefined || config === "text" ? undefined : acceptedFor([{ ...readingOf(config), to: "json" }]);
}

const readingOf = (config: Exclude<EncodingConfig, "text">): Exclude<EncodingConfig, string> =>
  config === "xml" ? { from: "xml" } : config;

function compileXml(config: TranslationConfig): XmlConventions {
  const { root, item, namespace, namespaces, attributePrefix, textName, nulls } = config;
  return {
    ...(root !== undefined && { root }),
    ...(item !== undefined && { item }),
    ...(namespace !== undefined && { namespace }),
    ...(namespaces !== undefined && { namespaces: mapValues(namespaces, (uri) => uri) }),
    attributePrefix: attributePrefix ?? XML_DEFAULTS.attributePrefix,
    textName: textName ?? XML_DEFAULTS.textName,
    nulls: nulls ?? XML_DEFAULTS.nulls,
  };
}

function compileSoap({
  version = SOAP_DEFAULTS.version,
  action,
  faults,
  faultDetail,
}: TranslationConfig): SoapConventions {
  return {
    version,
    ...(action !== undefined && { action }),
    ...(faults !== undefined && { faults: mapValues(faults, (status) => status) }),
    ...(faultDetail === true && { faultDetail }),
  };
}

/**
 * What upstreams are asked for whose answers are translated, unless edits of the field say otherwise.
 * @param bodies of the route's answers
 */
export function acceptedFor(bodies: readonly (TranslationConfig | undefined)[]): string | undefined {
  const read = bodies.find((body) => body?.from === "xml" || body?.from === "soap");
  if (read === undefined) return undefined;
  return read.from === "xml"
    ? "application/xml, text/xml;q=0.9, */*;q=0.1"
    : "text/xml, application/soap+xml;q=0.9, */*;q=0.1";
}
