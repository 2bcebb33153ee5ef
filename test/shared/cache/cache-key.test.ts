import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cacheKeysOf, collapseKeyOf, keyedTarget } from "../../../shared/cache/cache-key.ts";
import type { CacheRequest } from "../../../shared/cache/cache-request.ts";
import { keyedQuery } from "../../../shared/cache/keyed-query.ts";
import { partitionOf } from "../../../shared/cache/partition.ts";
import type { CacheSettings } from "../../../shared/cache/settings.ts";
import { anonymous, type Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import { cacheRequest } from "../../support/cache-world.ts";

const own = (request: CacheRequest, settings: CacheSettings = {}): string | undefined =>
  cacheKeysOf(request, settings)?.own;

describe("cache keys, RFC 9111 section 2", () => {
  test("scheme, host, port, route, who answers, path, query and partition tell answers apart", () => {
    const changes: Parameters<typeof cacheRequest>[0][] = [
      {},
      { scheme: "http" },
      { authority: "other.example" },
      { authority: "shop.example:8443" },
      { route: "carts" },
      { source: "service carts" },
      { path: "/Orders" },
      { query: "?a=1" },
      { query: "?a=2" },
      { query: "?" },
      { partition: "a" },
      { partition: "b" },
    ];
    expect(new Set(changes.map((change) => own(cacheRequest(change)))).size).toBe(changes.length);
  });

  test("the host has no case, and GET, HEAD and what makes a GET invalid have one key", () => {
    expect(own(cacheRequest({ authority: "Shop.Example" }))).toBe(own(cacheRequest()));
    for (const method of ["HEAD", "POST"]) expect(own(cacheRequest({ method }))).toBe(own(cacheRequest()));
  });

  test("RFC 10008 section 2.7: a QUERY is told apart by its content and what describes it", () => {
    const query = (contentDigest: string, type = "application/json") =>
      own(cacheRequest({ method: "QUERY", contentDigest, fields: [["content-type", type]] }));
    const keys = [query("a"), query("b"), query("a", "text/plain"), own(cacheRequest())];
    expect(new Set(keys).size).toBe(4);
  });

  test("fields that the route names, absent ones told from empty ones", () => {
    const settings = { keyFields: ["x-canary", "x-tenant"] };
    const key = (...fields: [string, string][]) => own(cacheRequest({ fields }), settings);
    const keys = [key(), key(["x-canary", ""]), key(["x-canary", "1"]), key(["x-tenant", "1"]), key(["x-canary", "-"])];
    expect(new Set(keys).size).toBe(keys.length);
    expect(key(["x-other", "1"])).toBe(key());
  });

  test("what is too long tells nothing apart, and has no key", () => {
    const { selectingCharsMax, targetCharsMax } = limits.cache;
    const settings = { keyFields: ["x-tenant"] };
    expect(cacheKeysOf(cacheRequest({ path: `/${"a".repeat(targetCharsMax - 1)}` }), {})).toBeDefined();
    expect(cacheKeysOf(cacheRequest({ path: `/${"a".repeat(targetCharsMax)}` }), {})).toBeUndefined();
    const tenant = (chars: number) => cacheRequest({ fields: [["x-tenant", "a".repeat(chars)]] });
    expect(cacheKeysOf(tenant(selectingCharsMax), settings)).toBeDefined();
    expect(cacheKeysOf(tenant(selectingCharsMax + 1), settings)).toBeUndefined();
  });

  test("no part of a key passes for another one", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "1", ":", "@", "-", "Q"), maxLength: 6 });
    const parts = fc.record({
      authority: text,
      route: text,
      source: text,
      path: text,
      partition: text,
      field: fc.option(text),
    });
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const [first, second] = [one, other].map(({ field, ...request }) =>
          own(
            { ...cacheRequest(request), fields: new Map(field === null ? [] : [["x-a", field]]) },
            { keyFields: ["x-a"] },
          ),
        );
        const same = { ...one, authority: one.authority.toLowerCase() };
        expect(first === second).toBe(
          JSON.stringify(same) === JSON.stringify({ ...other, authority: other.authority.toLowerCase() }),
        );
      }),
    );
  });

  test("the shared key is that of everybody, only where the route shares", () => {
    const settings = { shared: true } as const;
    const keys = cacheKeysOf(cacheRequest({ partition: "a" }), settings);
    expect(keys?.shared).toBe(cacheKeysOf(cacheRequest({ partition: "b" }), settings)?.shared);
    expect(keys?.shared).toBe(cacheKeysOf(cacheRequest(), settings)?.shared);
    expect(keys?.shared).not.toBe(own(cacheRequest()));
    expect(keys?.own).toBe(own(cacheRequest({ partition: "a" })));
    expect(cacheKeysOf(cacheRequest({ partition: "a" }), {})).not.toHaveProperty("shared");
  });

  test("those with cookies wait apart from those without", () => {
    const cookie = cacheRequest({ fields: [["cookie", "a=1"]] });
    const keys = { own: "o", shared: "s" };
    expect(collapseKeyOf(keys, cacheRequest(), {}, {})).toBe("s");
    expect(collapseKeyOf(keys, cookie, {}, {})).not.toBe("s");
    expect(collapseKeyOf(keys, cookie, { ignoreCookies: true }, {})).toBe("s");
  });
});

