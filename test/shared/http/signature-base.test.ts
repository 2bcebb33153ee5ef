import { constants, createHmac, createPublicKey, type KeyObject, verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import { parseRequestTarget } from "../../../shared/http/request-target.ts";
import { type SignatureInput, type SignedMessage, signatureBase } from "../../../shared/http/signature-base.ts";
import { readSignatureInputs, readSignatures } from "../../../shared/http/signature-fields.ts";
import { limits } from "../../../shared/limits.ts";
import { keys, type Message, sharedSecret, transformed, type Vector, vectors } from "../../support/rfc9421.ts";

describe("published signatures of RFC 9421", () => {
  it.each(vectors)("$section $label has the published base, and its signature is good", (vector) => {
    const found = signatureBase(inputOf(vector.input), messageOf(vector.message));
    expect(found).toEqual({ base: [...vector.base, `"@signature-params": ${vector.input}`].join("\n") });
    expect(isGood(found, vector)).toBe(true);
  });

  it("survives what may happen on the way, and nothing else (appendix B.4)", () => {
    const vector = vectors.find(({ label }) => label === "transform") as Vector;
    const good = (message: Message): boolean =>
      isGood(signatureBase(inputOf(vector.input), messageOf(message)), vector);
    expect(transformed.good.map(good)).toEqual([true, true, true]);
    expect(transformed.bad.map(good)).toEqual([false, false]);
  });
});

describe("derived components (section 2.2)", () => {
  const cases: readonly (readonly [component: string, url: string, line: string])[] = [
    ['"@method"', "https://www.example.com/path?param=value", "POST"],
    ['"@target-uri"', "https://www.example.com/path?param=value", "https://www.example.com/path?param=value"],
    ['"@target-uri"', "https://WWW.Example.com:443/", "https://www.example.com/"],
    ['"@authority"', "https://www.example.com/path", "www.example.com"],
    ['"@authority"', "https://WWW.EXAMPLE.com:443/path", "www.example.com"],
    ['"@authority"', "http://www.example.com:80/path", "www.example.com"],
    ['"@authority"', "https://www.example.com:80/path", "www.example.com:80"],
    ['"@authority"', "http://[2001:DB8::1]:8080/path", "[2001:db8::1]:8080"],
    ['"@scheme"', "http://www.example.com/path", "http"],
    ['"@request-target"', "https://www.example.com/path?param=value", "/path?param=value"],
    ['"@path"', "https://www.example.com/path?param=value", "/path"],
    ['"@path"', "https://www.example.com/", "/"],
    ['"@path"', "https://www.example.com/a%2Fb%20c/../d", "/a%2Fb%20c/../d"],
    [
      '"@query"',
      "https://www.example.com/path?param=value&foo=bar&baz=bat%2Dman",
      "?param=value&foo=bar&baz=bat%2Dman",
    ],
    ['"@query"', "https://www.example.com/path?queryString", "?queryString"],
    ['"@query"', "https://www.example.com/path", "?"],
    ['"@query"', "https://www.example.com/path?", "?"],
    ['"@query-param";name="baz"', "https://www.example.com/path?param=value&foo=bar&baz=batman&qux=", "batman"],
    ['"@query-param";name="qux"', "https://www.example.com/path?param=value&foo=bar&baz=batman&qux=", ""],
    ['"@query-param";name="flag"', "https://www.example.com/path?flag&", ""],
    ['"@query-param";name="var"', awkward(), "this%20is%20a%20big%0Amultiline%20value"],
    ['"@query-param";name="bar"', awkward(), "with%20plus%20whitespace"],
    ['"@query-param";name="fa%C3%A7ade%22%3A%20"', awkward(), "something"],
    ['"@query-param";name="q"', "https://example.com/?q=a!'()~*-._", "a%21%27%28%29%7E*-._"],
  ];

  it.each(cases)("%s of %s", (component, url, value) => {
    expect(lineOf(component, { method: "POST", url, fields: [] })).toBe(`${component}: ${value}`);
  });

  it.each([
    ['"@query-param";name="missing"', "is missing"],
    ['"@query-param";name="a"', "is there twice"],
    ['"@query-param";name="fa%c3%a7ade"', "is missing"],
    ['"@status"', "is no part of a request"],
    ['"@method";req', "is of a request that belongs to an answer"],
    ['"x";req', "is of a request that belongs to an answer"],
  ])("%s has no value", (component, reason) => {
    const message = { method: "GET", url: "https://example.com/?a=1&%61=2", fields: [] };
    expect(lineOf(component, message)).toBe(`${component} ${reason}`);
  });

  it("has no parameter of a query that can be decoded in two ways", () => {
    for (const query of ["a=%ff", "%zz=1&a=1", "a=1&%c3%28=x", "a=%"])
      expect(lineOf('"@query-param";name="a"', { method: "GET", url: `https://a/?${query}`, fields: [] })).toMatch(
        /broken escape/,
      );
  });

  it("is not of the request where an answer is signed", () => {
    const answer = { status: 200, fields: [] };
    expect(lineOf('"@method"', { method: "GET", url: "https://a/", fields: [], answer })).toMatch(
      /no part of an answer/,
    );
  });
});

describe("fields (section 2.1)", () => {
  const fields = [
    ["x-ows-header", "  Leading and trailing whitespace.\t "],
    ["x-obs-fold-header", "Obsolete\r\n    line folding."],
    ["cache-control", "max-age=60"],
    ["cache-control", "   must-revalidate"],
    ["x-empty-header", ""],
    ["priority", "  a=1,    b=2;x=1;y=2,   c=(a   b   c), d"],
    ["example-header", "value, with, lots"],
    ["example-header", "of, commas"],
    ["x-injected", 'a\n"@method": GET'],
    ["x-unicode", "caf\u00e9"],
    ["x-broken", "no fold\r\nno space"],
    ["not-structured", "a=, b"],
    ["priority-broken", "a=("],
  ] as const;

  it.each([
    ['"x-ows-header"', "Leading and trailing whitespace."],
    ['"x-obs-fold-header"', "Obsolete line folding."],
    ['"cache-control"', "max-age=60, must-revalidate"],
    ['"x-empty-header"', ""],
    ['"priority"', "a=1,    b=2;x=1;y=2,   c=(a   b   c), d"],
    ['"priority";sf', "a=1, b=2;x=1;y=2, c=(a b c), d"],
    ['"priority";key="a"', "1"],
    ['"priority";key="b"', "2;x=1;y=2"],
    ['"priority";key="c"', "(a b c)"],
    ['"priority";key="d"', "?1"],
    ['"example-header";bs', ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:"],
  ])("%s", (component, value) => {
    expect(lineOf(component, { method: "GET", url: "https://a/", fields })).toBe(`${component}: ${value}`);
  });

  it.each([
    ['"x-missing"', "is missing"],
    ['"priority";key="e"', "is missing"],
    ['"x-injected"', "has a value that is not one line of ASCII"],
    ['"x-unicode"', "has a value that is not one line of ASCII"],
    ['"x-unicode";bs', "has bytes that are not ASCII"],
    ['"x-broken"', "has a value that is not one line of ASCII"],
    ['"not-structured";key="a"', "is no structured field"],
    ['"x-ows-header";sf', "is not known as a structured field"],
  ])("%s is refused", (component, reason) => {
    expect(lineOf(component, { method: "GET", url: "https://a/", fields })).toBe(`${component} ${reason}`);
  });

  it("refuses a text beyond the bound", () => {
    const long = "x".repeat(limits.signature.baseBytesMax);
    expect(lineOf('"x-long"', { method: "GET", url: "https://a/", fields: [["x-long", long]] })).toMatch(/too long/);
  });

  it("takes a run of spaces in one pass: one of 60 KB once took seconds, this one minutes", () => {
    const run = " ".repeat(300_000);
    const textOf = (value: string): string =>
      lineOf('"x"', { method: "GET", url: "https://a/", fields: [["x", value]] });
    expect(textOf(`${run}x`)).toBe('"x": x');
    expect(textOf(`x${run}\r\n${run}x`)).toBe('"x": x x');
    expect(textOf(`x${run}x`)).toBe("the signed text is too long");
  });

  it("finds each of many members of one field and one query", () => {
    const names = Array.from({ length: limits.signature.componentsMax }, (_, at) => `k${at}`);
    const message = { method: "GET", url: `https://a/?${names.join("&")}`, fields: [["x", names.join(",")]] } as const;
    for (const name of names) {
      expect(lineOf(`"@query-param";name="${name}"`, message)).toBe(`"@query-param";name="${name}": `);
      expect(lineOf(`"x";key="${name}"`, message)).toBe(`"x";key="${name}": ?1`);
    }
  });
});

describe("Signature-Input", () => {
  it("is read with its labels, components and parameters", () => {
    const field =
      'sig1=("@method"   "@query-param";name="a b");created=1;expires=2;nonce="n";alg="a";keyid="k";tag="t";x=1,  b=()';
    const inputs = readSignatureInputs(field);
    if (typeof inputs === "string") throw new Error(inputs);
    expect([...inputs.keys()]).toEqual(["sig1", "b"]);
    const { components, text, ...stated } = inputs.get("sig1") as SignatureInput;
    expect(components.map(({ name, text }) => [name, text])).toEqual([
      ["@method", '"@method"'],
      ["@query-param", '"@query-param";name="a b"'],
    ]);
    expect(stated).toEqual({ label: "sig1", created: 1, expires: 2, nonce: "n", alg: "a", keyid: "k", tag: "t" });
    expect(text).toBe(
      '("@method" "@query-param";name="a b");created=1;expires=2;nonce="n";alg="a";keyid="k";tag="t";x=1',
    );
  });

  const many = (count: number, one: (at: number) => string, glue: string): string =>
    Array.from({ length: count }, (_, at) => one(at)).join(glue);
  const { componentsMax, labelsMax, paramsMax, fieldBytesMax, textCharsMax } = limits.signature;

  it.each([
    ["", "is empty"],
    ["  ", "is empty"],
    ["sig1", "no list"],
    ["sig1=1", "no list"],
    ["sig1=(", "no dictionary"],
    ["sig1=(),", "no dictionary"],
    ["Sig1=()", "no dictionary"],
    ["sig1=() sig2=()", "no dictionary"],
    ["sig1=(), sig1=()", "a name twice"],
    ["sig1=();created=1;created=2", "a name twice"],
    ['sig1=("a";bs;bs)', "a name twice"],
    ['sig1=("a";bs=?1)', "canonical form"],
    ["sig1=();created=01", "canonical form"],
    ["sig1=();created=1.0", "canonical form"],
    ["sig1=();created=1.5", "malformed created"],
    ["sig1=();created=-1", "malformed created"],
    ['sig1=();created="1"', "malformed created"],
    ["sig1=();created=@1", "malformed created"],
    ["sig1=();created", "malformed created"],
    ["sig1=();expires=9999999999999999", "no dictionary"],
    ["sig1=();keyid=token", "malformed keyid"],
    ["sig1=();nonce=:AA==:", "malformed nonce"],
    ['sig1=();tag="\u00fc"', "no dictionary"],
    ["sig1=(a)", "no component name"],
    ["sig1=(1)", "no component name"],
    ['sig1=("A")', "no field name in lower case"],
    ['sig1=("")', "no field name in lower case"],
    ['sig1=("a b")', "no field name in lower case"],
    ['sig1=("@signature-params")', "no derived component"],
    ['sig1=("@constructor")', "no derived component"],
    ['sig1=("@Method")', "no derived component"],
    ['sig1=("@method" "@method")', "twice"],
    ['sig1=("a" "a")', "twice"],
    ['sig1=("a";key="x";sf "a";sf;key="x")', "twice"],
    ['sig1=("@query-param";name="a";req "@query-param";req;name="a")', "twice"],
    ['sig1=("a";tr)', "trailers"],
    ['sig1=("a";bs;sf)', "both bytes and structured"],
    ['sig1=("a";bs;key="x")', "both bytes and structured"],
    ['sig1=("a";key)', "malformed key"],
    ['sig1=("a";sf=1)', "malformed sf"],
    ['sig1=("a";sf="x")', "malformed sf"],
    ['sig1=("a";unknown)', "unknown parameter unknown"],
    ['sig1=("@method";sf)', "unknown parameter sf"],
    ['sig1=("@method";name="x")', "unknown parameter name"],
    ['sig1=("@query-param")', "names no parameter"],
    ['sig1=("@query-param";name)', "malformed name"],
    [`sig1=(${many(componentsMax + 1, (at) => `"x${at}"`, " ")})`, "covers more than"],
    [many(labelsMax + 1, (at) => `l${at}=()`, ", "), "members"],
    [`sig1=()${many(paramsMax + 1, (at) => `;p${at}`, "")}`, "parameters"],
    [`sig1=("a"${many(paramsMax + 1, (at) => `;p${at}`, "")})`, "parameters"],
    [`sig1=();keyid="${"k".repeat(textCharsMax + 1)}"`, "malformed keyid"],
    [`${"l".repeat(textCharsMax + 1)}=()`, "label that is too long"],
    [`sig1=("${"x".repeat(textCharsMax + 1)}")`, "no component name"],
    [`sig1=()${" ".repeat(fieldBytesMax)}`, "bytes"],
  ])("%s is refused", (field, reason) => {
    expect(readSignatureInputs(field)).toEqual(expect.stringContaining(reason));
  });

  it("is read at each of its bounds", () => {
    const components = many(componentsMax, (at) => `"x${at}"`, " ");
    const params = many(paramsMax - 1, (at) => `;p${at}`, "");
    const field = `sig1=(${components})${params};keyid="${"k".repeat(textCharsMax)}"`;
    expect(readSignatureInputs(`${field}, ${many(labelsMax - 1, (at) => `l${at}=()`, ", ")}`)).toBeInstanceOf(Map);
  });
});

describe("Signature", () => {
  it("is read by its labels", () => {
    expect(readSignatures("a=:AQI=:, b=:/+8=:")).toEqual(
      new Map([
        ["a", Uint8Array.of(1, 2)],
        ["b", Uint8Array.of(255, 239)],
      ]),
    );
  });

  const tooLong = Buffer.alloc(limits.signature.signatureBytesMax + 1).toString("base64");
  it.each([
    ["", "is empty"],
    ["a", "no byte sequence"],
    ['a="AQI="', "no byte sequence"],
    ["a=()", "no byte sequence"],
    ["a=::", "0 bytes"],
    ["a=:AQI:", "canonical form"],
    ["a=:AQJ=:", "canonical form"],
    ["a=:AQ_-:", "no dictionary"],
    ["a=:AQI", "no dictionary"],
    ["a=:AQI=:, a=:AQI=:", "a name twice"],
    ["a=:AQI=:;x=1", "parameters"],
    [`a=:${tooLong}:`, "bytes"],
  ])("%s is refused", (field, reason) => {
    expect(readSignatures(field)).toEqual(expect.stringContaining(reason));
  });
});

function awkward(): string {
  return "https://www.example.com/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
}

function inputOf(text: string): SignatureInput {
  const inputs = readSignatureInputs(`sig=${text}`);
  if (typeof inputs === "string") throw new Error(inputs);
  return inputs.get("sig") as SignatureInput;
}

/** The first line of the base, or why there is none. */
function lineOf(component: string, message: Message): string {
  const found = signatureBase(inputOf(`(${component})`), messageOf(message));
  return typeof found === "string" ? found : (found.base.split("\n")[0] as string);
}

function messageOf({ method, url, fields, answer }: Message): SignedMessage {
  const target = parseRequestTarget(url);
  if (target === undefined) throw new Error(url);
  const linesOf = (all: Message["fields"]) => (name: string) => {
    const lines = all.filter(([known]) => known === name).map(([, value]) => value);
    return lines.length === 0 ? undefined : lines;
  };
  const { authority, path, query } = target;
  const scheme = url.startsWith("https:") ? "https" : "http";
  const request = { method, scheme, authority, path, query, lines: linesOf(fields) } as const;
  return answer === undefined
    ? request
    : { ...request, answer: { status: answer.status, lines: linesOf(answer.fields) } };
}

function isGood(found: { base: string } | string, { alg, key, signature }: Vector): boolean {
  if (typeof found === "string") return false;
  const data = Buffer.from(found.base);
  const bytes = Buffer.from(signature, "base64");
  if (key === "test-shared-secret")
    return createHmac("sha256", Buffer.from(sharedSecret, "base64")).update(data).digest().equals(bytes);
  const publicKey: KeyObject = createPublicKey({ key: keys[key], format: "jwk" });
  if (alg === "ed25519") return verify(null, data, publicKey, bytes);
  if (alg === "ecdsa-p256-sha256") return verify("sha256", data, { key: publicKey, dsaEncoding: "ieee-p1363" }, bytes);
  if (alg === "rsa-v1_5-sha256") return verify("sha256", data, publicKey, bytes);
  return verify("sha512", data, { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }, bytes);
}
