import { describe, expect, test } from "vitest";
import type { BodyFormat } from "../../../../shared/policy/translate/translation.ts";
import { type Settings, translate, translator } from "./support/translate.ts";

const declared = '<?xml version="1.0" encoding="UTF-8"?>';
const toJson = (text: string, settings?: Settings): string => translate(translator("xml", "json", settings), text);
const toXml = (text: string, settings?: Settings): string =>
  translate(translator("json", "xml", settings), text).replace(declared, "");

describe("XML as JSON", () => {
  test.each<[xml: string, json: string, settings?: Settings]>([
    ["<a/>", '{"a":""}'],
    ["<a> 1 </a>", '{"a":" 1 "}'],
    ["<a>\n <b>1</b>\n <b>2</b>\n</a>", '{"a":{"b":["1","2"]}}'],
    ["<a><b>1</b></a>", '{"a":{"b":["1"]}}', { arrays: ["/a/b"] }],
    ["<a><b>1</b></a>", '{"b":["1"]}', { arrays: ["/b"], xml: { root: "a" } }],
    ["<a/>", '{"a":{"b":[]}}', { arrays: ["/a/b"] }],
    ["<a x='1'/>", '{"a":{"@x":"1","b":[]}}', { arrays: ["/a/b"] }],
    ["<a><c><b>1</b></c></a>", '{"a":{"c":{"b":["1"]}}}', { arrays: ["//b"] }],
    ["<a x='1'>t</a>", '{"a":{"@x":"1","#text":"t"}}'],
    ["<a x='1'>t</a>", '{"a":{"x":"1","$":"t"}}', { xml: { attributePrefix: "", textName: "$" } }],
    ["<a>one <b>two</b> three</a>", '{"a":{"b":"two","#text":"one  three"}}'],
    ["<a>ad<!-- -->min</a>", '{"a":"admin"}'],
    ["<a xml:lang='en'/>", '{"a":{"@xml:lang":"en"}}'],
    ["<a xmlns='u' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:schemaLocation='u u.xsd'/>", '{"a":""}'],
    ["<a><b xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:nil='true'/></a>", '{"a":{"b":null}}'],
    ["<p:a xmlns:p='u'><p:b/></p:a>", '{"a":{"b":""}}'],
    ["<p:a xmlns:p='u'><p:b/></p:a>", '{"x:a":{"x:b":""}}', { xml: { namespaces: { x: "u" } } }],
    [
      "<a><b>12345678901234567890</b><c>1.10</c></a>",
      '{"a":{"b":12345678901234567890,"c":1.10}}',
      { types: { "/a/b": "number", "//c": "number" } },
    ],
    [
      "<a><b> +007.50 </b><c>.5</c><d>1E3</d><e>-0</e></a>",
      '{"a":{"b":7.50,"c":0.5,"d":1e3,"e":-0}}',
      { types: { "/a/b": "number", "/a/c": "number", "/a/d": "number", "/a/e": "number" } },
    ],
    [
      "<a b='1'><c>0</c><d>true</d><e/></a>",
      '{"a":{"@b":true,"c":false,"d":true,"e":null}}',
      { types: { "/a/@b": "boolean", "/a/c": "boolean", "/a/d": "boolean", "/a/e": "boolean" } },
    ],
    ["<a><b x='1'>2</b></a>", '{"a":{"b":{"@x":"1","#text":2}}}', { types: { "//b": "number" } }],
    ["<a><constructor>1</constructor><toString/></a>", '{"a":{"constructor":"1","toString":""}}'],
  ])("%s", (text, json, settings) => {
    expect(toJson(text, settings)).toBe(json);
  });

  test.each<[xml: string, reason: RegExp, settings?: Settings]>([
    ["<b/>", /^form: the element a was expected/, { xml: { root: "a" } }],
    ["<x:a xmlns:x='u'/>", /^form: the element y:a was expected/, { xml: { root: "y:a", namespaces: { y: "v" } } }],
    ["<a><b/><p:b xmlns:p='u'/></a>", /two namespaces side by side/],
    ["<a x='1' p:x='2' xmlns:p='u'/>", /^form: the name @x is not taken, or stands for two/],
    ["<a x='1'><x/></a>", /stands for two/, { xml: { attributePrefix: "" } }],
    ["<a><t/>x</a>", /stands for two/, { xml: { textName: "t" } }],
    ["<__proto__><x/></__proto__>", /^form: the name __proto__ is not taken/],
    ["<a><__proto__><x/></__proto__></a>", /^form: the name __proto__ is not taken/],
    ["<a __proto__='1'/>", /^form: the name __proto__ is not taken/, { xml: { attributePrefix: "" } }],
    ["<a>1e</a>", /^form: "1e" is no number/, { types: { "/a": "number" } }],
    ["<a>NaN</a>", /is no number/, { types: { "/a": "number" } }],
    ["<a>1,000</a>", /is no number/, { types: { "/a": "number" } }],
    [`<a>${"9".repeat(100_000)}</a>`, /is no number/, { types: { "/a": "number" } }],
    ["<a>yes</a>", /is no truth value/, { types: { "/a": "boolean" } }],
    ["<a xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:nil='1'>x</a>", /nil has content/],
    ["<a", /^form: it is no XML/],
  ])("%s is refused", (text, reason, settings) => {
    expect(toJson(text, settings)).toMatch(reason);
  });
});

