/** Checks of translations of bodies: settings that mean something, names that XML has, paths that lead somewhere. */

import { parsePointer } from "../http/json-pointer.ts";
import { limits } from "../limits.ts";
import { INSTANCE_NAMESPACE, splitName, XML_NAMESPACE, XMLNS_NAMESPACE } from "../policy/translate/xml-names.ts";
import type { Cursor } from "./cursor.ts";
import { nearestName } from "./nearest-name.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

/** @param side `transform.request` or one of `transform.response` */
export function checkTranslation(side: Cursor, route: Cursor, of: "request" | "answer"): DocumentProblem[] {
  const body = side.get("body");
  const [from, to] = [body.get("from").text, body.get("to").text];
  // The schema has said what is no format.
  if (from === undefined || to === undefined || ![from, to].every((one) => FORMATS.includes(one))) return [];
  if ((from === "json") === (to === "json")) {
    const text = `a body is translated from or to JSON, not from ${from} to ${to}`;
    return [error("SLV3170", body.get("to").path, text, { expected: from === "json" ? "xml, soap or form" : "json" })];
  }
  return [
    ...checkMeaning(body, { from, to, of }),
    ...checkRoute(side, route, of),
    ...checkNamespaces(body, from, to),
    ...["root", "item"].flatMap((key) => checkName(body.get(key), body)),
    ...checkPaths(body),
    ...(of === "answer" && from === "soap" ? checkFaults(side) : []),
  ];
}

const FORMATS = ["json", "xml", "soap", "form"];

/** How answers of a part are read. */
export function checkEncoding(encoding: Cursor): DocumentProblem[] {
  const from = encoding.get("from").text;
  if (from === undefined) return [];
  return [
    ...checkNamespaces(encoding, from, "json"),
    ...checkName(encoding.get("root"), encoding),
    ...checkPaths(encoding),
  ];
}

interface Use {
  readonly from: string;
  readonly to: string;
  readonly of: "request" | "answer";
}

const isXml = (format: string): boolean => format === "xml" || format === "soap";

/** Where keys mean something, and how that is said. */
const MEANINGS: readonly (readonly [keys: readonly string[], where: string, holds: (use: Use) => boolean])[] = [
  [
    ["root", "namespaces", "attributePrefix", "textName"],
    "where one side is XML or SOAP",
    ({ from, to }) => isXml(from) || isXml(to),
  ],
  [["item", "namespace", "nulls", "mediaType"], "where XML or SOAP is written", ({ to }) => isXml(to)],
  [["arrays", "types"], "where JSON is written", ({ to }) => to === "json"],
  [["version"], "where SOAP is written", ({ to }) => to === "soap"],
  [["action"], "where a request becomes SOAP", ({ to, of }) => to === "soap" && of === "request"],
  [["faults", "faultDetail"], "where an answer was SOAP", ({ from, of }) => from === "soap" && of === "answer"],
  [["nested"], "where one side is a form", ({ from, to }) => from === "form" || to === "form"],
];

function checkMeaning(body: Cursor, use: Use): DocumentProblem[] {
  return MEANINGS.filter(([, , holds]) => !holds(use)).flatMap(([keys, where]) =>
    body.entries
      .filter(([key]) => keys.includes(key))
      .map(([key, { path }]) => error("SLV3170", path, `\`${key}\` has a meaning only ${where}`, { at: "key" })),
  );
}

function checkRoute(side: Cursor, route: Cursor, of: "request" | "answer"): DocumentProblem[] {
  const body = side.get("body");
  if (route.get("aggregate").exists) {
    if (of === "request") {
      const text = "`body` has no meaning with `aggregate`: each part has its own";
      return [error("SLV3009", body.path, text, { at: "key" })];
    }
    if (body.get("from").text !== "json")
      return [error("SLV3170", body.get("from").path, "a composed answer is JSON", { expected: "json" })];
  }
  const served = route.get("match", "methods").texts;
  const sent = side.get("method").text;
  const isWithout = (method: string): boolean => method === "GET" || method === "HEAD";
  const methods = sent === undefined ? served : [sent];
  if (of === "answer" || methods.length === 0 || !methods.every(isWithout)) return [];
  return [
    warning("SLV3174", body.path, `a request with ${methods.join(" or ")} has no body`, {
      at: "key",
      expected: "`method: POST`, and `json.template` for what is to be sent",
    }),
  ];
}

