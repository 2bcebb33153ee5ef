import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { checkDocument } from "../../../shared/config/check-document.ts";

/** Problems of a document with this route, as `code at.place: message`. */
function problemsOf(route: string, methods = "GET"): string[] {
  const json = parse(`
selvage: 1
name: shop
gateway:
  hosts: [localhost]
  identity: { login: { jwt: { issuer: "https://login.example/", audience: shop } } }
  routes:
    - name: r
      match: { path: "/x/{id}", methods: [${methods}] }
${route.trim().replaceAll(/^/gm, "      ")}
mesh:
  trustDomain: shop.internal
  services: { a: { port: 80, access: [] }, b: { port: 80, access: [] } }
`);
  return checkDocument(json)
    .problems.filter(({ code }) => code !== "SLV3011")
    .map(({ code, path, message }) => `${code} ${path.slice(3).join(".")}: ${message}`);
}

describe("aggregates that are right", () => {
  test.each([
    'aggregate: { u: { get: "a:/u/{path.id}" } }',
    "aggregate: { body: { get: 'a:/' }, item: { get: 'b:/{body.id}' }, status: { get: 'a:/{item.x}' } }",
    "aggregate: { u: { get: 'a:/' }, l: { get: 'b:/{item.id}?n={index}', forEach: '{u.items}' } }",
    "aggregate: { u: { head: 'a:/' }, v: { delete: 'a:/{path.id}', when: 'status.u == 200' } }",
    "aggregate: { u: { get: 'https://x.example/', retries: { attempts: 2 }, redirects: 1, fallback: { a: [1] } } }",
    "aggregate: { u: { post: 'https://x.example/', body: { $set: '{path.id}' }, retries: { attempts: 1, idempotent: true } } }",
    "aggregate: { u: { get: 'a:/', pick: [items.*.id] }, v: { get: 'b:/', query: { id: '{u.items.*.id}' } } }",
    "aggregate: { u: { get: 'a:/' } }\nanswer: { output: { $each: '{u}', $as: { id: '{item.id}', n: '{index}' } }, status: { from: u, map: { 4xx: 404 } }, headers: { u: [location] } }",
    "aggregate: { u: { get: 'a:/', headers: { x-key: 'k-${secret:KEY}-{path.id}', x-o: '{query.o?}' } } }",
  ])("%s", (route) => expect(problemsOf(route)).toEqual([]));
});

