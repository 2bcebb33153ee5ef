import { describe, expect, test } from "vitest";
import type { CacheSettings } from "../../../shared/cache/settings.ts";
import { statedBytes } from "../../../shared/cache/storable.ts";
import { limits } from "../../../shared/limits.ts";
import { CacheWorld, cacheRequest, fieldSet, type Pairs, type WorldAnswer } from "../../support/cache-world.ts";

interface Case {
  readonly fields?: Pairs;
  readonly status?: number;
  readonly settings?: CacheSettings;
  readonly request?: Parameters<typeof cacheRequest>[0];
}

function send({
  fields = [["cache-control", "max-age=60"]],
  status = 200,
  settings = {},
  request = {},
}: Case): WorldAnswer {
  return new CacheWorld(() => ({ status, fields, body: "0123456789" }), settings).send(cacheRequest(request));
}
/** Why it is not stored, or undefined. */
const refused = (one: Case): string | undefined => {
  const { judgement } = send(one);
  return judgement?.store === undefined ? (judgement?.notStored ?? "nothing") : undefined;
};
const control = (text: string, ...more: Pairs): Pairs => [["cache-control", text], ...more];

describe("what is stored, RFC 9111 section 3", () => {
  test("any final status with a lifetime", () => {
    for (const status of [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 503, 599])
      expect(refused({ status })).toBeUndefined();
    expect(refused({ status: 304 })).toBe("status");
  });

  test("an error about a range or a condition is not what others get who ask for the whole", () => {
    const request = { fields: [["range", "bytes=99-"]] as const };
    for (const status of [412, 416]) expect(refused({ status, request })).toBe("status");
    expect(
      refused({ status: 416, request, fields: [], settings: { errorTtlMs: { "4xx": 10_000, "416": 10_000 } } }),
    ).toBe("status");
  });

  test("section 12.5.5 of RFC 9110: what is no list of field names varies by nobody knows what", () => {
    for (const vary of ["accept encoding", "foo(bar)", 'accept, "foo"', "a:b", "é"])
      expect(refused({ fields: control("max-age=60", ["vary", vary]) })).toBe("vary");
  });

  test("cookies that were not sent are not what an answer varies by", () => {
    const fields = control("max-age=60", ["vary", "Cookie, Accept"]);
    const request = { fields: [["cookie", "a=1"]] as const };
    expect(refused({ fields, request })).toBe("vary-credentials");
    const { judgement } = send({ fields, request, settings: { ignoreCookies: true } });
    expect(judgement?.store?.head.selectedBy).toEqual({ accept: null });
  });

  test("fields between the edge and the mesh are not stored, so that no hit tells them", () => {
    const { judgement } = send({ fields: control("max-age=60", ["Selvage-Load", "1"], ["x-selvage-partial", "a"]) });
    const names = judgement?.store?.head.fields.map(([name]) => name);
    expect(names).toContain("x-selvage-partial");
    expect(names).not.toContain("selvage-load");
  });

  test("section 5.2.2.5: no-store is not stored", () =>
    expect(refused({ fields: control("max-age=60, no-store") })).toBe("no-store"));

  test("section 5.2.2.7: private is not stored, also in somebody's own partition", () => {
    expect(refused({ fields: control("max-age=60, private") })).toBe("private");
    expect(refused({ fields: control("max-age=60, private, public"), request: { partition: "alice" } })).toBe(
      "private",
    );
  });

  test("section 5.2.2.3: must-understand counts instead of no-store where the status is understood", () => {
    const fields = control("max-age=60, no-store, must-understand");
    expect(refused({ fields })).toBeUndefined();
    expect(refused({ fields, status: 599 })).toBe("status");
    expect(refused({ fields: control("max-age=60, must-understand"), status: 599 })).toBe("status");
  });

  test("section 5.2.1.5: nothing is stored for a request with no-store", () =>
    expect(refused({ request: { fields: control("no-store") } })).toBe("request"));

  test("the methods whose answers are stored", () => {
    for (const method of ["HEAD", "PUT", "DELETE", "OPTIONS", "M-SEARCH"])
      expect(refused({ request: { method } })).toBe("method");
    expect(refused({ request: { method: "QUERY", contentDigest: "d" } })).toBeUndefined();
  });

  test("what may not serve and cannot be asked about", () => {
    expect(refused({ fields: [] })).toBe("no-lifetime");
    expect(refused({ fields: control("max-age=0") })).toBe("no-lifetime");
    expect(refused({ fields: control("no-cache") })).toBe("no-lifetime");
    expect(refused({ fields: control("max-age=60, must-revalidate", ["age", "60"]) })).toBe("no-lifetime");
    for (const validator of [
      ["etag", '"a"'],
      ["last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"],
    ] as const) {
      expect(refused({ fields: control("no-cache", validator) })).toBeUndefined();
      expect(refused({ fields: control("no-cache", validator), status: 404 })).toBe("no-lifetime");
    }
  });

  test("section 3.5: answers to Authorization need a word that allows it", () => {
    const request = { authorized: true };
    expect(refused({ request })).toBe("authorization");
    for (const allows of ["public", "must-revalidate", "s-maxage=60"])
      expect(refused({ request, fields: control(`max-age=60, ${allows}`) })).toBeUndefined();
    expect(
      refused({ request, fields: control("max-age=60", ["cdn-cache-control", "max-age=60, public"]) }),
    ).toBeUndefined();
  });
});