const RESERVED_PREFIX = /^(?:xml|soap$)/i;

function checkNamespaces(body: Cursor, from: string, to: string): DocumentProblem[] {
  if (!isXml(from) && !isXml(to)) return [];
  const known = body.get("namespaces").entries;
  const problems = known.flatMap(([prefix, uri], at): DocumentProblem[] => {
    if (RESERVED_PREFIX.test(prefix) || splitName(prefix)?.local !== prefix)
      return [error("SLV3171", uri.path, `${quote(prefix)} cannot be a prefix of a namespace`, { at: "key" })];
    if (prefix === "xsi" && uri.text !== INSTANCE_NAMESPACE)
      return [
        error("SLV3171", uri.path, "xsi is the prefix of the namespace of `xsi:nil`", { expected: INSTANCE_NAMESPACE }),
      ];
    const other = known.slice(0, at).find(([, earlier]) => earlier.text === uri.text);
    if (other === undefined) return [];
    const text = `${quote(other[0])} is a prefix of the same namespace`;
    return [error("SLV3171", uri.path, text, { other: other[1].path })];
  });
  const all = [body.get("namespace"), ...known.map(([, uri]) => uri)];
  const reserved = all.filter(({ text }) => text === XML_NAMESPACE || text === XMLNS_NAMESPACE);
  return [...problems, ...reserved.map(({ path }) => error("SLV3171", path, "a namespace that XML has for itself"))];
}

function checkName(name: Cursor, body: Cursor): DocumentProblem[] {
  if (name.text === undefined) return [];
  const parts = splitName(name.text);
  if (parts === undefined) return [error("SLV3171", name.path, `${quote(name.text)} is no name of an element`)];
  const prefixes = body.get("namespaces").keys;
  if (parts.prefix === undefined || prefixes.includes(parts.prefix)) return [];
  const near = nearestName(parts.prefix, prefixes);
  return [
    error("SLV3171", name.path, `no namespace has the prefix ${quote(parts.prefix)}`, {
      expected: prefixes.length === 0 ? "a prefix of `namespaces`" : prefixes.join(", "),
      ...(near !== undefined && { suggestion: `${near}:${parts.local}` }),
    }),
  ];
}

function checkPaths(body: Cursor): DocumentProblem[] {
  const listed = body
    .get("arrays")
    .items.map((item) => ({ text: item.text ?? "", path: item.path, at: "value" as const }));
  const typed = body.get("types").entries.map(([text, { path }]) => ({ text, path, at: "key" as const }));
  const root = body.get("root").text;
  return [...listed, ...typed].flatMap(({ text, path, at }) => {
    if (!text.startsWith("/")) return [];
    const names = parsePointer(text.startsWith("//") ? text.slice(1) : text);
    const { pointerSegmentsMax } = limits.reshape;
    if (names === undefined || names.includes("") || names.length > pointerSegmentsMax)
      return [error("SLV3172", path, `${quote(text)} is no path: names of members, each behind a /`, { at })];
    if (text.startsWith("//") && names.length > 1)
      return [error("SLV3172", path, `${quote(text)}: behind // stands one name, which is meant anywhere`, { at })];
    if (names[0] !== root || root === undefined || text.startsWith("//")) return [];
    const expected = `/${names.slice(1).join("/")}`;
    return [
      warning("SLV3172", path, `paths begin below \`root\`, which the JSON does not have`, {
        at,
        ...(names.length > 1 && { suggestion: expected }),
      }),
    ];
  });
}

/** Most faults come with 500. */
function checkFaults(side: Cursor): DocumentProblem[] {
  const when = side.get("when");
  if (!Array.isArray(when.value) || when.items.some(({ value }) => ["500", "5xx"].includes(String(value)))) return [];
  return [
    warning("SLV3173", when.path, "faults of SOAP come with 500, and would reach clients as they are", {
      expected: "500 in the list, or no `when`",
    }),
  ];
}
