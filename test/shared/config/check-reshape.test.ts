import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { compile } from "../../../shared/plan/compile.ts";

function load(transform: string, { route = "", auth = "auth: login,", to = 'to: "https://o.example"' } = {}) {
  return loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
  identity: { login: { jwt: { issuer: "https://i.example/", audience: a } } }
  identityHeaders: { x-user: "{identity.sub}" }
  routes:
    - { name: r, match: { path: "/r/{id}" }, ${auth} ${route} transform: ${transform}, ${to} }
`,
    "f",
    () => undefined,
  );
}
const codes = (...given: Parameters<typeof load>): string[] =>
  load(...given).problems.map(
    ({ severity, code, path }) => `${severity} ${code} ${path.join(".").replace("gateway.routes.0.transform.", "")}`,
  );
const headers = (edits: string): string => `{ request: { headers: ${edits} } }`;

describe("accepted", () => {
  test.each([
    headers("{ set: { x-a: '{path.id}', x-b: '{identity.claims.org.id}', x-c: '{query.q}', x-d: '{header.x-e}' } }"),
    headers("{ set: { x-a: '{request.id}{trace.id}{client.ip}', x-b: { cel: 'identity.sub' } } }"),
    headers('{ set: { nel: \'{"report_to":"g","max_age":1}\' }, add: { x-b: "${secret:A}" } }'),
    headers("{ remove: [x-a], set: { x-b: b }, add: { x-b: c }, append: { x-c: d } }"),
    "{ request: { query: { allow: [a, b], set: { a: '${secret:A}' } }, method: POST } }",
    "{ response: { when: [404, 5xx], headers: { set: { x-a: '{response.status}' } }, statuses: { 404: 200 } } }",
    "{ response: { json: { pick: [/a, '$.b[?@.c > 1]'], set: { /d: { x: '{body.a}', y: '{response.status}' } }, wrap: e } } }",
    "{ request: { json: { template: { all: '{body}', who: '{identity.sub}' }, others: refuse } } }",
    "{ response: [{ when: { cel: 'response.status > 400' }, headers: { remove: [server] } }] }",
  ])("%s", (transform) => {
    expect(codes(transform)).toEqual([]);
  });
});

describe("refused, or warned of", () => {
  test.each<[transform: string, problems: string[], around?: Parameters<typeof load>[1]]>([
    [headers("{ set: { x-a: '{pth.id}' } }"), ["error SLV3004 request.headers.set.x-a"]],
    [headers("{ set: { x-a: '{path.ID}' } }"), ["error SLV3004 request.headers.set.x-a"]],
    [headers("{ set: { x-a: '{identity.nobody}' } }"), ["error SLV3004 request.headers.set.x-a"]],
    [headers("{ set: { x-a: '{client.name}' } }"), ["error SLV3004 request.headers.set.x-a"]],
    [headers("{ set: { x-a: '{response.status}' } }"), ["error SLV3004 request.headers.set.x-a"]],
    [headers("{ set: { x-a: '{identity.sub}' } }"), ["error SLV3009 request.headers.set.x-a"], { auth: "" }],
    [headers("{ set: { x-a: '{id}' } }"), ["warning SLV3090 request.headers.set.x-a"]],
    [headers("{ set: { x-a: { cel: 'identity.' } } }"), ["error SLV3013 request.headers.set.x-a.cel"]],
    [headers("{ set: { x-a: { cel: 'response.status' } } }"), ["error SLV3013 request.headers.set.x-a.cel"]],
    [headers("{ set: { x-a: { cel: 'identity.claims' } } }"), ["error SLV3013 request.headers.set.x-a.cel"]],
    [headers("{ rename: { x-a: connection } }"), ["error SLV3009 request.headers.rename.x-a"]],
    [headers("{ append: { Txn-Token: a } }"), ["error SLV3009 request.headers.append.Txn-Token"]],
    [headers("{ rename: { x-a: x-user } }"), ["error SLV3009 request.headers.rename.x-a"]],
    [headers("{ set: { Host: a.example } }"), ["error SLV3179 request.headers.set.Host"]],
    [headers("{ remove: [host] }"), ["error SLV3179 request.headers.remove.0"]],
    [headers("{ rename: { x-host: host } }"), ["error SLV3179 request.headers.rename.x-host"]],
    [headers("{ append: { x-user: a } }"), ["error SLV3009 request.headers.append.x-user"]],
    [headers("{ remove: [x-a], rename: { X-A: b } }"), ["warning SLV3092 request.headers.rename.X-A"]],
    [headers("{ set: { x-a: b, X-A: c } }"), ["error SLV3006 request.headers.set.X-A"]],
    [
      "{ response: { headers: { append: { set-cookie: a=b } } } }",
      ["error SLV3091 response.headers.append.set-cookie"],
    ],
    ["{ request: { query: { allow: [a], remove: [a] } } }", ["warning SLV3092 request.query.remove.0"]],
    ["{ request: { method: GET } }", ["error SLV3009 request.method"], { route: "cache: { shared: false }," }],
    ["{ request: { method: CONNECT } }", ["error SLV2001 request.method"]],
    ["{ response: { statuses: { 206: 200 } } }", ["error SLV3091 response.statuses.206"]],
    ["{ response: { statuses: { 200: 304 } } }", ["error SLV3091 response.statuses.200"]],
    ["{ response: { statuses: { 404: 404 } } }", ["warning SLV3092 response.statuses.404"]],
    ["{ response: { statuses: { 1xx: 200 } } }", ["error SLV2004 response.statuses.1xx"]],
    ["{ response: { when: [600] } }", ["error SLV2001 response.when.0"]],
    ["{ response: { when: { cel: 'respons.status' } } }", ["error SLV3013 response.when.cel"]],
    ["{ request: { query: { set: { a: '{path.ix}' } } } }", ["error SLV3004 request.query.set.a"]],
    ["{ request: { json: { remove: [x] } } }", ["error SLV2001 request.json.remove.0"]],
    ["{ request: { json: { remove: [/a~2] } } }", ["error SLV3093 request.json.remove.0"]],
    ["{ response: { json: { pick: ['$..a..b'] } } }", ["error SLV3093 response.json.pick.0"]],
    ["{ response: { json: { set: { '$[': 1 } } } }", ["error SLV3093 response.json.set.$["]],
    ["{ response: { json: { set: { /a: '{bdy.a}' } } } }", ["error SLV3004 response.json.set./a"]],
    ["{ response: { json: { template: { a: '{body}' }, wrap: a } } }", ["error SLV3009 response.json.template"]],
    ["{ response: { json: { template: { cel: 'respons.status' } } } }", ["error SLV3013 response.json.template"]],
    ["{ response: { json: { others: refuse } } }", ["warning SLV3092 response.json"]],
    [
      headers("{ set: { x-a: '{identity.sub}' } }"),
      ["warning SLV3041 gateway.routes.0.cache.shared"],
      { route: "identityHeaders: {}, cache: { shared: true }," },
    ],
  ])("%s", (transform, problems, around = {}) => {
    expect(codes(transform, around)).toEqual(problems);
  });

  test("nothing of parts of an answer", () => {
    const to = 'aggregate: { a: { get: "https://o.example/" } }';
    expect(codes("{ request: { query: { remove: [a] } } }", { to })).toEqual(["error SLV3009 request.query"]);
    expect(codes("{ request: { method: POST } }", { to })).toEqual(["error SLV3009 request.method"]);
    expect(codes("{ request: { json: { wrap: a } } }", { to })).toEqual(["error SLV3009 request.json"]);
  });
});

describe("compiled", () => {
  const compiled = (transform: string) => {
    const { document, problems } = load(transform);
    if (document === undefined) throw new Error(JSON.stringify(problems));
    return compile(document).gateway.routes[0];
  };

  test("constant edits of fields are what they were", () => {
    const route = compiled("{ request: { headers: { remove: [B, a], set: { X-A: '{\"a\":1}' }, add: { c: d } } } }");
    expect(route?.transform.request).toEqual({ remove: ["a", "b"], set: { "x-a": '{"a":1}' }, add: { c: "d" } });
    expect(route?.reshape).toBeUndefined();
  });

  test("one template makes all edits of that side a part of their own, so that their order stays", () => {
    const route = compiled("{ request: { headers: { remove: [B], set: { X-A: 'a{path.id}', x-c: c } } } }");
    expect(route?.transform.request).toEqual({ remove: [], set: {}, add: {} });
    expect(route?.reshape).toEqual({
      request: { fields: { remove: ["b"], set: { "x-a": ["a", ["path", "id"]], "x-c": "c" } } },
    });
  });

  test("the same meaning is the same plan", () => {
    const one = "{ response: { when: [5xx, 404], headers: { set: { A: '{path.id}', b: c } } } }";
    const other = "{ response: [{ headers: { set: { b: c, a: '{path.id}' } }, when: ['404', 5xx] }] }";
    expect(canonicalJson(compiled(one))).toBe(canonicalJson(compiled(other)));
  });
});
