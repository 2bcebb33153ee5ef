import { describe, expect, test } from "vitest";
import { cacheStatus } from "../../../shared/cache/cache-status.ts";
import { forwardEdits } from "../../../shared/cache/forward-edits.ts";
import type { CacheSettings } from "../../../shared/cache/settings.ts";
import { isUnkeyed } from "../../../shared/cache/unkeyed-fields.ts";
import { FORWARDING_FIELDS } from "../../../shared/http/forwarding-fields.ts";
import { CacheWorld, cacheRequest, type Pairs } from "../../support/cache-world.ts";

/** Fields that published attacks on caches used. */
const poisons = [
  ["x-forwarded-scheme", "http"],
  ["x-forwarded-port", "1"],
  ["x-forwarded-prefix", "/evil"],
  ["x-host", "evil.example"],
  ["x-http-host-override", "evil.example"],
  ["x-original-url", "/admin"],
  ["x-rewrite-url", "/admin"],
  ["x-http-method-override", "POST"],
  ["x-method-override", "HEAD"],
  ["x-middleware-prefetch", "1"],
  ["x-invoke-status", "500"],
  ["X_Rewrite_URL", "/admin"],
  ["x-oversized-header", "a"],
  ["max-forwards", "0"],
] as const;

describe("nothing that is not in the key makes an answer that is stored", () => {
  test.each(poisons)("%s is not sent", (name, value) => {
    const world = new CacheWorld(({ fields }) => ({
      status: 200,
      fields: [["cache-control", "max-age=60"]],
      body: fields.get(name) ?? "clean",
    }));
    expect(world.send(cacheRequest({ fields: [[name, value]] })).body).toBe("clean");
    expect(world.send(cacheRequest())).toMatchObject({ body: "clean", verdict: { kind: "hit" } });
  });

  test("one that the route has in its key is sent, and is in the key", () => {
    const world = new CacheWorld(
      ({ fields }) => ({
        status: 200,
        fields: [["cache-control", "max-age=60"]],
        body: fields.get("x-host") ?? "none",
      }),
      { keyFields: ["x-host"] },
    );
    expect(world.send(cacheRequest({ fields: [["x-host", "a"]] })).body).toBe("a");
    expect(world.send(cacheRequest()).body).toBe("none");
    expect(world.send(cacheRequest({ fields: [["x-host", "a"]] }))).toMatchObject({
      body: "a",
      verdict: { kind: "hit" },
    });
  });

  test("what the route itself sets goes on", () => {
    const request = cacheRequest({
      fields: [
        ["x-original-url", "/a"],
        ["x-host", "b"],
      ],
    });
    const settings: CacheSettings = { ownFields: ["x-original-url"] };
    expect(forwardEdits({ way: "store", held: [] }, request, settings).remove).not.toContain("x-original-url");
    expect(forwardEdits({ way: "store", held: [] }, request, settings).remove).toContain("x-host");
  });

  test("what the edge itself says of the client goes on", () => {
    for (const name of FORWARDING_FIELDS) expect(isUnkeyed(name)).toBe(false);
    for (const name of ["accept", "user-agent", "x-request-id", "traceparent", "if-none-match"])
      expect(isUnkeyed(name)).toBe(false);
  });

  test("parameters that the route ignores are not sent, nor cookies that mean nothing", () => {
    const settings: CacheSettings = { query: { ignore: ["utm"] }, ignoreCookies: true };
    const world = new CacheWorld(
      ({ fields, query }) => ({
        status: 200,
        fields: [["cache-control", "max-age=60"]],
        body: `${query}${fields.get("cookie")}`,
      }),
      settings,
    );
    const request = cacheRequest({ query: "?utm=evil&a=1", fields: [["cookie", "a=b"]] });
    expect(world.send(request).body).toBe("?a=1null");
  });

  test("a request that is not cached goes as it is", () => {
    const fields: Pairs = [
      ["x-host", "a"],
      ["cookie", "a=b"],
      ["if-none-match", '"a"'],
      ["range", "bytes=0-1"],
    ];
    const request = cacheRequest({ method: "POST", query: "?utm=1", fields });
    const settings: CacheSettings = { query: { ignore: ["utm"] }, ignoreCookies: true };
    expect(forwardEdits({ way: "pass", held: [] }, request, settings)).toEqual({
      remove: [],
      set: [],
      query: "?utm=1",
    });
  });

  test("a part that nothing is held of is asked for as a part, its conditions included", () => {
    const request = cacheRequest({
      fields: [
        ["range", "bytes=0-1"],
        ["if-range", '"a"'],
        ["if-none-match", '"b"'],
      ],
    });
    expect(forwardEdits({ way: "store", held: [] }, request, {}).remove).toEqual([]);
    expect(forwardEdits({ way: "store", held: [], background: true }, request, {}).remove).toEqual([
      "if-none-match",
      "if-modified-since",
      "range",
      "if-range",
    ]);
  });
});

describe("Cache-Status, RFC 9211", () => {
  test.each<[Parameters<typeof cacheStatus>, string]>([
    [[{ hit: true, ttlMs: 30_999 }], "selvage;hit;ttl=30"],
    [[{ hit: true, ttlMs: -1 }], "selvage;hit;ttl=-1"],
    [
      [{ fwd: "uri-miss", fwdStatus: 200, stored: true, collapsed: true }],
      "selvage;fwd=uri-miss;fwd-status=200;stored;collapsed",
    ],
    [
      [{ fwd: "stale", fwdStatus: 503, detail: "stale-if-error" }],
      "selvage;fwd=stale;fwd-status=503;detail=stale-if-error",
    ],
    [[{ fwd: "bypass" }, "origin;hit"], "origin;hit, selvage;fwd=bypass"],
  ])("%j is %s", (status, expected) => expect(cacheStatus(...status)).toBe(expected));
});