describe("cookies", () => {
  const setting: Pairs = [
    ["set-cookie", "a=b"],
    ["set-cookie", "c=d"],
  ];

  test("an answer that sets one is stored only where it says that it is for all, and the cookie never", () => {
    expect(refused({ fields: control("max-age=60", ...setting) })).toBe("set-cookie");
    expect(refused({ fields: control("max-age=60", ...setting), request: { partition: "alice" } })).toBe("set-cookie");
    for (const all of ["public, max-age=60", "s-maxage=60"]) {
      const { judgement } = send({ fields: control(all, ...setting) });
      expect(judgement?.store?.head.fields.map(([name]) => name)).toEqual(["cache-control", "date"]);
    }
  });

  test("answers to one have to say that they are for all, or how long they are fresh", () => {
    const request = { fields: [["cookie", "session=1"]] } as const;
    const settings = { ttlMs: 60_000 };
    expect(refused({ request })).toBeUndefined();
    expect(refused({ request, fields: [], settings })).toBe("cookie");
    expect(refused({ request, settings: { ...settings, override: true } })).toBe("cookie");
    const guessed: Pairs = [["last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"]];
    expect(refused({ request, fields: guessed })).toBe("cookie");
    expect(refused({ request, fields: control("no-cache", ["etag", '"a"']) })).toBe("cookie");
    expect(refused({ request, fields: control("public"), settings })).toBeUndefined();
    expect(refused({ request, fields: [], settings: { ...settings, ignoreCookies: true } })).toBeUndefined();
    expect(refused({ request, fields: [], settings: { ...settings, keyFields: ["cookie"] } })).toBeUndefined();
  });
});

describe("parts, RFC 9111 section 3.3", () => {
  const part = (contentRange: string, ...more: Pairs): Case => ({
    status: 206,
    fields: control("max-age=60", ["content-range", contentRange], ...more),
  });

  test("one range that is as long as it says", () => {
    expect(refused(part("bytes 0-9/20"))).toBeUndefined();
    expect(refused(part("bytes 0-9/20", ["content-length", "10"]))).toBeUndefined();
    expect(refused(part("bytes 0-9/20", ["content-length", "9"]))).toBe("content");
    for (const other of ["bytes 0-9/*", "bytes */20", "items 0-9/20", "bytes 9-0/20", "bytes 0-20/20", ""])
      expect(refused(part(other))).toBe("partial");
    expect(refused({ status: 206 })).toBe("partial");
  });

  test("how many bytes a body has by its head", () => {
    const stated = (status: number, ...fields: Pairs) => statedBytes({ status, fields: fieldSet(fields) });
    expect(stated(200, ["content-length", "7"])).toBe(7);
    expect(stated(200)).toBeUndefined();
    expect(stated(206, ["content-range", "bytes 3-5/9"])).toBe(3);
  });
});

