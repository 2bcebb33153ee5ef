import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

const load = (transform: string, { match = "{ path: /r }", to = 'to: "https://o.example"' } = {}) =>
  loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
  routes:
    - { name: r, match: ${match}, transform: ${transform}, ${to} }
`,
    "f",
    () => undefined,
  );
const codes = (...given: Parameters<typeof load>): string[] =>
  load(...given).problems.map(
    ({ severity, code, path }) => `${severity} ${code} ${path.join(".").replace("gateway.routes.0.transform.", "")}`,
  );
const request = (body: string, more = ""): string => `{ request: { body: ${body}${more} } }`;
const response = (body: string, more = ""): string => `{ response: { body: ${body}${more} } }`;
const composed = { to: 'aggregate: { a: { get: "https://o.example/a" } }' };

describe("accepted", () => {
  test.each([
    request(
      '{ from: json, to: xml, root: "o:order", item: "o:item", namespaces: { o: "urn:o" }, nulls: nil, mediaType: text/xml }',
    ),
    request(
      '{ from: json, to: soap, version: "1.2", action: "urn:a", namespace: "urn:o" }',
      ", json: { set: { /a: 1 } }",
    ),
    request("{ from: form, to: json, nested: true, arrays: [/a, //b], types: { /c/d: number }, others: pass }"),
    request("{ from: json, to: form }"),
    response('{ from: xml, to: json, arrays: [/a/b], types: { "/a/@c": boolean }, attributePrefix: "", textName: $ }'),
    response("{ from: soap, to: json, root: a, faults: { Client: 422 }, faultDetail: true }", ", when: [2xx, 500]"),
    response('{ from: json, to: soap, version: "1.1", root: a }'),
    "{ response: [{ when: [2xx], body: { from: xml, to: json } }, { when: [404], json: { wrap: a } }] }",
  ])("%s", (transform) => {
    expect(codes(transform)).toEqual([]);
  });
});

describe("refused, or warned of", () => {
  test.each<[transform: string, problems: string[], around?: Parameters<typeof load>[1]]>([
    [request("{ from: xml, to: soap }"), ["error SLV3170 request.body.to"]],
    [request("{ from: json, to: json }"), ["error SLV3170 request.body.to"]],
    [request("{ from: xml, to: yaml }"), ["error SLV2001 request.body.to"]],
    [request("{ from: json }"), ["error SLV2002 request.body.to"]],
    [request("{ from: json, to: xml, arays: [/a] }"), ["error SLV2003 request.body.arays"]],
    [request("{ from: json, to: xml, arrays: [/a] }"), ["error SLV3170 request.body.arrays"]],
    [request("{ from: form, to: json, root: a }"), ["error SLV3170 request.body.root"]],
    [request("{ from: json, to: xml, nested: true }"), ["error SLV3170 request.body.nested"]],
    [request('{ from: json, to: xml, version: "1.1" }'), ["error SLV3170 request.body.version"]],
    [request("{ from: json, to: soap, version: 1.1 }"), ["error SLV2001 request.body.version"]],
    [request("{ from: soap, to: json, faults: { A: 404 } }"), ["error SLV3170 request.body.faults"]],
    [response("{ from: json, to: soap, action: a }"), ["error SLV3170 response.body.action"]],
    [response("{ from: xml, to: json, nulls: nil }"), ["error SLV3170 response.body.nulls"]],
    [response("{ from: soap, to: json, faults: { A: 200 } }"), ["error SLV2001 response.body.faults.A"]],
    [request('{ from: json, to: xml, root: "1a" }'), ["error SLV3171 request.body.root"]],
    [request('{ from: json, to: xml, root: "o:a" }'), ["error SLV3171 request.body.root"]],
    [request('{ from: json, to: xml, item: "p:a", namespaces: { o: "urn:o" } }'), ["error SLV3171 request.body.item"]],
    [request("{ from: json, to: xml, namespaces: { a: u, b: u } }"), ["error SLV3171 request.body.namespaces.b"]],
    [request("{ from: json, to: xml, namespaces: { xmlns: u } }"), ["error SLV3171 request.body.namespaces.xmlns"]],
    [request("{ from: json, to: soap, namespaces: { soap: u } }"), ["error SLV3171 request.body.namespaces.soap"]],
    [request("{ from: json, to: xml, namespaces: { xsi: u } }"), ["error SLV3171 request.body.namespaces.xsi"]],
    [
      request('{ from: json, to: xml, namespace: "http://www.w3.org/2000/xmlns/" }'),
      ["error SLV3171 request.body.namespace"],
    ],
    [response('{ from: xml, to: json, arrays: ["/a~b"] }'), ["error SLV3172 response.body.arrays.0"]],
    [response('{ from: xml, to: json, arrays: ["//a/b"] }'), ["error SLV3172 response.body.arrays.0"]],
    [response('{ from: xml, to: json, arrays: ["/"] }'), ["error SLV3172 response.body.arrays.0"]],
    [response("{ from: xml, to: json, arrays: [a] }"), ["error SLV2001 response.body.arrays.0"]],
    [
      response("{ from: xml, to: json, root: a, types: { /a/b: number } }"),
      ["warning SLV3172 response.body.types./a/b"],
    ],
    [response("{ from: soap, to: json }", ", when: [2xx]"), ["warning SLV3173 response.when"]],
    [request("{ from: json, to: xml }"), ["warning SLV3174 request.body"], { match: "{ path: /r, methods: [GET] }" }],
    [request("{ from: json, to: xml }", ", method: POST"), [], { match: "{ path: /r, methods: [GET] }" }],
    [request("{ from: json, to: xml }"), ["error SLV3009 request.body"], composed],
    [response("{ from: xml, to: json }"), ["error SLV3170 response.body.from"], composed],
    [response("{ from: json, to: xml, root: a }"), [], composed],
  ])("%s", (transform, problems, around) => {
    expect(codes(transform, around)).toEqual(problems);
  });

  test.each<[part: string, problems: string[]]>([
    ["{ get: 'https://o.example/a', encoding: xml }", []],
    ["{ get: 'https://o.example/a', encoding: text }", []],
    ["{ get: 'https://o.example/a', encoding: { from: soap, root: 'p:a', namespaces: { p: u }, arrays: [/b] } }", []],
    ["{ get: 'https://o.example/a', encoding: yaml }", ["error SLV2001 encoding"]],
    ["{ get: 'https://o.example/a', encoding: { from: form } }", ["error SLV2001 encoding.from"]],
    ["{ get: 'https://o.example/a', encoding: { from: xml, to: json } }", ["error SLV2003 encoding.to"]],
    ["{ get: 'https://o.example/a', encoding: { from: xml, root: 'p:a' } }", ["error SLV3171 encoding.root"]],
    ["{ get: 'https://o.example/a', encoding: { from: xml, arrays: ['//a/b'] } }", ["error SLV3172 encoding.arrays.0"]],
    ["{ head: 'https://o.example/a', encoding: xml }", ["error SLV3009 encoding"]],
  ])("a part: %s", (part, problems) => {
    const found = codes("{}", { to: `aggregate: { a: ${part} }` });
    expect(found.map((one) => one.replace("gateway.routes.0.aggregate.a.", ""))).toEqual(problems);
  });

  test("a document says what was meant", () => {
    const [unknown] = load(request('{ from: json, to: xml, root: "ordr:a", namespaces: { order: u } }')).problems;
    expect(unknown).toMatchObject({ expected: "order", suggestion: "order:a" });
    const [path] = load(response("{ from: xml, to: json, root: a, arrays: [/a/b] }")).problems;
    expect(path).toMatchObject({ suggestion: "/b" });
  });
});

describe("compiled", () => {
  const planned = (transform: string) => {
    const { document } = load(transform);
    if (document === undefined) throw new Error("no document");
    return compile(document);
  };

  test("defaults are filled, and upstreams asked for what is read", () => {
    const [route] = planned(
      `{ request: { body: { from: json, to: soap } }, response: [{ body: { from: soap, to: json, arrays: [/b, /a] } }] }`,
    ).gateway.routes;
    expect(canonicalJson(route?.reshape)).toBe(
      canonicalJson({
        request: {
          body: {
            from: "json",
            to: "soap",
            others: "refuse",
            soap: { version: "1.1" },
            xml: { attributePrefix: "@", textName: "#text", nulls: "omit" },
          },
        },
        answers: [
          {
            body: {
              from: "soap",
              to: "json",
              arrays: ["/a", "/b"],
              soap: { version: "1.1" },
              xml: { attributePrefix: "@", textName: "#text", nulls: "omit" },
            },
          },
        ],
      }),
    );
    expect(route?.transform.request.set).toEqual({ accept: "text/xml, application/soap+xml;q=0.9, */*;q=0.1" });
  });

  test("what edits say of `accept` stands", () => {
    const edits = "request: { headers: { set: { Accept: text/xml } } }, response: { body: { from: xml, to: json } }";
    expect(planned(`{ ${edits} }`).gateway.routes[0]?.transform.request.set).toEqual({ accept: "text/xml" });
  });

  test("explain says it", () => {
    const plan = planned(
      `{ request: { body: { from: json, to: soap, action: a }, json: { wrap: b } },
         response: { body: { from: soap, to: json, root: r, arrays: [/x], types: { /y: number }, faults: { C: 404 } }, json: { wrap: d } } }`,
    );
    const asked = {
      method: "POST",
      host: "localhost",
      path: "/r",
      query: "",
      headers: [],
      credential: { kind: "none" as const },
    };
    const texts = explain(plan, asked, 0).steps.map(({ text }) => text);
    expect(texts.find((text) => text.includes("to soap"))).toContain(
      'JSON body: wrap b (streams, from 65536 bytes on); body from json to soap: SOAP 1.1, action "a", other bodies are refused',
    );
    expect(texts.find((text) => text.includes("from soap"))).toBe(
      "body from soap to json: root r, lists /x, number /y, fault C becomes 404, other bodies pass; JSON body: wrap d (streams, from 65536 bytes on)",
    );
  });
});