describe("JSON as XML", () => {
  test.each<[json: string, xml: string, settings?: Settings]>([
    ['{"a":""}', "<a/>"],
    ['{"a":{}}', "<a/>"],
    ['{"b":["1",2,true,null]}', "<a><b>1</b><b>2</b><b>true</b></a>", { xml: { root: "a" } }],
    ["12345678901234567890", "<a>12345678901234567890</a>", { xml: { root: "a" } }],
    ["null", "<a/>", { xml: { root: "a" } }],
    ["[1,[2]]", "<a><i>1</i><i><i>2</i></i></a>", { xml: { root: "a", item: "i" } }],
    ['{"a":{"#text":"<&>","@x":"\\"<\\n"}}', '<a x="&quot;&lt;&#10;">&lt;&amp;&gt;</a>'],
    ['{"a":{"b":"]]>"}}', "<a><b>]]&gt;</b></a>"],
    ['{"a":{"b":"\\r\\n"}}', "<a><b>&#13;\n</b></a>"],
    ['{"a":{"b":null,"c":[null]}}', "<a><b/><c/></a>", { xml: { nulls: "empty" } }],
    [
      '{"a":{"b":null}}',
      '<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><b xsi:nil="true"/></a>',
      { xml: { nulls: "nil" } },
    ],
    ['{"b":1}', '<a xmlns="u"><b>1</b></a>', { xml: { root: "a", namespace: "u" } }],
    [
      '{"p:b":{"@p:c":1}}',
      '<p:a xmlns:p="u&amp;v"><p:b p:c="1"/></p:a>',
      { xml: { root: "p:a", namespaces: { p: "u&v" } } },
    ],
    ['{"a":{"@xml:lang":"en"}}', '<a xml:lang="en"/>'],
    ['{"a":{"-b":1}}', '<a b="1"/>', { xml: { attributePrefix: "-" } }],
  ])("%s", (text, expected, settings) => {
    expect(toXml(text, settings)).toBe(expected);
  });

  test.each<[json: string, reason: RegExp, settings?: Settings]>([
    ["{}", /^form: without `root`/],
    ['{"a":1,"b":2}', /^form: without `root`/],
    ['{"a":[1]}', /^form: without `root`/],
    ["[1]", /^form: without `root`/],
    ["[1]", /^form: the members of the list a have no name/, { xml: { root: "a" } }],
    ['{"a b":1}', /is no name in XML/],
    ['{"1a":1}', /is no name in XML/],
    ['{"":1}', /is no name in XML/],
    ['{"a><evil/><a":1}', /is no name in XML/],
    ['{"p:a":1}', /is no name in XML, or of an unknown prefix/],
    ['{"xmlns:p":1}', /is no name in XML/],
    ['{"constructor:a":1}', /is no name in XML/],
    ['{"__proto__":1}', /is no name in XML/],
    ['{"a":{"@xmlns":"evil"}}', /^form: a body declares a namespace/],
    ['{"a":{"@xmlns:p":"evil"}}', /^form: a body declares a namespace/],
    ['{"a":{"@b":{}}}', /^form: a mapping or list where XML has a text/],
    ['{"a":{"#text":[]}}', /^form: a mapping or list where XML has a text/],
    ['{"a":"\\u0000"}', /^form: a text has a character/],
    ['{"a":"\\ud800"}', /^form: a text has a character/],
    ['{"a":{"@b":"\\u0001"}}', /^form: a text has a character/],
    ['{"a":1,"a":2}', /^form: a name occurs twice/],
    [`{"${"a".repeat(2_000)}":1}`, /is no name in XML/],
    [`{"a":{"${"b".repeat(1_000)}":[${"0,".repeat(50_000)}0]}}`, /^bounds: as XML it has more than/],
  ])("%s is refused", (text, reason, settings) => {
    expect(toXml(text, settings)).toMatch(reason);
  });

  test("what was XML is the same again", () => {
    const text = '<a x="1"><b>1</b><b y="2">&lt;</b><c><d/></c></a>';
    expect(toXml(toJson(text))).toBe(text);
  });
});

