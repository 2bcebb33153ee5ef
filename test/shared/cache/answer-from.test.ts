import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { requestedRange } from "../../../shared/cache/byte-range.ts";
import { limits } from "../../../shared/limits.ts";
import { CacheWorld, cacheRequest, type Pairs, type WorldAnswer } from "../../support/cache-world.ts";

const modified = "Thu, 01 Jan 2026 00:00:00 GMT";
const later = "Fri, 02 Jan 2026 00:00:00 GMT";
const stored: Pairs = [
  ["cache-control", "max-age=1000"],
  ["etag", '"a"'],
  ["last-modified", modified],
  ["vary", "foo"],
  ["content-type", "text/plain"],
  ["content-length", "10"],
  ["content-location", "/a"],
  ["x-a", "1"],
];

function hit(
  fields: Pairs,
  { method = "GET", status = 200, of = stored }: { method?: string; status?: number; of?: Pairs } = {},
): WorldAnswer {
  const world = new CacheWorld(() => ({ status, fields: of, body: "0123456789" }));
  world.send(cacheRequest());
  world.nowMs += 5_500;
  const answer = world.send(cacheRequest({ method, fields }));
  expect(answer.verdict.kind).toBe("hit");
  return answer;
}
const names = ({ fields }: WorldAnswer): string[] => fields.map(([name]) => name);
const without = (...gone: string[]): Pairs => stored.filter(([name]) => !gone.includes(name));

describe("answers from what is stored, RFC 9111 section 4", () => {
  test("the whole, with its age in whole seconds", () =>
    expect(hit([])).toMatchObject({ status: 200, body: "0123456789", ageSeconds: 5 }));

  test("a HEAD has the fields and no content", () =>
    expect(hit([], { method: "HEAD" })).toMatchObject({ status: 200, body: "", fields: hit([]).fields }));
});

describe("conditions, RFC 9110 section 13 and RFC 9111 section 4.3.2", () => {
  test.each<[Pairs, number]>([
    [[["if-none-match", '"a"']], 304],
    [[["if-none-match", 'W/"a"']], 304],
    [[["if-none-match", '"x", "a", "y"']], 304],
    [[["if-none-match", '"x", W/"a"']], 304],
    [[["if-none-match", "*"]], 304],
    [[["if-none-match", '"b"']], 200],
    [[["if-none-match", "a"]], 200],
    [[["if-none-match", ""]], 200],
    [[["if-modified-since", modified]], 304],
    [[["if-modified-since", later]], 304],
    [[["if-modified-since", "Thursday, 01-Jan-26 00:00:00 GMT"]], 304],
    [[["if-modified-since", "Wed, 31 Dec 2025 23:59:59 GMT"]], 200],
    [[["if-modified-since", "yesterday"]], 200],
    [
      [
        ["if-none-match", '"b"'],
        ["if-modified-since", modified],
      ],
      200,
    ],
    [
      [
        ["if-none-match", '"a"'],
        ["if-modified-since", "Wed, 31 Dec 2025 23:59:59 GMT"],
      ],
      304,
    ],
  ])("%j: %i", (fields, status) => {
    expect(hit(fields).status).toBe(status);
    expect(hit(fields, { method: "HEAD" }).status).toBe(status);
  });

  test("section 4.3.2: without Last-Modified by Date", () => {
    const of = without("last-modified");
    expect(hit([["if-modified-since", "Sat, 21 Nov 2026 12:00:00 GMT"]], { of }).status).toBe(304);
    expect(hit([["if-modified-since", "Sat, 21 Nov 2026 11:59:59 GMT"]], { of }).status).toBe(200);
  });

  test("section 13.2.1: errors have no conditions", () =>
    expect(hit([["if-none-match", '"a"']], { status: 404 }).status).toBe(404));

  test("a tag with a comma is one tag, and a weak mark is of upper case", () => {
    const of = [...without("etag"), ["etag", '"a,b"']] as Pairs;
    expect(hit([["if-none-match", '"x", "a,b"']], { of }).status).toBe(304);
    expect(hit([["if-none-match", 'w/"a"']]).status).toBe(200);
  });

  test("no more tags are looked at than the bound", () => {
    const tags = (before: number) => `${Array.from({ length: before }, (_, at) => `"${at}"`).join(",")},"a"`;
    const { entityTagsMax } = limits.cache;
    expect(hit([["if-none-match", tags(entityTagsMax - 1)]]).status).toBe(304);
    expect(hit([["if-none-match", tags(entityTagsMax)]]).status).toBe(200);
  });

  test("RFC 9110 section 15.4.5: a 304 has the fields of a 200 but those about content", () => {
    expect(names(hit([["if-none-match", '"a"']]))).toEqual([
      "cache-control",
      "content-location",
      "etag",
      "vary",
      "x-a",
      "date",
    ]);
    expect(names(hit([["if-modified-since", modified]], { of: without("etag") }))).toContain("last-modified");
  });
});

