import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseKeyExpression } from "../../../shared/auth/condition.ts";
import { anonymous, type Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import {
  isLongKey,
  type LimitKeyFacts,
  lackingCode,
  limitKeyText,
  limitKeyValues,
} from "../../../shared/policy/rate-limit-key.ts";
import type { LimitKeyPart } from "../../../shared/policy/settings.ts";

const alice: Identity = {
  ...{ sub: "alice", issuer: "https://a.example", method: "jwt", scopes: [], groups: [] },
  ...{ consumer: "acme", plan: "pro" },
  claims: { org: { id: "o-1", size: 7, open: true, tags: ["a"] }, "https://shop.example/tenant": "t-1", none: null },
};

interface Given {
  readonly identity?: Identity;
  readonly clientIp?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
}

function facts({
  identity = alice,
  clientIp = "192.0.2.7",
  headers = {},
  params = {},
  query = "",
}: Given): LimitKeyFacts {
  const request = { method: "GET", host: "h", path: "/a/b", headers };
  return {
    ...{ identity, clientIp, params, query },
    header: (name) => (Object.hasOwn(headers, name) ? headers[name] : undefined),
    evaluate: (text) => {
      const expression = parseKeyExpression(text);
      if (typeof expression === "string") throw new Error(expression);
      return expression.evaluate(identity, request);
    },
  };
}

const partValue = (part: LimitKeyPart, given: Given = {}) => limitKeyValues(part, facts(given))[0]?.value;

describe("a part of a key", () => {
  test.each<[string, LimitKeyPart, Given, readonly string[] | undefined]>([
    ["who it is", "identity", {}, ["jwt", "https://a.example", "alice"]],
    ["nobody", "identity", { identity: anonymous }, undefined],
    ["the consumer", "consumer", {}, ["acme"]],
    ["no consumer", "consumer", { identity: anonymous }, undefined],
    ["the plan", "plan", {}, ["pro"]],
    ["everybody", "all", {}, []],
    ["an IPv4 address", "ip", {}, ["192.0.2.7"]],
    ["an IPv6 address by its /64", "ip", { clientIp: "2001:DB8:1:2:3::4" }, ["2001:db8:1:2::/64"]],
    ["a mapped address", "ip", { clientIp: "::ffff:192.0.2.7" }, ["192.0.2.7"]],
    ["another prefix", { ip: { v4: 24, v6: 48 } }, {}, ["192.0.2.0/24"]],
    ["what is no address", "ip", { clientIp: "unknown" }, undefined],
    ["a header", { header: "x-tenant" }, { headers: { "x-tenant": "acme" } }, ["acme"]],
    ["no header", { header: "x-tenant" }, {}, undefined],
    ["an empty header", { header: "x-tenant" }, { headers: { "x-tenant": "" } }, undefined],
    ["a claim", { claim: ["org", "id"] }, {}, ["o-1"]],
    ["a claim that is a URL", { claim: ["https://shop.example/tenant"] }, {}, ["t-1"]],
    ["a claim that is a number", { claim: ["org", "size"] }, {}, ["number", "7"]],
    ["a claim that is true", { claim: ["org", "open"] }, {}, ["boolean", "true"]],
    ["a claim that is a list", { claim: ["org", "tags"] }, {}, undefined],
    ["a claim that is null", { claim: ["none"] }, {}, undefined],
    ["a claim of every object", { claim: ["constructor", "name"] }, {}, undefined],
    ["a claim of every text", { claim: ["org", "id", "length"] }, {}, undefined],
    ["a parameter of the path", { path: "tenant" }, { params: { tenant: "acme" } }, ["acme"]],
    ["a member of every object", { path: "__proto__" }, {}, undefined],
    ["a parameter of the query", { query: "t" }, { query: "?a=1&t=ac%6De+x&b" }, ["acme x"]],
    ["one without value", { query: "t" }, { query: "?t" }, undefined],
    ["one that stands twice", { query: "t" }, { query: "?t=1&t=1" }, undefined],
    ["one whose name is escaped the second time", { query: "t" }, { query: "?t=1&%74=2" }, undefined],
    ["a query that can be read in two ways", { query: "t" }, { query: "?t=1&x=%zz" }, undefined],
    ["a cookie", { cookie: "s" }, { headers: { cookie: "a=1; s=x=y; ss=2" } }, ["x=y"]],
    ["a cookie that stands twice", { cookie: "s" }, { headers: { cookie: "s=1; s=1" } }, undefined],
    ["no cookie", { cookie: "s" }, { headers: { cookie: "S=1" } }, undefined],
    ["a text of an expression", { cel: 'identity.claims.org.id + "/x"' }, {}, ["o-1/x"]],
    ["a number of an expression", { cel: "size(request.path)" }, {}, ["number", "4"]],
    ["a truth value of an expression", { cel: 'request.method == "GET"' }, {}, ["boolean", "true"]],
    ["an expression that fails", { cel: "identity.claims.nothing.at" }, {}, undefined],
    ["an expression whose value is a list", { cel: "identity.claims.org.tags" }, {}, undefined],
    ["an expression without a field", { cel: 'request.headers["x-none"]' }, {}, undefined],
    ["an empty text of an expression", { cel: 'request.method == "GET" ? "" : "x"' }, {}, undefined],
  ])("%s", (_, part, given, value) => expect(partValue(part, given)).toEqual(value));

  test("that fails is no error, whatever the claims are", () => {
    const json = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(json, fc.array(fc.string(), { minLength: 1, maxLength: 3 }), (claims, claim) => {
        const identity = { ...alice, claims };
        const of = (part: LimitKeyPart): string => limitKeyText(limitKeyValues(part, facts({ identity })));
        expect(of({ claim })).toEqual(of({ claim }));
        expect(typeof of({ cel: "identity.claims.a.b" })).toBe("string");
      }),
    );
  });

  test("that is lacking is the request's fault, or who it is", () => {
    expect([{ header: "a" }, { query: "a" }, { cookie: "a" }].map(lackingCode)).toEqual(Array(3).fill("bad_request"));
    expect((["ip", "plan", { claim: ["a"] }, { cel: "a" }] as const).map(lackingCode)).toEqual(
      Array(4).fill("not_permitted"),
    );
  });
});