describe("aggregates that are not", () => {
  test.each([
    ["no call", "aggregate: { u: { optional: true } }", "SLV2002 aggregate.u.get: "],
    ["another host", "aggregate: { u: { get: 'a:/', headers: { host: x } } }", "SLV3179 aggregate.u.headers.host: "],
    ["two calls", "aggregate: { u: { get: 'a:/', post: 'a:/' } }", "SLV2005 aggregate.u: "],
    ["an unknown service", "aggregate: { u: { post: 'c:/' } }", "SLV3001 aggregate.u.post: "],
    ["a part of itself", "aggregate: { u: { get: 'a:/{u.id}' } }", "SLV3005 aggregate.u.get: "],
    [
      "parts that wait for each other by conditions",
      "aggregate: { u: { get: 'a:/', when: 'v == 1' }, v: { get: 'a:/', after: [u] } }",
      "SLV3005",
    ],
    ["waiting for nobody", "aggregate: { u: { get: 'a:/', after: [w] } }", "SLV3004 aggregate.u.after.0: "],
    [
      "an unknown name in a body",
      "aggregate: { u: { post: 'a:/', body: { x: ['{usr.id}'] } } }",
      "SLV3004 aggregate.u.body.x.0: ",
    ],
    [
      "an unknown name in a parameter",
      "aggregate: { u: { get: 'a:/', query: { x: '{path.nr}' } } }",
      "SLV3004 aggregate.u.query.x: ",
    ],
    ["an identity of nobody", "aggregate: { u: { get: 'a:/{identity.sub}' } }", "SLV3004 aggregate.u.get: "],
    ["a body where none is taken", "aggregate: { u: { get: 'a:/{body.id}' } }", "SLV3004 aggregate.u.get: "],
    ["an element without a list", "aggregate: { u: { get: 'a:/{item.id}' } }", "SLV3004 aggregate.u.get: "],
    [
      "several values in a path",
      "aggregate: { u: { get: 'a:/' }, v: { get: 'a:/{u.*.id}' } }",
      "SLV2001 aggregate.v.get: ",
    ],
    ["what may be missing in a path", "aggregate: { u: { get: 'a:/{query.q?}' } }", "SLV2001 aggregate.u.get: "],
    [
      "what may be missing in a text",
      "aggregate: { u: { post: 'a:/', body: 'a{query.q?}' } }",
      "SLV2001 aggregate.u.body: ",
    ],
    ["braces that are none", "aggregate: { u: { post: 'a:/', body: '{a b}' } }", "SLV2001 aggregate.u.body: "],
    [
      "what another part leaves out",
      "aggregate: { u: { get: 'a:/', pick: [id] }, v: { get: 'a:/{u.name}' } }",
      "SLV3100 aggregate.v.get: ",
    ],
    ["a body of GET", "aggregate: { u: { get: 'a:/', body: 1 } }", "SLV3009 aggregate.u.body: "],
    ["redirects of POST", "aggregate: { u: { post: 'a:/', redirects: 1 } }", "SLV3009 aggregate.u.redirects: "],
    [
      "retries of the mesh",
      "aggregate: { u: { get: 'a:/', retries: { attempts: 1 } } }",
      "SLV3103 aggregate.u.retries: ",
    ],
    [
      "retries of what has an effect",
      "aggregate: { u: { post: 'https://x.example/', retries: { attempts: 1 } } }",
      "SLV3103 aggregate.u.retries: ",
    ],
    [
      "retries by words of gRPC",
      "aggregate: { u: { get: 'https://x.example/', retries: { attempts: 1, on: [unavailable] } } }",
      "SLV3050",
    ],
    [
      "a field of the gateway",
      "aggregate: { u: { get: 'a:/', headers: { Txn-Token: x } } }",
      "SLV3009 aggregate.u.headers.Txn-Token: ",
    ],
    ["a condition that is none", "aggregate: { u: { get: 'a:/', when: 'a ==' } }", "SLV3013 aggregate.u.when: "],
    [
      "a condition that is no truth value",
      "aggregate: { u: { get: 'a:/', when: '1 + 1' } }",
      "SLV3013 aggregate.u.when: ",
    ],
    ["a condition over nobody", "aggregate: { u: { get: 'a:/', when: 'usr.id == 1' } }", "SLV3004 aggregate.u.when: "],
    ["the status of nobody", "aggregate: { u: { get: 'a:/', when: 'status.w == 1' } }", "SLV3004 aggregate.u.when: "],
    ["the status of all", "aggregate: { u: { get: 'a:/', when: 'size(status) == 1' } }", "SLV3013 aggregate.u.when: "],
    [
      "an expectation of others",
      "aggregate: { u: { get: 'a:/', expect: 'path.id == \"1\"' } }",
      "SLV3004 aggregate.u.expect: ",
    ],
    ["a name that means the request", "aggregate: { path: { get: 'a:/' } }", "SLV2004 aggregate.path: "],
    [
      "a name that hides the element",
      "aggregate: { item: { get: 'a:/', forEach: '{query.x}' } }",
      "SLV2004 aggregate.item: ",
    ],
    [
      "a required part with a fallback",
      "aggregate: { u: { get: 'a:/', optional: false, fallback: 1 } }",
      "SLV3009 aggregate.u.optional: ",
    ],
    [
      "more calls than there are",
      "aggregate: { u: { get: 'https://x.example/{item}', forEach: { in: '{query.x}', max: 200 }, retries: { attempts: 5 } } }",
      "SLV3101 aggregate: at worst one request makes 1200 calls (u 1200)",
    ],
    [
      "more calls than free ones",
      "aggregate: { u: { get: 'a:/{item}', forEach: { in: '{query.x}', max: 60 } } }",
      "SLV3102 aggregate: at worst one request makes 60 calls",
    ],
    ["an answer of nothing", "to: a\nanswer: { problems: true }", "SLV3009 answer: "],
    [
      "an answer by an unknown operator",
      "aggregate: { u: { get: 'a:/' } }\nanswer: { output: { a: { $sum: '{u}' } } }",
      "SLV2001 answer.output.a: ",
    ],
    [
      "a merge of one",
      "aggregate: { u: { get: 'a:/' } }\nanswer: { output: { $merge: '{u}' } }",
      "SLV2001 answer.output.$merge: ",
    ],
    [
      "a join without a key",
      "aggregate: { u: { get: 'a:/' } }\nanswer: { output: { $join: '{u}', $with: '{u}', $on: id, $as: x } }",
      "SLV2001 answer.output.$on: ",
    ],
    [
      "an element outside of a list",
      "aggregate: { u: { get: 'a:/' } }\nanswer: { output: '{item.id}' }",
      "SLV3004 answer.output: ",
    ],
    [
      "a status of nobody",
      "aggregate: { u: { get: 'a:/' } }\nanswer: { status: { from: w } }",
      "SLV3004 answer.status.from: ",
    ],
    [
      "a status of many",
      "aggregate: { u: { get: 'a:/{item}', forEach: '{query.x}' } }\nanswer: { status: { from: u } }",
      "SLV3104 answer.status.from: ",
    ],
    [
      "a status that is none",
      "aggregate: { u: { get: 'a:/' } }\nanswer: { status: { map: { 404: 200 } } }",
      "SLV2001 answer.status.map.404: ",
    ],
    [
      "a cache of what is not read",
      "aggregate: { u: { post: 'a:/', cache: true } }",
      "SLV3009 aggregate.u.cache: `cache`: answers to POST",
    ],
    [
      "a key of its own for a part",
      "aggregate: { u: { get: 'a:/', cache: { key: {} } } }",
      "SLV2003 aggregate.u.cache.key: ",
    ],
    [
      "a field for caches",
      "aggregate: { u: { get: 'a:/' } }\nanswer: { headers: { u: [CDN-Cache-Control] } }",
      "SLV3009 answer.headers.u.0: ",
    ],
    [
      "a field of one content",
      "aggregate: { u: { get: 'a:/' } }\nanswer: { headers: { u: [Set-Cookie] } }",
      "SLV3009 answer.headers.u.0: ",
    ],
    [
      "problems in a list",
      "aggregate: { u: { get: 'a:/' } }\nanswer: { output: ['{u}'], problems: true }",
      "SLV3009 answer.problems: ",
    ],
    [
      "problems twice",
      "aggregate: { u: { get: 'a:/' } }\nanswer: { output: { problems: 1 }, problems: true }",
      "SLV3009 answer.problems: ",
    ],
    ["keys for GET", "aggregate: { u: { get: 'a:/' } }\nidempotency: {}", "SLV3009 idempotency: "],
  ])("%s", (_, route, problem) => {
    expect(problemsOf(route).join("\n")).toContain(problem);
  });

  test("what `match` names is taken with a body, and with keys", () => {
    const route = "aggregate: { u: { post: 'a:/', body: '{body}' } }\nauth: login\nidempotency: {}";
    expect(problemsOf(route, "POST")).toEqual([]);
    expect(problemsOf("aggregate: { body: { get: 'a:/' } }", "POST").join()).toContain("SLV2004 aggregate.body: ");
  });
});
