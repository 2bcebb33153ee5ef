/** Envelopes of SOAP 1.1 and 1.2 around XML, and their faults. */
import { isContainer } from "../../http/exact-json.ts";
import { DECLARATION, escapeText, jsonToXml } from "./json-to-xml.ts";
import { type SoapConventions, Untranslatable, type XmlConventions } from "./translation.ts";
import type { XmlElement } from "./xml-reader.ts";

const SOAP_NAMESPACES = {
  "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
  "1.2": "http://www.w3.org/2003/05/soap-envelope",
} as const;

export const SOAP_MEDIA_TYPES = { "1.1": "text/xml", "1.2": "application/soap+xml" } as const;

/** What went wrong, as the answering side says it. */
export interface SoapFault {
  /** The outermost first, without prefixes: `Client`, `Sender`, and what they were told of more. */
  readonly codes: readonly string[];
  readonly text: string;
  readonly detail?: XmlElement;
}

/** What stands in the body of an envelope, or that there is a fault in it. */
export type SoapContent = { readonly elements: readonly XmlElement[] } | { readonly fault: SoapFault };

/** @throws Untranslatable where it is no envelope, or has a header block that must be understood */
export function openEnvelope(envelope: XmlElement): SoapContent {
  const { namespace, local } = envelope;
  if (local !== "Envelope" || !Object.values(SOAP_NAMESPACES).some((known) => known === namespace))
    throw new Untranslatable("form", "it is no envelope of SOAP 1.1 or 1.2");
  const header = childOf(envelope, "Header", namespace);
  const isDemanding = ({ attributes }: XmlElement): boolean =>
    attributes.some(
      (one) => one.namespace === namespace && one.local === "mustUnderstand" && /^\s*(?:1|true)\s*$/.test(one.value),
    );
  if (header?.elements.some(isDemanding) === true)
    throw new Untranslatable("form", "a header block must be understood, and none is");
  const body = childOf(envelope, "Body", namespace);
  if (body === undefined) throw new Untranslatable("form", "the envelope has no body");
  const fault = childOf(body, "Fault", namespace);
  if (fault === undefined) return { elements: body.elements };
  return { fault: namespace === SOAP_NAMESPACES["1.1"] ? readFault11(fault) : readFault12(fault, namespace) };
}

/** @throws Untranslatable where there are two */
function childOf({ elements }: XmlElement, local: string, namespace: string): XmlElement | undefined {
  const [first, second] = elements.filter((one) => one.local === local && one.namespace === namespace);
  if (second !== undefined) throw new Untranslatable("form", `an envelope with a second ${local}`);
  return first;
}

/** SOAP 1.1 section 4.4. A code may have finer ones behind dots. */
function readFault11(fault: XmlElement): SoapFault {
  // They are in no namespace, but some senders leave them in the envelope's.
  const part = (name: string): XmlElement | undefined => fault.elements.find(({ local }) => local === name);
  const detail = part("detail");
  return {
    codes: withoutPrefix(part("faultcode")?.text ?? "")
      .split(".")
      .filter((one) => one !== ""),
    text: part("faultstring")?.text.trim() ?? "",
    ...(detail !== undefined && { detail }),
  };
}

/** SOAP 1.2 part 1 section 5.4. */
function readFault12(fault: XmlElement, namespace: string): SoapFault {
  const codes: string[] = [];
  for (let at = childOf(fault, "Code", namespace); at !== undefined; at = childOf(at, "Subcode", namespace))
    codes.push(withoutPrefix(childOf(at, "Value", namespace)?.text ?? ""));
  const reason = childOf(fault, "Reason", namespace)?.elements ?? [];
  const detail = childOf(fault, "Detail", namespace);
  return {
    codes: codes.filter((one) => one !== ""),
    text: (reason.find(isEnglish) ?? reason[0])?.text.trim() ?? "",
    ...(detail !== undefined && { detail }),
  };
}

const isEnglish = ({ attributes }: XmlElement): boolean =>
  attributes.some(({ local, value }) => local === "lang" && value.toLowerCase().startsWith("en"));

const withoutPrefix = (name: string): string => name.trim().replace(/^[^:]*:/, "");

/** Of a fault, by the finest of its codes that a status is named for, else by its first. */
export function faultStatus({ codes }: SoapFault, { faults = {} }: SoapConventions): number {
  const named = codes.findLast((code) => Object.hasOwn(faults, code));
  if (named !== undefined) return faults[named] ?? 502;
  return codes[0] === "Client" || codes[0] === "Sender" ? 400 : 502;
}

export function writeEnvelope(value: unknown, xml: XmlConventions, { version }: SoapConventions): string {
  const [open, end] = envelopeOf(version);
  const isNothing = xml.root === undefined && isContainer(value) && Object.keys(value).length === 0;
  return isNothing ? open + end : jsonToXml(value, xml, [open, end]);
}

function envelopeOf(version: SoapConventions["version"]): readonly [open: string, end: string] {
  const open = `${DECLARATION}<soap:Envelope xmlns:soap="${SOAP_NAMESPACES[version]}"><soap:Body>`;
  return [open, "</soap:Body></soap:Envelope>"];
}

/**
 * The fault that stands for an answer of an upstream.
 * @param status of the answer, 400 or above
 * @param value its body, of which a problem's words (RFC 9457) are told
 */
export function writeFault(
  status: number,
  value: unknown,
  { version }: SoapConventions,
): { text: string; status: number } {
  const { detail, title } = (isContainer(value) ? value : {}) as { detail?: unknown; title?: unknown };
  const said = [detail, title].find((one) => typeof one === "string");
  const isCaller = status < 500;
  const words = escapeText(said ?? (isCaller ? "the request was refused" : "the request failed"));
  const [open, end] = envelopeOf(version);
  // Every fault over HTTP is a 500 (SOAP 1.1 section 6.2).
  const [fault, told] =
    version === "1.1" ? [fault11(isCaller, words), 500] : [fault12(isCaller, words), isCaller ? 400 : 500];
  return { text: `${open}<soap:Fault>${fault}</soap:Fault>${end}`, status: told };
}

const fault11 = (isCaller: boolean, words: string): string =>
  `<faultcode>soap:${isCaller ? "Client" : "Server"}</faultcode><faultstring>${words}</faultstring>`;

const fault12 = (isCaller: boolean, words: string): string =>
  `<soap:Code><soap:Value>soap:${isCaller ? "Sender" : "Receiver"}</soap:Value></soap:Code>` +
  `<soap:Reason><soap:Text xml:lang="en">${words}</soap:Text></soap:Reason>`;
