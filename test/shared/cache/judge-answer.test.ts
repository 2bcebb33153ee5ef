import { describe, expect, test } from "vitest";
import { forwardEdits } from "../../../shared/cache/forward-edits.ts";
import { staleInstead } from "../../../shared/cache/judge-answer.ts";
import type { CacheSettings } from "../../../shared/cache/settings.ts";
import { formatHttpDate } from "../../../shared/http/http-date.ts";
import {
  CacheWorld,
  cacheRequest,
  type Origin,
  type OriginAnswer,
  type Pairs,
  type WorldAnswer,
} from "../../support/cache-world.ts";

const ok = (fields: Pairs, body = "a"): OriginAnswer => ({ status: 200, fields, body });
const control = (text: string, ...more: Pairs): Pairs => [["cache-control", text], ...more];
const unchanged = (fields: Pairs = []): OriginAnswer => ({ status: 304, fields, body: "" });

/** Answers in their order; the last one goes on. */
function world(answers: readonly ReturnType<Origin>[], settings: CacheSettings = {}): CacheWorld {
  let at = 0;
  return new CacheWorld(() => answers[Math.min(at++, answers.length - 1)] ?? "unreachable", settings);
}
function sendLater(cache: CacheWorld, seconds: number, changes: Parameters<typeof cacheRequest>[0] = {}): WorldAnswer {
  cache.nowMs += seconds * 1000;
  return cache.send(cacheRequest(changes));
}
const value = ({ fields }: WorldAnswer, name: string) => fields.find(([one]) => one === name)?.[1];
const modified = "Thu, 01 Jan 2026 00:00:00 GMT";

describe("how what is stale is asked about, RFC 9111 section 4.3.1", () => {
  test("by its entity tag and its date, instead of what the client has and of a part", () => {
    const cache = world([ok(control("max-age=1", ["etag", 'W/"a"'], ["last-modified", modified])), unchanged()]);
    sendLater(cache, 0);
    const fields: Pairs = [
      ["if-none-match", '"x"'],
      ["range", "bytes=0-0"],
      ["if-range", '"x"'],
      ["foo", "1"],
    ];
    sendLater(cache, 2, { fields });
    const sent = cache.asked[1]?.fields;
    expect(Object.fromEntries(sent ?? [])).toEqual({
      foo: "1",
      "if-none-match": 'W/"a"',
      "if-modified-since": modified,
    });
  });

  test("all that the request selects, each tag once", () => {
    let answers = 0;
    const cache = new CacheWorld(() => {
      answers++;
      const vary: Pairs = answers === 1 ? [] : [["vary", "foo"]];
      return ok(control("max-age=1", ["etag", `"${answers}"`], ...vary));
    });
    sendLater(cache, 0);
    sendLater(cache, 2, { fields: [["foo", "1"]] });
    sendLater(cache, 2, { fields: [["foo", "2"]] });
    expect(cache.asked.map(({ fields }) => fields.get("if-none-match"))).toEqual([null, '"1"', null]);
  });

  test("a 304 would say nothing of an error", () => {
    const cache = world([
      { status: 404, fields: control("max-age=1", ["etag", '"a"'], ["last-modified", modified]), body: "" },
    ]);
    sendLater(cache, 0);
    sendLater(cache, 2);
    expect(cache.asked[1]?.fields.get("if-none-match")).toBeNull();
    expect(cache.asked[1]?.fields.get("if-modified-since")).toBeNull();
  });
});

