/** Bodies that are read as one thing and written as another. Hosts load this file with the first body that is. */

import { jsonKindOf } from "../../http/content-kind.ts";
import { type ExactJson, type JsonFault, readExactJson } from "../../http/exact-json.ts";
import { utf8Text } from "../../http/utf8-text.ts";
import { formToJson } from "./form-to-json.ts";
import { jsonToForm } from "./json-to-form.ts";
import { jsonToXml } from "./json-to-xml.ts";
import { isFormType, readForm } from "./read-form.ts";
import { faultStatus, openEnvelope, SOAP_MEDIA_TYPES, type SoapFault, writeEnvelope, writeFault } from "./soap.ts";
import {
  SOAP_DEFAULTS,
  type SoapConventions,
  type Translation,
  Untranslatable,
  XML_DEFAULTS,
  type XmlConventions,
} from "./translation.ts";
import { decodeXml } from "./xml-charset.ts";
import { readXml } from "./xml-reader.ts";
import { XmlToJson } from "./xml-to-json.ts";

/** What a body was read as. */
export type ReadBody =
  /** Another value is to be sent. */
  | { readonly json: ExactJson; readonly fault?: never }
  /** The answering side said that it failed: this is sent, and no edit is made. */
  | { readonly problem: Record<string, unknown>; readonly status: number; readonly fault?: never }
  | JsonFault;

export interface WrittenBody {
  readonly text: string;
  readonly status?: number;
  readonly fault?: never;
}

export class Translator {
  readonly #translation: Translation;
  readonly #xml: XmlConventions;
  readonly #soap: SoapConventions;

  constructor(translation: Translation) {
    this.#translation = translation;
    this.#xml = translation.xml ?? XML_DEFAULTS;
    this.#soap = translation.soap ?? SOAP_DEFAULTS;
  }

  /** Whether a body of this content type is what is translated. */
  takes(contentType: string | undefined): boolean {
    const { from } = this.#translation;
    if (from === "json") return jsonKindOf(contentType) === "json";
    if (from === "form") return isFormType(contentType);
    const type = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
    return /^(?:application|text)\/xml$|^[a-z]+\/[a-z0-9!#$&^_.+-]+\+xml$/.test(type);
  }

  /** Fields of content that is written. */
  get fields(): readonly (readonly [name: string, value: string])[] {
    const { to, mediaType } = this.#translation;
    const { version, action } = this.#soap;
    if (to === "json") return [["content-type", "application/json"]];
    if (to === "form") return [["content-type", "application/x-www-form-urlencoded"]];
    const type = `${mediaType ?? (to === "soap" ? SOAP_MEDIA_TYPES[version] : "application/xml")}; charset=utf-8`;
    if (to === "xml") return [["content-type", type]];
    const quoted = JSON.stringify(action ?? "");
    if (version === "1.2") return [["content-type", action === undefined ? type : `${type}; action=${quoted}`]];
    return [
      ["content-type", type],
      ["soapaction", quoted],
    ];
  }

  /** @param contentType that this takes */
  read(bytes: Uint8Array, contentType: string | undefined): ReadBody {
    return attempt(() => {
      const { from } = this.#translation;
      if (from === "json") {
        const json = readExactJson(textOf(bytes));
        return json.fault === undefined ? { json } : json;
      }
      if (from === "form") {
        return { json: computed(formToJson(readForm(bytes, contentType), this.#translation)) };
      }
      return this.#readXml(decodeXml(bytes, contentType));
    });
  }

  /** @param status of an answer: from 400 on SOAP has a fault for it */
  write(value: unknown, status?: number): WrittenBody | JsonFault {
    return attempt(() => {
      const { to } = this.#translation;
      if (to === "json") return { text: JSON.stringify(value) };
      if (to === "form") return { text: jsonToForm(value, this.#translation) };
      if (to === "xml") return { text: jsonToXml(value, this.#xml) };
      if (status !== undefined && status >= 400) return writeFault(status, value, this.#soap);
      return { text: writeEnvelope(value, this.#xml, this.#soap) };
    });
  }

  #readXml(text: string): ReadBody {
    const reader = new XmlToJson(this.#translation, this.#xml);
    const root = readXml(text);
    if (this.#translation.from === "xml") return { json: computed(reader.body([root])) };
    const content = openEnvelope(root);
    if ("elements" in content) return { json: computed(reader.body(content.elements)) };
    return this.#problem(content.fault, reader);
  }

  /** RFC 9457. */
  #problem(fault: SoapFault, reader: XmlToJson): ReadBody {
    const status = faultStatus(fault, this.#soap);
    const detail = this.#soap.faultDetail === true ? fault.detail : undefined;
    const problem = {
      type: "about:blank",
      title: "The service answered with a fault",
      status,
      ...(fault.text !== "" && { detail: fault.text }),
      ...(fault.codes.length > 0 && { faultCodes: fault.codes }),
      ...(detail !== undefined && { faultDetail: reader.detail(detail) }),
    };
    return { problem, status };
  }
}

/** What a translation read has numbers that keep their text as a body of JSON has. */
function computed(value: unknown): ExactJson {
  return { value, plain: (made) => JSON.parse(JSON.stringify(made)) };
}

function textOf(bytes: Uint8Array): string {
  const text = utf8Text(bytes);
  if (text === undefined) throw new Untranslatable("form", "it is not UTF-8");
  return text;
}

function attempt<Done>(translate: () => Done): Done | JsonFault {
  try {
    return translate();
  } catch (cause) {
    if (cause instanceof Untranslatable) return { fault: cause.fault, reason: cause.message };
    throw cause;
  }
}
