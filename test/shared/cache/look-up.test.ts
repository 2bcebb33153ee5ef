import { describe, expect, test } from "vitest";
import { cacheKeysOf, collapseKeyOf } from "../../../shared/cache/cache-key.ts";
import { lookUp } from "../../../shared/cache/look-up.ts";
import type { CacheSettings } from "../../../shared/cache/settings.ts";
import { CacheWorld, cacheRequest, type OriginAnswer, type Pairs } from "../../support/cache-world.ts";

/** A world that has one answer already. */
function holding(fields: Pairs, settings: CacheSettings = {}, request = cacheRequest()): CacheWorld {
  const world = new CacheWorld(() => ({ status: 200, fields, body: "0123456789" }), settings);
  world.send(request);
  return world;
}
const control = (text: string): Pairs => [["cache-control", text]];
const how = (world: CacheWorld, fields: Pairs = [], changes: Parameters<typeof cacheRequest>[0] = {}): string => {
  const { verdict } = world.send(cacheRequest({ ...changes, fields }));
  return verdict.kind === "forward" ? `${verdict.way} ${verdict.why}` : verdict.kind;
};

describe("what serves, RFC 9111 section 4", () => {
  test("section 4.2: fresh until its lifetime is over, and not in that moment", () => {
    const world = holding(control("max-age=10"));
    world.nowMs += 9_999;
    expect(how(world)).toBe("hit");
    world.nowMs += 1;
    expect(how(world)).toBe("store stale");
  });

  test("what is stored for a GET serves a HEAD, and no other method", () => {
    const world = holding(control("max-age=10"));
    expect(world.send(cacheRequest({ method: "HEAD" }))).toMatchObject({
      status: 200,
      body: "",
      verdict: { kind: "hit" },
    });
    for (const method of ["OPTIONS", "TRACE", "POST", "M-SEARCH", "get"])
      expect(how(world, [], { method })).toBe("pass method");
  });

  test("section 4.2.4: stale while it is revalidated, and no longer", () => {
    const world = holding(control("max-age=10, stale-while-revalidate=5"));
    world.nowMs += 14_999;
    expect(how(world)).toBe("stale");
    expect(how(world)).toBe("hit");
    world.nowMs += 15_000;
    expect(how(world)).toBe("store stale");
  });

  test("section 9.3.1 of RFC 9110: the content of a GET makes an answer of its own", () =>
    expect(how(holding(control("max-age=10")), [], { hasContent: true })).toBe("pass bypass"));

  test("section 4.3.2: conditions of the origin are the origin's to judge", () => {
    const world = holding([...control("max-age=10"), ["etag", '"a"']]);
    expect(how(world, [["if-match", '"a"']])).toBe("pass request");
    expect(how(world, [["if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"]])).toBe("pass request");
  });

  test("RFC 10008 section 2.7: a QUERY whose content nobody read is not for the cache", () => {
    expect(how(holding(control("max-age=10")), [], { method: "QUERY", hasContent: true })).toBe("pass bypass");
    const query = { method: "QUERY", hasContent: true, contentDigest: "d" };
    const world = holding(control("max-age=10"), {}, cacheRequest(query));
    expect(how(world, [], query)).toBe("hit");
    expect(how(world, [], { ...query, contentDigest: "e" })).toBe("store uri-miss");
  });

  test("a request without a key passes", () =>
    expect(lookUp(undefined, [], cacheRequest(), {}, 0)).toMatchObject({ way: "pass", why: "bypass" }));
});