const envelope = (version: "1.1" | "1.2", body: string, header = ""): string => {
  const uri =
    version === "1.1" ? "http://schemas.xmlsoap.org/soap/envelope/" : "http://www.w3.org/2003/05/soap-envelope";
  return `<e:Envelope xmlns:e="${uri}">${header}<e:Body>${body}</e:Body></e:Envelope>`;
};

describe("SOAP", () => {
  const read = (text: string, settings?: Settings): string => translate(translator("soap", "json", settings), text);

  test("the envelope goes", () => {
    const price = "<m:GetPriceResponse xmlns:m='u'><m:Price>1.90</m:Price></m:GetPriceResponse>";
    for (const version of ["1.1", "1.2"] as const) {
      expect(read(envelope(version, price))).toBe('{"GetPriceResponse":{"Price":"1.90"}}');
      const settings: Settings = { xml: { root: "GetPriceResponse" }, types: { "/Price": "number" } };
      expect(read(envelope(version, price), settings)).toBe('{"Price":1.90}');
      expect(read(envelope(version, ""))).toBe("{}");
      expect(read(envelope(version, price, "<e:Header><x e:mustUnderstand='0'/></e:Header>"))).toMatch(/^\{/);
    }
  });

  test.each<[text: string, reason: RegExp]>([
    ["<a/>", /no envelope/],
    ["<Envelope><Body/></Envelope>", /no envelope/],
    [envelope("1.1", "").replace(/<e:Body>.*<\/e:Body>/, ""), /has no body/],
    [envelope("1.1", "").replace("<e:Body>", "<e:Body/><e:Body>"), /second Body/],
    [envelope("1.1", "", "<e:Header><x e:mustUnderstand='1'/></e:Header>"), /must be understood/],
    [envelope("1.2", "", "<e:Header><x e:mustUnderstand='true'/></e:Header>"), /must be understood/],
    [`<!DOCTYPE x>${envelope("1.1", "")}`, /document type/],
  ])("%s is refused", (text, reason) => {
    expect(read(text)).toMatch(reason);
  });

  const fault11 = envelope(
    "1.1",
    "<e:Fault><faultcode>e:Client.Auth</faultcode><faultstring>who?</faultstring><detail><x>1</x></detail></e:Fault>",
  );
  const fault12 = envelope(
    "1.2",
    "<e:Fault><e:Code><e:Value>e:Receiver</e:Value><e:Subcode><e:Value xmlns:m='u'>m:Busy</e:Value></e:Subcode></e:Code>" +
      "<e:Reason><e:Text xml:lang='de'>voll</e:Text><e:Text xml:lang='en'>busy</e:Text></e:Reason></e:Fault>",
  );
  test.each<[text: string, problem: string, settings?: Settings["soap"]]>([
    [
      fault11,
      '400 {"type":"about:blank","title":"The service answered with a fault","status":400,"detail":"who?","faultCodes":["Client","Auth"]}',
    ],
    [
      fault11,
      '403 {"type":"about:blank","title":"The service answered with a fault","status":403,"detail":"who?","faultCodes":["Client","Auth"],"faultDetail":{"x":"1"}}',
      { version: "1.1", faults: { Auth: 403, Client: 422 }, faultDetail: true },
    ],
    [
      fault12,
      '502 {"type":"about:blank","title":"The service answered with a fault","status":502,"detail":"busy","faultCodes":["Receiver","Busy"]}',
    ],
    [
      fault12,
      '503 {"type":"about:blank","title":"The service answered with a fault","status":503,"detail":"busy","faultCodes":["Receiver","Busy"]}',
      { version: "1.2", faults: { Busy: 503 } },
    ],
    [
      envelope("1.1", "<e:Fault/>"),
      '502 {"type":"about:blank","title":"The service answered with a fault","status":502}',
    ],
    [
      envelope("1.1", "<e:Fault><faultcode>e:toString</faultcode></e:Fault>"),
      '502 {"type":"about:blank","title":"The service answered with a fault","status":502,"faultCodes":["toString"]}',
    ],
  ])("a fault is a problem: %s", (text, problem, soap) => {
    expect(read(text, soap === undefined ? {} : { soap })).toBe(problem);
  });

  test("JSON gets an envelope", () => {
    const settings: Settings = {
      xml: { root: "m:GetPrice", namespaces: { m: "u" } },
      soap: { version: "1.1", action: "u#GetPrice" },
    };
    const one = translator("json", "soap", settings);
    expect(translate(one, '{"m:Item":"Apples"}')).toBe(
      `${declared}<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><m:GetPrice xmlns:m="u"><m:Item>Apples</m:Item></m:GetPrice></soap:Body></soap:Envelope>`,
    );
    expect(one.fields).toEqual([
      ["content-type", "text/xml; charset=utf-8"],
      ["soapaction", '"u#GetPrice"'],
    ]);
    const other = translator("json", "soap", { ...settings, soap: { version: "1.2", action: "u" } });
    expect(other.fields).toEqual([["content-type", 'application/soap+xml; charset=utf-8; action="u"']]);
    expect(translate(other, "{}")).toContain('<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope">');
    expect(translator("json", "soap").fields).toContainEqual(["soapaction", '""']);
    expect(read(translate(one, '{"m:Item":"Apples"}'))).toBe('{"GetPrice":{"Item":"Apples"}}');
  });

  test("an error is a fault", () => {
    const fault = (version: "1.1" | "1.2", status: number, json: string): string =>
      translate(translator("json", "soap", { soap: { version } }), json, undefined, status);
    expect(fault("1.1", 404, '{"detail":"no <such> thing"}')).toMatch(
      /^500 .*<soap:Fault><faultcode>soap:Client<\/faultcode><faultstring>no &lt;such&gt; thing<\/faultstring><\/soap:Fault>/,
    );
    expect(fault("1.2", 404, '{"title":"gone"}')).toMatch(
      /^400 .*<soap:Value>soap:Sender<\/soap:Value><\/soap:Code><soap:Reason><soap:Text xml:lang="en">gone</,
    );
    expect(fault("1.2", 503, "[1]")).toMatch(/^500 .*soap:Receiver.*the request failed/);
    expect(read(fault("1.1", 500, "{}").slice(4))).toMatch(/^502 /);
    expect(read(fault("1.2", 400, '{"detail":"why"}').slice(4))).toMatch(/^400 .*"detail":"why"/);
  });
});

describe("what is taken", () => {
  test.each<[BodyFormat, string | undefined, boolean]>([
    ["xml", "application/xml", true],
    ["xml", "Text/XML; charset=utf-8", true],
    ["xml", "application/atom+xml", true],
    ["soap", "application/soap+xml; action=x", true],
    ["xml", "application/json", false],
    ["xml", "text/html", false],
    ["xml", "application/xml-dtd", false],
    ["xml", undefined, false],
    ["json", "application/problem+json", true],
    ["json", "application/x-ndjson", false],
  ])("as %s: %s", (from, type, taken) => {
    expect(translator(from, from === "json" ? "xml" : "json").takes(type)).toBe(taken);
  });
});