describe("ranges, RFC 9110 section 14", () => {
  test.each<[string, number, string, string | undefined]>([
    ["bytes=0-1", 206, "01", "bytes 0-1/10"],
    ["bytes=0-0", 206, "0", "bytes 0-0/10"],
    ["bytes=8-", 206, "89", "bytes 8-9/10"],
    ["bytes=8-99", 206, "89", "bytes 8-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=-99", 206, "0123456789", "bytes 0-9/10"],
    ["BYTES=1-2", 206, "12", "bytes 1-2/10"],
    ["bytes=10-", 416, "", "bytes */10"],
    ["bytes=-0", 416, "", "bytes */10"],
    ["bytes=2-1", 200, "0123456789", undefined],
    ["bytes=-", 200, "0123456789", undefined],
    ["bytes=a-b", 200, "0123456789", undefined],
    ["bytes=0-1,3-4", 200, "0123456789", undefined],
    ["items=0-1", 200, "0123456789", undefined],
  ])("%s: %i", (range, status, body, contentRange) => {
    const answer = hit([["range", range]]);
    expect(answer).toMatchObject({ status, body, ageSeconds: 5 });
    expect(answer.fields.find(([name]) => name === "content-range")?.[1]).toBe(contentRange);
    const length = answer.fields.filter(([name]) => name === "content-length").map(([, value]) => value);
    expect(length).toEqual(status === 416 ? [] : [String(body.length)]);
  });

  test("section 14.2: of a GET, and of a 200 alone", () => {
    expect(hit([["range", "bytes=0-1"]], { method: "HEAD" }).status).toBe(200);
    expect(hit([["range", "bytes=0-1"]], { status: 404 })).toMatchObject({ status: 404, body: "0123456789" });
  });

  test("section 13.2.2: conditions come first", () =>
    expect(
      hit([
        ["range", "bytes=0-1"],
        ["if-none-match", '"a"'],
      ]).status,
    ).toBe(304));

  test.each<[string, number]>([
    ['"a"', 206],
    ['W/"a"', 200],
    ['"b"', 200],
    [modified, 206],
    [later, 200],
    ["a", 200],
  ])("section 13.1.5: If-Range: %s: %i", (ifRange, status) =>
    expect(
      hit([
        ["range", "bytes=0-1"],
        ["if-range", ifRange],
      ]).status,
    ).toBe(status),
  );

  test("section 8.8.2.2: a date is strong a minute after it, a weak tag never", () => {
    const dated = (date: string): Pairs => [...without("etag"), ["date", date]];
    const range: Pairs = [
      ["range", "bytes=0-1"],
      ["if-range", modified],
    ];
    const world = (of: Pairs) => {
      const cache = new CacheWorld(() => ({ status: 200, fields: of, body: "0123456789" }));
      cache.nowMs = Date.UTC(2026, 0, 1);
      cache.send(cacheRequest());
      return cache.send(cacheRequest({ fields: range })).status;
    };
    expect(world(dated("Thu, 01 Jan 2026 00:00:59 GMT"))).toBe(200);
    expect(world(dated("Thu, 01 Jan 2026 00:01:00 GMT"))).toBe(206);
    const weak: Pairs = [...without("etag"), ["etag", 'W/"a"']];
    expect(
      hit(
        [
          ["range", "bytes=0-1"],
          ["if-range", 'W/"a"'],
        ],
        { of: weak },
      ).status,
    ).toBe(200);
  });

  test("a range lies in its whole, whatever is asked for", () => {
    const number = fc.oneof(fc.constant(""), fc.nat(30).map(String), fc.bigInt({ min: 0n }).map(String));
    fc.assert(
      fc.property(number, number, fc.nat(20), (first, last, length) => {
        const range = requestedRange(`bytes=${first}-${last}`, length);
        if (range === undefined || range === "unsatisfiable") return;
        expect(range.first).toBeGreaterThanOrEqual(0);
        expect(range.first).toBeLessThanOrEqual(range.last);
        expect(range.last).toBeLessThan(length);
      }),
    );
  });
});

