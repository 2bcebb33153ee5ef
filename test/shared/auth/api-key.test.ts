import { describe, expect, test } from "vitest";
import {
  type ApiKeyProvider,
  apiKeyChallenge,
  identityOfKey,
  type KeyRecord,
  presentedKey,
  refuseKeyRecord,
  withoutParameter,
} from "../../../shared/auth/api-key.ts";

const provider = (more: Partial<ApiKeyProvider>): ApiKeyProvider => ({
  kind: "api-key",
  bearer: false,
  prefix: "slv",
  foreign: false,
  ...more,
});
const shown = (more: Partial<ApiKeyProvider>, headers: Record<string, string>, query = ""): string | undefined =>
  presentedKey(provider(more), (name) => headers[name], query);

describe("presentedKey", () => {
  test("header, then bearer, then query", () => {
    const all = { header: "x-api-key", bearer: true, query: "k" };
    const headers = { "x-api-key": "one", authorization: "Bearer slv_two" };
    expect(shown(all, headers, "?k=three")).toBe("one");
    expect(shown(all, { authorization: headers.authorization }, "?k=three")).toBe("slv_two");
    expect(shown(all, {}, "?k=three")).toBe("three");
    expect(shown(all, {})).toBeUndefined();
  });
  test("a bearer of another prefix is for somebody else", () => {
    const authorization = "Bearer eyJh.eyJh.c2ln";
    expect(shown({ bearer: true }, { authorization: "Bearer other_key" })).toBeUndefined();
    expect(shown({ bearer: true }, { authorization: "Basic slv_x" })).toBeUndefined();
    expect(shown({ bearer: true, foreign: true }, { authorization: "Bearer other_key" })).toBe("other_key");
    expect(shown({ bearer: true, foreign: true }, { authorization })).toBeUndefined();
  });
  test.each([
    ["?k=a", "a"],
    ["?x=1&k=a%62+c", "ab c"],
    ["?%6B=a", "a"],
    ["?k", ""],
    ["?k=", ""],
    ["?k=a=b", "a=b"],
    ["?k=a&k=b", "a b"],
    ["?k=%zz", "%zz"],
    ["?kk=a", undefined],
    ["?", undefined],
  ])("query %s", (query, expected) => {
    expect(shown({ query: "k" }, {}, query)).toBe(expected);
  });
});

test.each([
  ["?k=a", ""],
  ["?k=a&b=%20", "?b=%20"],
  ["?b=+&%6b=a&c", "?b=+&c"],
  ["?b=k&kk=1&=&", "?b=k&kk=1&=&"],
  ["?k", ""],
  ["", ""],
  ["?", "?"],
])("withoutParameter %s", (query, expected) => {
  expect(withoutParameter(query, "k")).toBe(expected);
});

describe("a record", () => {
  const record: KeyRecord = {
    id: "0123456789abcdef",
    prefix: "slv",
    start: "slv_AbCd",
    owner: "partner",
    plan: "gold",
    scopes: ["a", "b"],
    groups: ["eu"],
    createdAtMs: 1,
  };
  test("stands for its owner until it is over", () => {
    expect(refuseKeyRecord(record, "slv", 10)).toBeUndefined();
    expect(refuseKeyRecord(record, "other", 10)).toContain("prefix");
    expect(refuseKeyRecord({ ...record, revokedAtMs: 9 }, "slv", 10)).toContain("revoked");
    expect(refuseKeyRecord({ ...record, expiresAtMs: 11 }, "slv", 10)).toBeUndefined();
    expect(refuseKeyRecord({ ...record, expiresAtMs: 10 }, "slv", 10)).toContain("expired");
  });
  test("becomes the one form of identities", () => {
    expect(identityOfKey(record)).toEqual({
      sub: "partner",
      consumer: "partner",
      issuer: "slv",
      plan: "gold",
      scopes: ["a", "b"],
      groups: ["eu"],
      claims: { sub: "partner", key_id: "0123456789abcdef", key_start: "slv_AbCd", scope: "a b" },
      method: "api-key",
    });
  });
});

test("the challenge names the place, and no more", () => {
  expect(apiKeyChallenge("h", provider({ header: "x-api-key", query: "k" }))).toBe(
    'ApiKey realm="h", in="header", name="x-api-key"',
  );
  expect(apiKeyChallenge("h", provider({ query: "k" }), "invalid_key")).toBe(
    'ApiKey realm="h", in="query", name="k", error="invalid_key"',
  );
});