describe("the query of a key", () => {
  const query = "?b=2&utm_source=x&a=1&b=1&&c";

  test.each<[CacheSettings["query"], string]>([
    [undefined, query],
    [{}, query],
    [{ ignore: ["utm_source", "c"] }, "?b=2&a=1&b=1&"],
    [{ only: ["a", "b"] }, "?b=2&a=1&b=1"],
    [{ only: ["z"] }, ""],
    [{ only: ["a", "b"], sort: true }, "?a=1&b=2&b=1"],
    [{ sort: true }, "?&a=1&b=2&b=1&c&utm_source=x"],
  ])("%j", (settings, expected) => expect(keyedQuery(query, settings)).toBe(expected));

  test("names are compared as a server reads them", () => {
    expect(keyedQuery("?utm%5Fsource=x&a+b=1&%zz=2", { ignore: ["utm_source", "a b"] })).toBe("?%zz=2");
  });

  test("one with too many parameters to choose among has no key", () => {
    const many = (count: number) => `?${Array.from({ length: count }, () => "a").join("&")}`;
    const { queryParametersMax } = limits.cache;
    expect(keyedQuery(many(queryParametersMax), { ignore: ["b"] })).toBe(many(queryParametersMax));
    expect(keyedQuery(many(queryParametersMax + 1), { ignore: ["b"] })).toBeUndefined();
    expect(keyedTarget(cacheRequest({ query: "?a=1&b=2" }), { query: { only: ["b"] } })).toBe("/orders?b=2");
  });
});

describe("partitions", () => {
  const alice: Identity = {
    ...anonymous,
    method: "jwt",
    issuer: "https://a.example",
    sub: "alice",
    scopes: ["a", "b"],
  };
  const told = { fields: [], context: "" };

  test("whoever the upstream can tell apart has one of their own", () => {
    const partitions = [
      partitionOf(anonymous, told),
      partitionOf(anonymous, { ...told, context: '{"region":"eu"}' }),
      partitionOf(alice, told),
      partitionOf({ ...alice, sub: "bob" }, told),
      partitionOf({ ...alice, issuer: "https://b.example" }, told),
      partitionOf({ ...alice, method: "api-key" }, told),
      partitionOf({ ...alice, scopes: ["a"] }, told),
      partitionOf({ ...alice, scopes: ["a b"] }, told),
      partitionOf({ ...alice, consumer: "shop" }, told),
      partitionOf(alice, { ...told, fields: [["x-tenant", "t1"]] }),
      partitionOf(alice, { ...told, context: '{"tenant":"t1"}' }),
    ];
    expect(new Set(partitions).size).toBe(partitions.length);
    expect(partitions[0]).toBe("");
  });

  test("the order of scopes and what nobody behind is told make no difference", () => {
    expect(partitionOf({ ...alice, scopes: ["b", "a"], claims: { jti: "1" }, groups: ["x"] }, told)).toBe(
      partitionOf(alice, told),
    );
  });
});