const PARTS: readonly LimitKeyPart[] = [
  ...(["identity", "ip", "consumer", "plan"] as const),
  ...[{ header: "x-a" }, { header: "x-b" }, { claim: ["a"] }, { claim: ["a", "b"] }, { path: "p" }, { query: "q" }],
  ...[{ cookie: "c" }, { cel: "request.path" }],
];

/** Texts that imitate what stands between parts. */
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "",
    '"',
    '","',
    '"],["ip","x',
    "\\",
    "\\u0000",
    "\n",
    "|",
    "null",
    "true",
    "7",
    "\ud800",
    "ip",
    "boolean",
  ),
);
const value = fc.option(
  fc.oneof(
    hostile.map((one) => [one]),
    fc.array(hostile, { minLength: 1, maxLength: 3 }),
  ),
  {
    nil: undefined,
  },
);

describe("two lists of values", () => {
  test("have one key only where they are the same", () => {
    const tuple = fc.array(fc.tuple(fc.constantFrom(...PARTS), value), {
      minLength: 1,
      maxLength: limits.rateLimit.keyPartsMax,
    });
    const text = (one: readonly (readonly [LimitKeyPart, readonly string[] | undefined])[]): string =>
      limitKeyText(one.map(([part, found]) => ({ part, value: found })));
    fc.assert(
      fc.property(tuple, tuple, (one, other) => {
        expect(text(one) === text(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 2, maxLength: 3 }),
        fc.array(value, { minLength: 2, maxLength: 3 }),
        (a, b) => {
          const parts = (values: typeof a) =>
            values.map((one, at): [LimitKeyPart, typeof one] => [PARTS[at] as LimitKeyPart, one]);
          expect(text(parts(a)) === text(parts(b))).toBe(JSON.stringify(a) === JSON.stringify(b));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("stay apart where a client writes into a value what stands between two of them", () => {
    const by = [{ header: "x-a" }, { header: "x-b" }] as const;
    const key = (a: string, b: string): string =>
      limitKeyText(limitKeyValues(by, facts({ headers: { "x-a": a, "x-b": b } })));
    const between = key("AAA", "BBB").split(/AAA|BBB/);
    for (const imitated of [...between, '"', "\\", '\\"', '","', "],[", "|", ",", "\n", "\0", "%", "\ud800"]) {
      const values = ["x"];
      for (let at = 0; values.length < 60; at++)
        values.push(`${values[at]}${imitated}`, `${values[at]}x`, `${imitated}${values[at]}`);
      const distinct = [...new Set(values)];
      const keys = distinct.flatMap((a) => distinct.map((b) => key(a, b)));
      expect([imitated, new Set(keys).size]).toEqual([imitated, keys.length]);
    }
  });

  test("of which one lacks what the other has empty, or says `none`, stay apart", () => {
    const key = (headers: Given["headers"] = {}): string =>
      limitKeyText(limitKeyValues({ header: "x-a" }, facts({ headers })));
    expect(new Set([{}, { "x-a": "none" }, { "x-a": "undefined" }, { "x-a": '"]' }].map(key)).size).toBe(4);
    const claim = (a: unknown): string =>
      limitKeyText(limitKeyValues({ claim: ["a"] }, facts({ identity: { ...alice, claims: { a } } })));
    expect(new Set([1, "1", true, "true", null, "number", "boolean"].map(claim)).size).toBe(7);
  });

  test("of two issuers with equal subjects stay apart", () => {
    const key = (issuer: string, sub: string): string =>
      limitKeyText(limitKeyValues("identity", facts({ identity: { ...alice, issuer, sub } })));
    expect(key("https://a.example", "alice")).not.toBe(key("https://b.example", "alice"));
    expect(key("https://a.example|x", "alice")).not.toBe(key("https://a.example", "x|alice"));
  });
});

test("a long key is one that is hashed", () => {
  const { keyCharsMax } = limits.rateLimit;
  const key = (chars: number): string =>
    limitKeyText(limitKeyValues({ header: "a" }, facts({ headers: { a: "x".repeat(chars) } })));
  const around = key(1).length - 1;
  expect(isLongKey(key(keyCharsMax - around))).toBe(false);
  expect(isLongKey(key(keyCharsMax - around + 1))).toBe(true);
});
