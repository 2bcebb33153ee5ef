/** Translations of bodies as the plan carries them: one side is JSON, the other XML, SOAP or a form. */

export type BodyFormat = "json" | "xml" | "soap" | "form";

export type ValueType = "text" | "number" | "boolean";

interface TranslationBase {
  readonly from: BodyFormat;
  readonly to: BodyFormat;
  /** Bodies of other types than `from`. Absent: they pass as they are. */
  readonly others?: "refuse";
  /** Paths of what is a list however often it occurs, ascending: `/order/item`, or `//item` anywhere. */
  readonly arrays?: readonly string[];
  /** Paths of what is no text. */
  readonly types?: Readonly<Record<string, ValueType>>;
}

/** How JSON and XML stand for each other. */
export interface XmlConventions {
  /** Name of the outermost element, which is no member of the JSON. Absent: the JSON has it as its one member. */
  readonly root?: string;
  /** What members of lists within lists are called, and of a body that is a list. */
  readonly item?: string;
  /** Namespace of names without a prefix. */
  readonly namespace?: string;
  /** Prefix in names of the JSON to its namespace. */
  readonly namespaces?: Readonly<Record<string, string>>;
  /** What names of attributes begin with. */
  readonly attributePrefix: string;
  /** Member that stands for an element's text where it has more than text. */
  readonly textName: string;
  /** What `null` becomes. */
  readonly nulls: "omit" | "empty" | "nil";
}

export interface SoapConventions {
  /** Of what is written; both are read. */
  readonly version: "1.1" | "1.2";
  readonly action?: string;
  /** Code or subcode of a fault, by its local name, to the status of the answer. */
  readonly faults?: Readonly<Record<string, number>>;
  /** Whether clients are told what a fault has as its detail. */
  readonly faultDetail?: true;
}

export interface Translation extends TranslationBase {
  /** Where a side is XML or SOAP. */
  readonly xml?: XmlConventions;
  readonly soap?: SoapConventions;
  /** Of XML that is written. */
  readonly mediaType?: string;
  /** Names of a form such as `a[b]` lead into mappings. */
  readonly nested?: true;
}

/** What the document need not say. */
export const XML_DEFAULTS = { attributePrefix: "@", textName: "#text", nulls: "omit" } as const;
export const SOAP_DEFAULTS = { version: "1.1" } as const;

/** Whether programs in JavaScript would take a name for something else than a member. */
export const isPrototypeName = (name: string): boolean => name === "__proto__";

/** A field of a form as it came. */
export type FormField = readonly [name: string, value: string];

/** What cannot be translated: it is no such thing, or more than is translated. */
export class Untranslatable extends Error {
  readonly fault: "form" | "bounds";

  constructor(fault: "form" | "bounds", reason: string) {
    super(reason);
    this.name = "Untranslatable";
    this.fault = fault;
  }
}