describe("what a 304 confirms, RFC 9111 section 4.3.4", () => {
  test("section 3.2: its fields replace the stored ones, but for those about the body", () => {
    const cache = world([
      ok(
        control(
          "max-age=1",
          ["etag", '"a"'],
          ["x-a", "1"],
          ["x-b", "1"],
          ["content-length", "1"],
          ["content-encoding", "br"],
        ),
      ),
      unchanged(
        control("max-age=100", ["etag", '"a"'], ["x-a", "2"], ["content-length", "9"], ["content-encoding", "gzip"]),
      ),
    ]);
    sendLater(cache, 0);
    for (const answer of [sendLater(cache, 2), sendLater(cache, 50)]) {
      expect(answer).toMatchObject({ status: 200, body: "a" });
      expect(
        ["cache-control", "x-a", "x-b", "content-length", "content-encoding"].map((name) => value(answer, name)),
      ).toEqual(["max-age=100", "2", "1", "1", "br"]);
    }
    expect(cache.asked).toHaveLength(2);
  });

  test("its age counts anew, from its own Date and Age", () => {
    const cache = world([ok(control("max-age=10", ["etag", '"a"'])), unchanged([["age", "4"]])]);
    sendLater(cache, 0);
    expect(sendLater(cache, 11)).toMatchObject({ ageSeconds: 4 });
    expect(sendLater(cache, 5).verdict.kind).toBe("hit");
    expect(value(sendLater(cache, 0), "date")).toBe(formatHttpDate(cache.nowMs - 5_000));
    expect(sendLater(cache, 1).verdict.kind).toBe("forward");
  });

  test("one with a tag that nobody holds says nothing, and the request goes again", () => {
    const cache = world([ok(control("max-age=1", ["etag", '"a"'])), unchanged([["etag", '"b"']]), ok([], "new")]);
    sendLater(cache, 0);
    expect(sendLater(cache, 2).body).toBe("new");
    expect(cache.asked[2]?.fields.get("if-none-match")).toBeNull();
  });

  test("weak tags are one, and what was asked about by date alone is confirmed by any tag", () => {
    for (const [stored, confirms] of [
      [
        ["etag", 'W/"a"'],
        ["etag", '"a"'],
      ],
      [
        ["last-modified", modified],
        ["etag", '"b"'],
      ],
      [
        ["last-modified", modified],
        ["last-modified", modified],
      ],
      [
        ["etag", '"a"'],
        ["x-a", "1"],
      ],
    ] as const) {
      const cache = world([ok(control("max-age=1", stored)), unchanged([confirms])]);
      sendLater(cache, 0);
      expect(sendLater(cache, 2)).toMatchObject({ status: 200, body: "a" });
      expect(cache.asked).toHaveLength(2);
    }
  });

  test("a 304 with another date than is held says nothing", () => {
    const cache = world([
      ok(control("max-age=1", ["last-modified", modified])),
      unchanged([["last-modified", "Fri, 02 Jan 2026 00:00:00 GMT"]]),
      ok([], "new"),
    ]);
    sendLater(cache, 0);
    expect(sendLater(cache, 2).body).toBe("new");
  });

  test("what it forbids from now on is served once and not stored any more", () => {
    for (const forbids of [control("no-store"), control("private"), [["vary", "*"]] as Pairs]) {
      const cache = world([ok(control("max-age=1", ["etag", '"a"'])), unchanged(forbids)]);
      sendLater(cache, 0);
      expect(sendLater(cache, 2).body).toBe("a");
      expect(cache.heads).toEqual([]);
    }
  });

  test("its cookies are for this client, and nothing else of it is for others", () => {
    const cache = world([
      ok(control("max-age=1", ["etag", '"a"'])),
      unchanged([
        ["set-cookie", "a=b"],
        ["x-user", "alice"],
      ]),
    ]);
    sendLater(cache, 0);
    const answer = sendLater(cache, 2);
    expect(answer.judgement?.cookies).toEqual(["a=b"]);
    expect(value(answer, "x-user")).toBe("alice");
    expect(cache.heads.flatMap(({ fields }) => fields.map(([name]) => name))).toEqual([
      "cache-control",
      "etag",
      "date",
    ]);
  });

  test("the client's own condition is judged by what was confirmed", () => {
    const cache = world([ok(control("max-age=1", ["etag", '"a"'])), unchanged()]);
    sendLater(cache, 0);
    expect(sendLater(cache, 2, { fields: [["if-none-match", '"a"']] })).toMatchObject({ status: 304, body: "" });
  });
});

describe("what a new answer does", () => {
  test("section 4.3.3: it takes the place of what was asked about", () => {
    const cache = world([ok(control("max-age=1", ["etag", '"a"'])), ok(control("max-age=1", ["etag", '"b"']), "b")]);
    sendLater(cache, 0);
    expect(sendLater(cache, 2).body).toBe("b");
    expect(cache.heads.map(({ etag }) => etag)).toEqual(['"b"']);
  });

  test("also when it is not stored, unless it is one client's alone", () => {
    const answers = [ok(control("max-age=1", ["etag", '"a"'])), ok(control("private"), "b")];
    const cache = world(answers);
    sendLater(cache, 0);
    sendLater(cache, 2);
    expect(cache.heads).toEqual([]);
    for (const personal of [{ authorized: true }, { fields: [["cookie", "a=1"]] }] as const) {
      const other = world(answers);
      sendLater(other, 0);
      sendLater(other, 2, personal);
      expect(other.heads).toHaveLength(1);
    }
  });

  test("a client that has it gets 304, and it is stored", () => {
    const cache = world([ok(control("max-age=9", ["etag", '"a"'], ["content-type", "text/plain"]))]);
    const answer = sendLater(cache, 0, { fields: [["if-none-match", 'W/"a"']] });
    expect(answer).toMatchObject({ status: 304, body: "" });
    expect(value(answer, "content-type")).toBeUndefined();
    expect(cache.asked[0]?.fields.get("if-none-match")).toBeNull();
    expect(cache.heads).toHaveLength(1);
  });

  test("where answers are known not to be stored the client's conditions go on", () => {
    const request = cacheRequest({ fields: [["if-none-match", '"a"']] });
    const verdict = { way: "store", held: [] } as const;
    expect(forwardEdits(verdict, request, {}).remove).toContain("if-none-match");
    expect(forwardEdits(verdict, request, {}, true).remove).not.toContain("if-none-match");
  });
});