describe("what the client asks, RFC 9111 section 5.2.1", () => {
  const aged = () => {
    const world = holding([...control("max-age=100"), ["age", "50"]]);
    world.nowMs += 10_000;
    return world;
  };

  test.each([
    ["max-age=60", "hit"],
    ["max-age=59", "store request"],
    ["max-age=0", "store request"],
    ["min-fresh=40", "hit"],
    ["min-fresh=41", "store request"],
    ["no-cache", "store request"],
    ["no-store", "pass request"],
    ["only-if-cached", "hit"],
    ["only-if-cached, no-cache", "unavailable"],
    ["max-stale", "hit"],
  ])("%s of what is 60 s old and fresh for 40 more: %s", (directive, expected) =>
    expect(how(aged(), control(directive))).toBe(expected),
  );

  test.each([
    ["max-stale", "hit"],
    ["max-stale=20", "hit"],
    ["max-stale=19", "store stale"],
    ["max-stale=x", "store stale"],
    ["max-stale, max-age=60", "store stale"],
    ["only-if-cached", "unavailable"],
    ["only-if-cached, max-stale", "hit"],
  ])("%s of what is stale for 20 s: %s", (directive, expected) => {
    const world = aged();
    world.nowMs += 60_000;
    expect(how(world, control(directive))).toBe(expected);
  });

  test("section 5.2.1.7: nothing is stored, so 504", () => {
    const world = new CacheWorld(() => ({ status: 200, fields: [], body: "" }));
    expect(world.send(cacheRequest({ fields: control("only-if-cached") }))).toMatchObject({ status: 504 });
    expect(world.asked).toEqual([]);
  });

  test("max-stale is no word against the answer's own", () => {
    for (const forbids of ["max-age=10, must-revalidate", "max-age=10, proxy-revalidate", "s-maxage=10"]) {
      const world = holding([...control(forbids), ["etag", '"a"']]);
      world.nowMs += 11_000;
      expect(how(world, control("max-stale"))).toBe("store stale");
    }
  });

  test("a route may not listen to it", () => {
    for (const directive of ["no-cache", "no-store", "max-age=0", "only-if-cached"])
      expect(how(holding(control("max-age=10"), { ignoreClient: true }), control(directive))).toBe("hit");
  });

  test("RFC 8246 section 2: a reload of what never changes is no question, no-cache is one", () => {
    const world = holding(control("max-age=10, immutable"));
    world.nowMs += 5_000;
    expect(how(world, control("max-age=0"))).toBe("hit");
    expect(how(world, control("no-cache"))).toBe("store request");
    world.nowMs += 10_000;
    expect(how(world, control("max-age=0"))).toBe("store stale");
  });
});

describe("which requests may wait for one another", () => {
  const collapsible = (fields: Pairs, changes: Parameters<typeof cacheRequest>[0] = {}): boolean => {
    const verdict = lookUp({ own: "k" }, [], cacheRequest({ ...changes, fields }), {}, 0);
    return verdict.kind === "forward" && verdict.collapsible;
  };

  test("those that ask for nothing of their own", () => {
    expect(collapsible([])).toBe(true);
    expect(collapsible([["if-none-match", '"a"']])).toBe(true);
    for (const own of ["no-cache", "max-age=0", "min-fresh=1", "no-store"])
      expect(collapsible(control(own))).toBe(false);
    expect(collapsible([["range", "bytes=0-1"]])).toBe(false);
    expect(collapsible([], { authorized: true })).toBe(false);
    expect(collapsible([], { method: "HEAD" })).toBe(false);
    expect(collapsible([], { method: "POST" })).toBe(false);
  });

  test("nobody waits for an answer that is never fresh: each has to be confirmed by itself", () => {
    for (const text of ["no-cache", "max-age=0", "max-age=0, stale-if-error=60"]) {
      const { verdict } = holding([...control(text), ["etag", '"a"']]).send(cacheRequest());
      expect(verdict).toMatchObject({ kind: "forward", why: "stale", collapsible: false });
    }
    const world = holding([...control("max-age=1"), ["etag", '"a"']]);
    world.nowMs += 2_000;
    expect(world.send(cacheRequest()).verdict).toMatchObject({ why: "stale", collapsible: true });
  });

  test("nobody waits for an answer that is for another Vary", () => {
    const fields: Pairs = [...control("max-age=10"), ["vary", "accept-language, x-device"]];
    const world = holding(fields, {}, cacheRequest({ fields: [["accept-language", "de"]] }));
    const waitsFor = (...own: Pairs): string => {
      const request = cacheRequest({ fields: own });
      const keys = cacheKeysOf(request, {});
      const verdict = lookUp(keys, world.heads, request, {}, world.nowMs);
      if (keys === undefined || verdict.kind !== "forward") throw new Error(verdict.kind);
      return collapseKeyOf(keys, request, {}, verdict);
    };
    const english = waitsFor(["accept-language", "en"], ["x-other", "1"]);
    expect(waitsFor(["Accept-Language", "en;q=1.0"])).toBe(english);
    expect(waitsFor(["accept-language", "fr"])).not.toBe(english);
    expect(waitsFor(["accept-language", "en"], ["x-device", "phone"])).not.toBe(english);
    expect(waitsFor()).not.toBe(english);
  });
});

