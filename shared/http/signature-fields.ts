/** `Signature-Input` and `Signature` (RFC 9421 section 4), read strictly: one spelling, no name twice, all of it bounded. */
import {
  type BareItem,
  type Dictionary,
  type Item,
  isInnerList,
  type Parameters,
  serializeItem,
  serializeParameters,
} from "structured-headers";
import { limits } from "../limits.ts";
import { type Component, refuseComponent, type SignatureInput } from "./signature-base.ts";
import { readStrictDictionary } from "./strict-dictionary.ts";

/** @param field value of `Signature-Input`, all lines joined @returns by label, or why the field is refused */
export function readSignatureInputs(field: string): ReadonlyMap<string, SignatureInput> | string {
  const dictionary = readLabels(field);
  if (typeof dictionary === "string") return `Signature-Input ${dictionary}`;
  const inputs = new Map<string, SignatureInput>();
  for (const [label, member] of dictionary) {
    if (!isInnerList(member)) return `Signature-Input: ${label} is no list of components`;
    const read = readInput(label, member[0] as Item[], member[1]);
    if (typeof read === "string") return `Signature-Input: ${label} ${read}`;
    inputs.set(label, read);
  }
  return inputs;
}

/** @param field value of `Signature`, all lines joined @returns by label, or why the field is refused */
export function readSignatures(field: string): ReadonlyMap<string, Uint8Array<ArrayBuffer>> | string {
  const dictionary = readLabels(field);
  if (typeof dictionary === "string") return `Signature ${dictionary}`;
  const signatures = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [label, [bytes, params]] of dictionary) {
    if (!(bytes instanceof ArrayBuffer)) return `Signature: ${label} is no byte sequence`;
    if (params.size > 0) return `Signature: ${label} has parameters`;
    if (bytes.byteLength === 0 || bytes.byteLength > limits.signature.signatureBytesMax)
      return `Signature: ${label} has ${bytes.byteLength} bytes`;
    signatures.set(label, new Uint8Array(bytes));
  }
  return signatures;
}

function readLabels(field: string): Dictionary | string {
  const { fieldBytesMax, labelsMax, textCharsMax } = limits.signature;
  const dictionary = readStrictDictionary(field, fieldBytesMax, labelsMax);
  if (typeof dictionary === "string") return dictionary;
  for (const label of dictionary.keys()) if (label.length > textCharsMax) return "has a label that is too long";
  return dictionary;
}

function readInput(label: string, items: readonly Item[], params: Parameters): SignatureInput | string {
  const { componentsMax, paramsMax } = limits.signature;
  if (items.length > componentsMax) return `covers more than ${componentsMax} components`;
  if (params.size > paramsMax) return `has more than ${paramsMax} parameters`;
  const components: Component[] = [];
  const seen = new Set<string>();
  for (const given of items) {
    const component = readComponent(given);
    if (typeof component === "string") return component;
    const key = identityOf(component);
    if (seen.has(key)) return `covers ${component.text} twice`;
    seen.add(key);
    components.push(component);
  }
  const stated = readParams(params);
  if (typeof stated === "string") return stated;
  const covered = components.map(({ text }) => text).join(" ");
  return { label, components, ...stated, text: `(${covered})${serializeParameters(params)}` };
}

/** Parameters in another order are no other component (section 2). */
function identityOf({ name, params, text }: Component): string {
  return params.size < 2 ? text : JSON.stringify([name, ...[...params].sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function readComponent(given: Item): Component | string {
  const [name, params] = given;
  const { paramsMax, textCharsMax } = limits.signature;
  if (typeof name !== "string" || name.length > textCharsMax) return "covers what is no component name";
  if (params.size > paramsMax) return `covers ${name} with more than ${paramsMax} parameters`;
  const read = new Map<string, string | true>();
  for (const [param, value] of params) {
    if (value !== true && typeof value !== "string") return `covers ${name} with a malformed ${param}`;
    read.set(param, value);
  }
  const text = serializeItem(given);
  const refused = refuseComponent(name, read);
  return refused === undefined ? { name, params: read, text } : `covers ${text}, which ${refused}`;
}

type Stated = Omit<SignatureInput, "label" | "components" | "text">;

/** Parameters that are registered (section 6.3.2); others are signed, and mean nothing here. */
function readParams(params: Parameters): Stated | string {
  const stated: Record<string, number | string> = {};
  for (const [name, value] of params) {
    const expected = PARAMS.get(name);
    if (expected === undefined) continue;
    if (!expected(value)) return `has a malformed ${name}`;
    stated[name] = value as number | string;
  }
  return stated;
}

const isTime = (value: BareItem): boolean => Number.isInteger(value) && (value as number) >= 0;
const isText = (value: BareItem): boolean => typeof value === "string" && value.length <= limits.signature.textCharsMax;

const PARAMS: ReadonlyMap<string, (value: BareItem) => boolean> = new Map([
  ["created", isTime],
  ["expires", isTime],
  ["nonce", isText],
  ["alg", isText],
  ["keyid", isText],
  ["tag", isText],
]);
