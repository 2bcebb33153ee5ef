/** Translations of bodies: `body` of `transform.request` and `transform.response`. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { flag, list, text, whole } from "./fields.ts";

const { pathsMax } = limits.translation;

const few = (value: unknown): boolean => Object.keys(value as object).length <= pathsMax;
const atMost = { error: `a mapping of at most ${pathsMax}` };

const format = z.enum(["json", "xml", "soap", "form"], { error: "json, xml, soap or form" });

const xmlName = text("a name in XML such as order or o:order", /^[^\s<>&"'/=!?]{1,128}$/);
const memberName = text("the name of a member, or what it begins with", /^[^\p{Cc}]{0,32}$/u);
const namespace = text("the URI of a namespace", /^[^\s<>"{}|\\^`]{1,512}$/);

const path = text("a path such as /order/item, or //item anywhere", /^\/[^\p{Cc}]*$/u);

export const translation = z
  .strictObject({
    from: format.describe("What the body is: `json`, `xml`, `soap` or `form`. One of the two sides is `json`."),
    to: format.describe("What it becomes."),
    others: z
      .enum(["pass", "refuse"], { error: "pass or refuse" })
      .optional()
      .describe("What becomes of bodies that are not `from`. Default: `refuse` for requests, `pass` for answers."),
    arrays: list(path)
      .max(pathsMax, { error: `a list of at most ${pathsMax}` })
      .optional()
      .describe("Elements or fields that are a list however often they occur."),
    types: z
      .record(path, z.enum(["number", "boolean", "text"], { error: "number, boolean or text" }))
      .refine(few, atMost)
      .optional()
      .describe("What is no text: `number` or `boolean`, by paths. What does not read as such is refused."),
    root: xmlName
      .optional()
      .describe("Outermost element, which the JSON does not have. Absent: the JSON's one member."),
    item: xmlName.optional().describe("What members of a list within a list are called, or of a body that is a list."),
    namespace: namespace.optional().describe("Namespace of names without a prefix."),
    namespaces: z
      .record(text("a prefix", /^[^\s<>&"'/=!?:]{1,64}$/), namespace)
      .refine(few, atMost)
      .optional()
      .describe("Prefixes in names of the JSON, to their namespaces. Names of other namespaces have no prefix."),
    attributePrefix: memberName.optional().describe("What names of attributes begin with in JSON. Default: `@`."),
    textName: memberName.optional().describe("Member for the text of an element that has more. Default: `#text`."),
    nulls: z
      .enum(["omit", "empty", "nil"], { error: "omit, empty or nil" })
      .optional()
      .describe("What `null` becomes: nothing, an empty element, or one with `xsi:nil`. Default: `omit`."),
    mediaType: text("a media type such as text/xml", /^[a-z]+\/[a-z0-9!#$&^_.+-]{1,100}$/)
      .optional()
      .describe("Of XML that is written. Default: `application/xml`, of SOAP that of its version."),
    version: z
      .enum(["1.1", "1.2"], { error: '"1.1" or "1.2", with quotes' })
      .optional()
      .describe('Of SOAP that is written; both are read. Default: `"1.1"`.'),
    action: text("a text of visible ASCII", /^[!#-[\]-~]{0,512}$/)
      .optional()
      .describe("`SOAPAction` of SOAP 1.1, `action` of the content type of SOAP 1.2."),
    faults: z
      .record(text("a fault code without its prefix", /^[^\s:]{1,128}$/), whole(400, 599))
      .refine(few, atMost)
      .optional()
      .describe(
        "Code or subcode of a fault to the status of the answer. Default: 400 of the caller's faults, else 502.",
      ),
    faultDetail: flag.optional().describe("Whether clients are told the detail of a fault. Default: false."),
    nested: flag.optional().describe("Whether names of a form such as `a[b]` and `a[]` lead into mappings and lists."),
  })
  .describe("Translation of the body between JSON and XML, SOAP or a form.");

/** How answers of a part of an aggregate are read that are no JSON. */
export const encoding = z
  .union(
    [
      z.enum(["text", "xml"]),
      translation
        .pick({ root: true, arrays: true, types: true, namespaces: true, attributePrefix: true, textName: true })
        .extend({ from: z.enum(["xml", "soap"], { error: "xml or soap" }) }),
    ],
    { error: "text, xml, or a mapping with `from`" },
  )
  .describe(
    "What answers are: `text`, `xml`, or `{ from: xml }` or `soap` with the keys of a translation. Default: JSON.",
  );

export type EncodingConfig = z.infer<typeof encoding>;
export type TranslationConfig = z.infer<typeof translation>;