describe("variants, RFC 9111 section 4.1", () => {
  const echo = (vary: string, settings: CacheSettings = {}) =>
    new CacheWorld(
      ({ fields }): OriginAnswer => ({
        status: 200,
        fields: [...control("max-age=100"), ["vary", vary]],
        body: `${fields.get("foo")}/${fields.get("accept-language")}`,
      }),
      settings,
    );

  test("a request gets what was stored for its own fields", () => {
    const world = echo("Foo");
    for (const foo of ["1", "2", undefined])
      world.send(cacheRequest({ fields: foo === undefined ? [] : [["foo", foo]] }));
    expect(
      world.send(
        cacheRequest({
          fields: [
            ["foo", "1"],
            ["other", "x"],
          ],
        }),
      ),
    ).toMatchObject({ body: "1/null", verdict: { kind: "hit" } });
    expect(world.send(cacheRequest())).toMatchObject({ body: "null/null", verdict: { kind: "hit" } });
    expect(how(world, [["foo", "3"]])).toBe("store vary-miss");
  });

  test.each(["*", "*, *", ", *", "Foo, *", "*, Foo", Array.from({ length: 17 }, (_, at) => `f${at}`).join()])(
    "Vary: %s selects nothing",
    (vary) => {
      const world = echo(vary);
      expect(world.send(cacheRequest()).judgement?.notStored).toBe("vary");
      expect(how(world)).toBe("store uri-miss");
    },
  );

  test.each<[string, string]>([
    ["en, de", "de, en"],
    ["en, de", "eN, De"],
    ["en, de", " en ,   de"],
    ["en;q=1.0, de;q=0.50", "de;q=0.5,en"],
  ])("Accept-Language: %s and %s say the same", (one, other) => {
    const world = echo("Accept-Language");
    world.send(cacheRequest({ fields: [["accept-language", one]] }));
    expect(how(world, [["accept-language", other]])).toBe("hit");
  });

  test.each<[string, string]>([
    ["en, de;q=0.5", "en;q=0.5, de"],
    ["en, de;q=0", "en, de"],
    ["en", "en, de"],
    ["en;q=0.5", "en;q=0.55"],
  ])("Accept-Language: %s and %s do not", (one, other) => {
    const world = echo("Accept-Language");
    world.send(cacheRequest({ fields: [["accept-language", one]] }));
    expect(how(world, [["accept-language", other]])).toBe("store vary-miss");
  });

  test("white space around commas says nothing, in quotes it does", () => {
    const world = echo("Foo");
    world.send(cacheRequest({ fields: [["foo", '1,2,"a, b"']] }));
    expect(how(world, [["foo", ' 1, 2 , "a, b" ']])).toBe("hit");
    expect(how(world, [["foo", '1,2,"a,b"']])).toBe("store vary-miss");
  });

  test("credentials are not written down, their absence is", () => {
    const world = echo("Cookie, Authorization");
    expect(world.send(cacheRequest({ fields: [["cookie", "a=1"]] })).judgement?.notStored).toBe("vary-credentials");
    world.send(cacheRequest());
    expect(how(world)).toBe("hit");
    expect(how(world, [["cookie", "a=1"]])).toBe("store vary-miss");
  });

  test("an answer that allows one origin alone is for requests from there", () => {
    const allowing = (allowed: string) =>
      new CacheWorld(() => ({
        status: 200,
        fields: [...control("max-age=100"), ["access-control-allow-origin", allowed]],
        body: "",
      }));
    const from = (origin: string): Pairs => [["origin", origin]];
    const reflecting = allowing("https://a.example");
    reflecting.send(cacheRequest({ fields: from("https://a.example") }));
    expect(how(reflecting, from("https://a.example"))).toBe("hit");
    expect(how(reflecting, from("https://b.example"))).toBe("store vary-miss");
    const open = allowing("*");
    open.send(cacheRequest({ fields: from("https://a.example") }));
    expect(how(open, from("https://b.example"))).toBe("hit");
  });

  test("of several that are selected the newest counts", () => {
    let answers = 0;
    const world = new CacheWorld((): OriginAnswer => {
      answers++;
      const vary: Pairs = answers === 1 ? [] : [["vary", "foo"]];
      return { status: 200, fields: [...control("max-age=100"), ...vary], body: String(answers) };
    });
    world.send(cacheRequest());
    world.nowMs += 1_000;
    world.send(
      cacheRequest({
        fields: [
          ["foo", "1"],
          ["cache-control", "no-cache"],
        ],
      }),
    );
    expect(world.send(cacheRequest({ fields: [["foo", "1"]] })).body).toBe("2");
  });
});