describe("errors, RFC 5861 section 4 and RFC 9111 section 4.2.4", () => {
  const failing = (text: string, settings: CacheSettings = {}, status = 503) =>
    world([ok(control(text)), { status, fields: [], body: "bad" }], settings);

  test("what is stale serves instead of an error where that is allowed, and is told", () => {
    const cache = failing("max-age=1, stale-if-error=60");
    sendLater(cache, 0);
    const answer = sendLater(cache, 60);
    expect(answer).toMatchObject({ status: 200, body: "a", judgement: { failed: true } });
    expect(sendLater(cache, 2)).toMatchObject({ status: 503, body: "bad" });
  });

  test("for 500, 502, 503 and 504 alone", () => {
    for (const [status, expected] of [
      [500, 200],
      [502, 200],
      [504, 200],
      [501, 501],
      [429, 429],
      [403, 403],
    ] as const) {
      const cache = failing("max-age=1", { staleIfErrorMs: 60_000 }, status);
      sendLater(cache, 0);
      expect(sendLater(cache, 2).status).toBe(expected);
      expect(cache.heads).toHaveLength(1);
    }
  });

  test("an error that was stored never serves stale by the route's word, nor instead of an older good answer", () => {
    const bad: OriginAnswer = { status: 500, fields: [], body: "bad" };
    const settings: CacheSettings = { errorTtlMs: { "5xx": 1_000 }, staleWhileRevalidateMs: 300_000 };
    const cache = world([bad, ok([], "b")], settings);
    expect(sendLater(cache, 0)).toMatchObject({ status: 500, judgement: { store: {} } });
    expect(sendLater(cache, 60)).toMatchObject({ status: 200, body: "b" });

    const away = world([ok(control("max-age=1")), bad, "unreachable"], { errorTtlMs: { "5xx": 1_000 } });
    sendLater(away, 0);
    expect(sendLater(away, 2)).toMatchObject({ status: 500 });
    expect(sendLater(away, 2)).toMatchObject({ status: 200, body: "a" });
  });

  test("an error is passed on where nothing allows it", () => {
    const cache = failing("max-age=1");
    sendLater(cache, 0);
    expect(sendLater(cache, 2).status).toBe(503);
  });

  test("while the upstream cannot be reached what is stale serves for a while, unless it forbids that", () => {
    for (const [text, status] of [
      ["max-age=1", 200],
      ["max-age=1, must-revalidate", 502],
      ["max-age=1, proxy-revalidate", 502],
      ["s-maxage=1", 502],
      ["no-cache", 502],
      ["max-age=1, stale-if-error=0", 502],
    ] as const) {
      const cache = world([ok(control(text, ["etag", '"a"'])), "unreachable"]);
      sendLater(cache, 0);
      expect(sendLater(cache, 3).status).toBe(status);
    }
  });

  test("nothing that is held serves instead", () =>
    expect(
      staleInstead({ kind: "forward", why: "uri-miss", way: "store", held: [], collapsible: true }, 0),
    ).toBeUndefined());

  test("what is fresh serves in need, too, though the client asked for a new one", () => {
    const cache = world([ok(control("max-age=100")), "unreachable"]);
    sendLater(cache, 0);
    expect(sendLater(cache, 1, { fields: control("no-cache") }).status).toBe(200);
  });
});

describe("HEAD, RFC 9111 section 4.3.5", () => {
  const before = ok(control("max-age=1", ["etag", '"a"'], ["content-length", "1"], ["x-a", "1"]));

  test("an answer about the same representation freshens it", () => {
    const cache = world([before, ok(control("max-age=100", ["etag", '"a"'], ["x-a", "2"]), "")]);
    sendLater(cache, 0);
    expect(sendLater(cache, 2, { method: "HEAD" }).verdict).toMatchObject({ kind: "forward", why: "stale" });
    expect(cache.asked[1]?.fields.get("if-none-match")).toBeNull();
    const answer = sendLater(cache, 50);
    expect(answer).toMatchObject({ body: "a", verdict: { kind: "hit" } });
    expect(value(answer, "x-a")).toBe("2");
  });

  test.each<Pairs>([[["etag", '"b"']], [["content-length", "2"]], [["last-modified", modified]]])(
    "one with %j is about another, and what is stored goes",
    (...fields) => {
      const cache = world([before, ok(control("max-age=100", ...fields), "")]);
      sendLater(cache, 0);
      sendLater(cache, 2, { method: "HEAD" });
      expect(cache.heads).toEqual([]);
    },
  );

  test("an error says nothing, nor does what one client gets for itself, nor an answer without validators", () => {
    const other: Pairs = [["etag", '"b"']];
    for (const [status, changes, fields] of [
      [410, {}, other],
      [503, {}, other],
      [200, { authorized: true }, other],
      [200, {}, control("max-age=1000", ["content-length", "1"])],
    ] as const) {
      const cache = world([before, { status, fields, body: "" }]);
      sendLater(cache, 0);
      sendLater(cache, 2, { method: "HEAD", ...changes });
      expect(cache.heads.map(({ freshUntilMs }) => freshUntilMs < cache.nowMs)).toEqual([true]);
    }
  });
});