describe("stored parts, RFC 9111 section 3.3", () => {
  /** Bytes 4 to 8 of ten. */
  function part(fields: Pairs, more: Pairs = []): WorldAnswer {
    const of: Pairs = [["cache-control", "max-age=1000"], ["etag", '"a"'], ["content-range", "bytes 4-8/10"], ...more];
    const world = new CacheWorld(() => ({ status: 206, fields: of, body: "45678" }));
    world.send(cacheRequest({ fields: [["range", "bytes=4-8"]] }));
    return world.send(cacheRequest({ fields }));
  }

  test.each<[string, string, string]>([
    ["bytes=4-8", "45678", "bytes 4-8/10"],
    ["bytes=5-6", "56", "bytes 5-6/10"],
    ["bytes=8-8", "8", "bytes 8-8/10"],
  ])("%s is served from one", (range, body, contentRange) => {
    const answer = part([["range", range]]);
    expect(answer).toMatchObject({ status: 206, body, verdict: { kind: "hit" } });
    expect(answer.fields.filter(([name]) => name === "content-range")).toEqual([["content-range", contentRange]]);
    expect(
      part([
        ["range", range],
        ["if-range", '"a"'],
      ]),
    ).toMatchObject({ status: 206, verdict: { kind: "hit" } });
  });

  test.each(["bytes=3-8", "bytes=4-9", "bytes=6-", "bytes=-2", "bytes=10-", "bytes=4-5,6-7", "none"])(
    "%s goes to the upstream as it is",
    (range) => {
      const answer = part(range === "none" ? [] : [["range", range]]);
      expect(answer.verdict).toMatchObject({ kind: "forward", why: "partial", held: [] });
    },
  );

  test("for a client with another whole it is none", () =>
    expect(
      part([
        ["range", "bytes=4-8"],
        ["if-range", '"b"'],
      ]).verdict,
    ).toMatchObject({ kind: "forward", why: "partial" }));

  test("a whole takes over, and a part does not take the place of a whole", () => {
    let whole = false;
    const world = new CacheWorld(() =>
      whole
        ? { status: 200, fields: [["cache-control", "max-age=10"]], body: "0123456789" }
        : {
            status: 206,
            fields: [
              ["cache-control", "max-age=10"],
              ["content-range", "bytes 4-8/10"],
            ],
            body: "45678",
          },
    );
    const range = cacheRequest({ fields: [["range", "bytes=4-8"]] });
    world.send(range);
    whole = true;
    world.nowMs += 1_000;
    world.send(cacheRequest());
    expect(world.send(cacheRequest({ fields: [["range", "bytes=0-1"]] }))).toMatchObject({ status: 206, body: "01" });
    whole = false;
    world.send(
      cacheRequest({
        fields: [
          ["range", "bytes=4-8"],
          ["cache-control", "no-cache"],
        ],
      }),
    );
    expect(world.send(cacheRequest())).toMatchObject({ status: 200, body: "0123456789", verdict: { kind: "hit" } });
  });
});
