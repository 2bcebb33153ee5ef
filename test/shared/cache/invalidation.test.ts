import { describe, expect, test } from "vitest";
import type { CacheSettings } from "../../../shared/cache/settings.ts";
import {
  CacheWorld,
  cacheRequest,
  type OriginAnswer,
  type Pairs,
  type WorldAnswer,
} from "../../support/cache-world.ts";

const ok = (fields: Pairs): OriginAnswer => ({ status: 200, fields, body: "a" });
const control = (text: string, ...more: Pairs): Pairs => [["cache-control", text], ...more];

/** Answers in their order; the last one goes on. */
function world(answers: readonly OriginAnswer[], settings: CacheSettings = {}): CacheWorld {
  let at = 0;
  return new CacheWorld(() => answers[Math.min(at++, answers.length - 1)] ?? "unreachable", settings);
}
function sendLater(cache: CacheWorld, seconds: number, changes: Parameters<typeof cacheRequest>[0] = {}): WorldAnswer {
  cache.nowMs += seconds * 1000;
  return cache.send(cacheRequest(changes));
}

describe("invalidation, RFC 9111 section 4.4", () => {
  const cached = ok(control("max-age=100", ["cache-groups", '"orders", "all"']));

  test.each(["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"])(
    "a %s that succeeds makes its target invalid for everybody",
    (method) => {
      const cache = world([cached, cached, { status: 204, fields: [], body: "" }]);
      sendLater(cache, 0, { partition: "alice" });
      sendLater(cache, 0, { partition: "bob" });
      sendLater(cache, 0, { method, partition: "alice" });
      expect(cache.heads).toEqual([]);
    },
  );

  test("one that fails changes nothing, nor does a safe one", () => {
    for (const [method, status] of [
      ["POST", 500],
      ["POST", 404],
      ["OPTIONS", 200],
      ["TRACE", 200],
      ["QUERY", 200],
    ] as const) {
      const cache = world([cached, { status, fields: [["cache-group-invalidation", '"all"']], body: "" }]);
      sendLater(cache, 0);
      sendLater(cache, 0, { method });
      expect(cache.heads).toHaveLength(1);
    }
  });

  test("the host of an answer has no dot at its end: purges name it without", () => {
    const dotted = { authority: "shop.example.:8080", host: "shop.example." };
    const cache = world([cached, { status: 204, fields: [], body: "" }]);
    expect(sendLater(cache, 0, dotted).judgement?.store?.head.host).toBe("shop.example");
    expect(sendLater(cache, 0, { ...dotted, method: "POST" }).judgement?.invalidates?.host).toBe("shop.example");
  });

  test("Location in whatever form: keys and purges have the normal one", () => {
    for (const location of ["/%6Frders/2", "https://shop.example/orders/../%6frders/2", "2"]) {
      const cache = world([{ status: 201, fields: [["location", location]], body: "" }]);
      const { judgement } = sendLater(cache, 0, { method: "POST", path: "/orders/1" });
      expect(judgement?.invalidates?.targets).toEqual(["/orders/1", "/orders/2"]);
    }
  });

  test("Location and Content-Location of the same origin, and no other", () => {
    const targets = (fields: Pairs, changes: Parameters<typeof cacheRequest>[0] = {}) => {
      const cache = world([{ status: 201, fields, body: "" }], { query: { ignore: ["utm"] } });
      const { judgement } = sendLater(cache, 0, { method: "POST", path: "/orders/1", query: "?utm=1", ...changes });
      return judgement?.invalidates?.targets;
    };
    expect(
      targets([
        ["location", "2?a=1&utm=2"],
        ["content-location", "https://shop.example/3"],
      ]),
    ).toEqual(["/orders/1", "/orders/2?a=1", "/3"]);
    for (const other of [
      "https://other.example/2",
      "http://shop.example/2",
      "https://shop.example:8443/2",
      "https://[",
    ])
      expect(targets([["location", other]])).toEqual(["/orders/1"]);
  });

  test("RFC 9875 section 3: groups that an unsafe answer names, of its origin alone", () => {
    const cache = world([cached, { status: 200, fields: [["cache-group-invalidation", '"orders"']], body: "" }]);
    sendLater(cache, 0);
    sendLater(cache, 0, { method: "POST", path: "/other", authority: "shop.example:8443" });
    expect(cache.heads).toHaveLength(1);
    sendLater(cache, 0, { method: "POST", path: "/other" });
    expect(cache.heads).toEqual([]);
  });
});

describe("POST, RFC 9110 section 9.3.3", () => {
  const post = (fields: Pairs, status = 200) => {
    const cache = world([{ status, fields, body: "posted" }]);
    sendLater(cache, 0, { method: "POST", hasContent: true });
    return cache;
  };

  test("what says that it is the target's own, and for how long, serves a GET", () => {
    const cache = post(control("max-age=60", ["content-location", "https://shop.example/orders"]));
    expect(sendLater(cache, 1)).toMatchObject({ body: "posted", verdict: { kind: "hit" } });
  });

  test("nothing else does", () => {
    for (const fields of [
      control("max-age=60"),
      control("max-age=60", ["content-location", "/other"]),
      control("max-age=60, private", ["content-location", "/orders"]),
      [
        ["content-location", "/orders"],
        ["last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"],
      ] as Pairs,
    ])
      expect(post(fields).heads).toEqual([]);
    expect(post(control("max-age=60", ["content-location", "/orders"]), 201).heads).toEqual([]);
  });
});
