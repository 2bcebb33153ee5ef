import { describe, expect, test } from "vitest";
import { answerDirectives } from "../../../shared/cache/answer-directives.ts";
import { requestDirectives } from "../../../shared/cache/request-directives.ts";
import { fieldSet, type Pairs } from "../../support/cache-world.ts";

const answer = (...pairs: Pairs) => answerDirectives(fieldSet(pairs));
const control = (text: string) => answer(["cache-control", text]);
const asked = (...pairs: Pairs) => requestDirectives(fieldSet(pairs));

describe("Cache-Control of an answer, RFC 9111 section 5.2", () => {
  test("names have no case, both forms of a value are read, others are ignored", () => {
    expect(control("MaX-aGe=3600, foo, bar=baz")).toMatchObject({ maxAge: 3600 });
    expect(control('max-age="3600"')).toMatchObject({ maxAge: 3600 });
    expect(control("max-age=003600")).toMatchObject({ maxAge: 3600 });
  });

  test("section 1.2.2: numbers that are too great count as 2^31", () => {
    expect(control("max-age=99999999999").maxAge).toBe(2 ** 31);
    expect(control(`max-age=${"9".repeat(400)}`).maxAge).toBe(2 ** 31);
  });

  test.each(["'3600'", "-3600", "3600.0", "a3600", "3600a", "", '"', '"3600', "36 00", "=1"])(
    "section 4.2.1: max-age=%s is no lifetime, and 0",
    (value) => expect(control(`max-age=${value}`).maxAge).toBe(0),
  );

  test("space around = makes a value none", () => {
    expect(control("max-age =3600").maxAge).toBe(0);
    expect(control("max-age= 3600").maxAge).toBe(0);
  });

  test("section 4.2.1: of several the least counts, on one line or two", () => {
    expect(control("max-age=1800, max-age=1").maxAge).toBe(1);
    expect(answer(["cache-control", "max-age=1"], ["cache-control", "max-age=1800"]).maxAge).toBe(1);
    expect(control("max-age=1800, max-age=x").maxAge).toBe(0);
  });

  test("what stands in quotes is no directive", () => {
    expect(control('extension="max-age=3600, no-store", max-age=1')).toMatchObject({ maxAge: 1, noStore: false });
    expect(control('extension="a\\", max-age=3600", max-age=1').maxAge).toBe(1);
  });

  test("nothing hides behind a quote that is not closed", () => {
    expect(control('extension="foo, no-store')).toMatchObject({ noStore: true });
  });

  test("what forbids counts with whatever value, what allows only as it is defined", () => {
    expect(control("no-store=1, private=, no-cache;x")).toMatchObject({ noStore: true, private: true, noCache: true });
    expect(control("public=1, must-understand=x, immutable=2")).toMatchObject({
      public: false,
      mustUnderstand: false,
      immutable: false,
    });
  });

  test("sections 5.2.2.4 and 5.2.2.7: named fields are left out, and the rest may be used", () => {
    expect(control('no-cache="A, b", private=c')).toMatchObject({
      noCache: false,
      private: false,
      unstored: ["a", "b", "c"],
    });
    expect(control('private="a b"')).toMatchObject({ private: true, unstored: [] });
  });
});

describe("targeted fields, RFC 9213", () => {
  const targeted = (text: string) => answer(["cache-control", "max-age=1, no-store"], ["cdn-cache-control", text]);

  test("section 2.2: the first valid one replaces Cache-Control whole", () => {
    expect(targeted("max-age=60")).toMatchObject({ maxAge: 60, noStore: false, targeted: true });
    expect(answer(["cdn-cache-control", "max-age=60"], ["selvage-cache-control", "private"])).toMatchObject({
      private: true,
      targeted: true,
    });
    expect(answer(["cdn-cache-control", "max-age=60"], ["selvage-cache-control", "&"]).maxAge).toBe(60);
  });

  test.each(["", " ", "max-age=10000, &&&&&", "MaX-aGe=3600", "max-age =100", "max-age= 100", "max-age=60,"])(
    "section 2.1: %j is ignored",
    (text) => expect(targeted(text)).toMatchObject({ noStore: true, maxAge: 1, targeted: false }),
  );

  test("section 2.1: values of another type are not consumed", () => {
    expect(targeted('max-age="10000"').maxAge).toBe(0);
    expect(targeted("max-age=1.5").maxAge).toBe(0);
    expect(targeted("max-age=abc").maxAge).toBe(0);
    expect(targeted("max-age=-1").maxAge).toBe(0);
    expect(targeted("public=?0, max-age=60").public).toBe(false);
    expect(targeted("no-store=?0").noStore).toBe(true);
    expect(targeted('private="a", max-age=60;x=y')).toMatchObject({ private: false, unstored: ["a"], maxAge: 60 });
  });
});

describe("Cache-Control of a request, RFC 9111 section 5.2.1", () => {
  test("its directives, the careful one of several", () => {
    expect(
      asked(["cache-control", "max-age=60, max-age=30, min-fresh=5, min-fresh=9, max-stale=10, max-stale"]),
    ).toEqual({
      noCache: false,
      noStore: false,
      onlyIfCached: false,
      maxAge: 30,
      minFresh: 9,
      maxStale: 10,
    });
    expect(asked(["cache-control", "max-stale"]).maxStale).toBe(Infinity);
    expect(asked(["cache-control", "max-stale=x, max-age=x, min-fresh=x"])).toMatchObject({
      maxStale: 0,
      maxAge: 0,
      minFresh: Infinity,
    });
    expect(asked(["cache-control", "No-Cache, ONLY-IF-CACHED, no-store"])).toMatchObject({
      noCache: true,
      onlyIfCached: true,
      noStore: true,
    });
  });

  test("section 5.4: Pragma counts only where there is no Cache-Control", () => {
    expect(asked(["pragma", "No-Cache"]).noCache).toBe(true);
    expect(asked(["pragma", "foo"]).noCache).toBe(false);
    expect(asked(["pragma", "no-cache"], ["cache-control", "max-age=10"]).noCache).toBe(false);
  });
});
