/** Our reader of XML beside expat, of which Python has one: both read the same, or neither does. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { jsonToXml } from "../../../../shared/policy/translate/json-to-xml.ts";
import { Untranslatable, XML_DEFAULTS } from "../../../../shared/policy/translate/translation.ts";
import { readXml, type XmlElement } from "../../../../shared/policy/translate/xml-reader.ts";
import { seededRandom } from "../../../simulation/event-queue.ts";

const hasPython = spawnSync("python3", ["-c", "import xml.parsers.expat"]).status === 0;

const EXPAT = `
import json, sys, xml.parsers.expat as expat

def name(n):
    at = n.rfind('}')
    return [n[:at], n[at + 1:]] if at >= 0 else ['', n]

def read(text):
    root, stack = [], []
    def start(n, attributes):
        e = name(n) + [sorted(name(k) + [v] for k, v in attributes.items()), '', []]
        (stack[-1][4] if stack else root).append(e)
        stack.append(e)
    def end(n): stack.pop()
    def data(d): stack[-1][3] += d
    def doctype(*_): raise ValueError('document type')
    parser = expat.ParserCreate(namespace_separator='}')
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = data, doctype
    try:
        parser.Parse(text.encode('utf-8', 'surrogatepass'), True)
        return root[0]
    except Exception:
        return None

json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
`;

function expatReads(texts: readonly string[]): unknown[] {
  const { stdout } = spawnSync("python3", ["-c", EXPAT], { input: JSON.stringify(texts), maxBuffer: 2 ** 28 });
  return JSON.parse(stdout.toString()) as unknown[];
}

const random = seededRandom(7);
const below = (count: number): number => Math.floor(random() * count);
const one = <T>(list: readonly T[]): T => list[below(list.length)] as T;

const NAMES = ["a", "b", "p:a", "q:b", "é", "x-1", "_"];
const TEXTS = [
  "",
  "t",
  " ",
  "\n",
  "\r\n",
  "&amp;",
  "&#65;",
  "&#x1F600;",
  "<!--c-->",
  "<![CDATA[<&]]>",
  "<?i j?>",
  "]]",
  "é",
];
const ATTRIBUTES = [
  "",
  " x='1'",
  ' y="&lt;&#10;2"',
  " p:x = '\t'",
  " xmlns='v'",
  " xmlns:q='u'",
  " xmlns=''",
  " xml:lang='en'",
];

function element(depth: number): string {
  const name = depth === 0 ? "p:r" : one(NAMES);
  const attributes =
    (depth === 0 ? " xmlns:p='u' xmlns:q='w'" : "") + [...new Set([one(ATTRIBUTES), one(ATTRIBUTES)])].join("");
  const content = Array.from(
    { length: below(4) },
    () => one(TEXTS) + (depth < 4 && below(2) === 0 ? element(depth + 1) : ""),
  );
  return below(4) === 0 ? `<${name}${attributes}/>` : `<${name}${attributes}>${content.join("")}</${name} >`;
}

const PIECES = [
  "<",
  ">",
  "/",
  "&",
  "'",
  '"',
  "=",
  "-",
  "--",
  "]]>",
  "<!",
  "<?",
  "?>",
  "<a>",
  "</a>",
  "x",
  " ",
  ":",
  "xmlns:",
  "\u0085",
  "\u0001",
  "\u00b7",
];

/** Some are as they were, some have a piece more, less or another one. */
function mutated(text: string): string {
  let made = text;
  for (let left = below(3); left > 0; left--) {
    const [at, gone] = [below(made.length + 1), below(3)];
    made = made.slice(0, at) + (below(3) === 0 ? "" : one(PIECES)) + made.slice(at + gone);
  }
  return made;
}

const shown = ({ namespace, local, attributes, text, elements }: XmlElement): unknown => [
  namespace,
  local,
  attributes.map((each) => [each.namespace, each.local, each.value]).toSorted(compare),
  text,
  elements.map(shown),
];
const compare = (left: readonly string[], right: readonly string[]): number =>
  left.join("\0") < right.join("\0") ? -1 : 1;

/** @returns null where it is refused; what is thrown otherwise is a bug */
function attempt<Done>(run: () => Done): Done | null {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof Untranslatable) return null;
    throw cause;
  }
}

test.skipIf(!hasPython)("documents, whole and broken (skipped without python3)", () => {
  const texts = Array.from({ length: 5_000 }, () =>
    mutated(`${one(["", "<?xml version='1.0'?>", "<!--c-->\n"])}${element(0)}`),
  );
  const ours = texts.map((text) => attempt(() => shown(readXml(text))));
  const theirs = expatReads(texts);
  const differing = texts.filter((_, at) => JSON.stringify(ours[at]) !== JSON.stringify(theirs[at]));
  // expat takes any text as a version.
  expect(differing.filter((text) => !/^<\?xml version='(?!1\.0')/.test(text))).toEqual([]);
  const read = ours.filter((each) => each !== null).length;
  expect(read).toBeGreaterThan(1_000);
  expect(texts.length - read).toBeGreaterThan(1_000);
});

const LEAVES = ["a", "<&>\"'\r\n\t", "]]>", "\u{1F600}", "<!--", "", 1.5, true, null, "\u0000"];
const MEMBERS = ["a", "b", "@x", "#text", "é", "@xml:lang", "p:a", "a b", "@xmlns"];

function value(depth: number): unknown {
  const kind = below(depth > 3 ? 2 : 5);
  if (kind < 2) return one(LEAVES.slice(0, below(8) === 0 ? LEAVES.length : -1));
  if (kind === 2) return Array.from({ length: below(3) }, () => value(depth + 1));
  const names = MEMBERS.slice(0, below(4) === 0 ? MEMBERS.length : 6);
  return Object.fromEntries(Array.from({ length: below(4) }, () => [one(names), value(depth + 1)]));
}

test.skipIf(!hasPython)("what is written of JSON is well-formed, whatever it is (skipped without python3)", () => {
  const settings = { ...XML_DEFAULTS, root: "r", item: "i", namespace: "urn:a&b" };
  const written = Array.from({ length: 3_000 }, () => attempt(() => jsonToXml(value(0), settings))).filter(
    (text) => text !== null,
  );
  expect(written.length).toBeGreaterThan(1_000);
  const theirs = expatReads(written);
  expect(written.filter((_, at) => theirs[at] === null)).toEqual([]);
  expect(written.map((text) => shown(readXml(text)))).toEqual(theirs);
});