describe("what is stored of an answer", () => {
  test("section 3.1: without fields of the connection, those it names, and those of one recipient", () => {
    const { judgement } = send({
      fields: [
        ["Cache-Control", 'max-age=60, no-cache="x-a", private="x-b"'],
        ["connection", "close, x-c"],
        ["keep-alive", "timeout=5"],
        ["transfer-encoding", "chunked"],
        ["upgrade", "h2c"],
        ["te", "trailers"],
        ["trailer", "x-t"],
        ["proxy-authenticate", "Basic"],
        ["proxy-authentication-info", "a"],
        ["proxy-connection", "close"],
        ["age", "5"],
        ["selvage-cache-control", "max-age=60"],
        ["x-a", "1"],
        ["x-b", "2"],
        ["x-c", "3"],
        ["x-d", "4"],
        ["date", "Sun, 06 Nov 1994 08:49:37 GMT"],
      ],
      settings: { ttlMs: 1_000 },
    });
    expect(judgement?.store).toBeUndefined();
    const fresh = send({
      fields: [["connection", "x-c"], ["x-c", "3"], ["X-D", "4"], ["keep-alive", "1"], ...control("max-age=60")],
    });
    expect(fresh.judgement?.store?.head.fields).toEqual([
      ["cache-control", "max-age=60"],
      ["x-d", "4"],
      ["date", "Sat, 21 Nov 2026 12:00:00 GMT"],
    ]);
  });

  test("RFC 9110 section 6.6.1: an answer without a Date gets one, and one that is none is replaced", () => {
    const { judgement } = send({ fields: control("max-age=60", ["date", "yesterday"]) });
    expect(judgement?.store?.head.fields.filter(([name]) => name === "date")).toEqual([
      ["date", "Sat, 21 Nov 2026 12:00:00 GMT"],
    ]);
  });

  test("tags of the route and of the answer, and groups of its origin (RFC 9875 section 2)", () => {
    const { judgement } = send({
      fields: control(
        "max-age=60",
        ["cache-tag", "a, b,, c d"],
        ["surrogate-key", "b  e,f"],
        ["cache-groups", '"scripts", "two words";x=1, token, (1 2)'],
      ),
      settings: { tags: ["orders"] },
    });
    expect(judgement?.store?.head.tags).toEqual([
      "orders",
      "group https://shop.example scripts",
      "group https://shop.example two words",
      "a",
      "b",
      "e,f",
    ]);
  });

  test("an answer with a name that it could not be purged by is not stored", () => {
    const many = (count: number, text: (at: number) => string) =>
      Array.from({ length: count }, (_, at) => text(at)).join(", ");
    const { tagsMax, groupsMax, tagCharsMax } = limits.cache;
    const route = Array.from({ length: tagsMax }, (_, at) => `r${at}`);
    const stored = (tag: string, groups = "", tags: readonly string[] = []) => {
      const fields = control("max-age=60", ["cache-tag", tag], ["cache-groups", groups]);
      const { judgement } = send({ fields, settings: { tags } });
      return judgement?.store?.head.tags.length ?? judgement?.notStored;
    };
    const groups = many(groupsMax, (at) => `"${"g".repeat(32)}${at}"`);
    expect(stored("a".repeat(tagCharsMax))).toBe(1);
    expect(stored("a".repeat(tagCharsMax + 1))).toBe("tags");
    expect(stored("", `"${"g".repeat(tagCharsMax + 1)}"`)).toBe("tags");
    expect(
      stored(
        "",
        many(groupsMax + 1, (at) => `"g${at}"`),
      ),
    ).toBe("tags");
    const own = many(tagsMax - groupsMax, (at) => `t${at}`);
    expect(stored(own, groups, route)).toBe(2 * tagsMax);
    expect(stored(`${own}, one-more`, groups)).toBe("tags");
  });

  test("a tag that nobody can name in a purge is none", () => {
    const { judgement } = send({ fields: control("max-age=60", ["cache-tag", "a b, é, c"]) });
    expect(judgement?.store?.head.tags).toEqual(["c"]);
  });

  test("Cache-Groups that are no list name nothing", () => {
    const { judgement } = send({ fields: control("max-age=60", ["cache-groups", '"a", &']) });
    expect(judgement?.store?.head.tags).toEqual([]);
  });
});
