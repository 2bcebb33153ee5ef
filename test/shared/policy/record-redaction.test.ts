/** What is written down of requests: nothing that proves who somebody is, wherever a client puts it. */
import { expect, test } from "vitest";
import { credentialNamesOf } from "../../../shared/auth/credential-names.ts";
import type { IdentityProvider } from "../../../shared/auth/providers.ts";
import { anonymous } from "../../../shared/identity/identity.ts";
import { records as bounds } from "../../../shared/limits/records.ts";
import {
  recordedHeaders,
  recordedIdentity,
  recordedQuery,
  withoutSecrets,
} from "../../../shared/policy/record-redaction.ts";

const keys = { kind: "api-key", header: "x-shop", bearer: false, query: "K", prefix: "shop", foreign: true } as const;
const names = credentialNamesOf({
  keys,
  hooks: { kind: "webhook", name: "hooks", style: "github", secrets: [] } as unknown as IdentityProvider,
});
const JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln";
const KEY = "shop_abcdefghijklmnopqrstuvwx123456";

test.each<[string, string]>([
  ["authorization", "Basic YWxpY2U6c2VjcmV0"],
  ["cookie", "a=b"],
  ["x-api-key", "1"],
  ["x-my-auth", "1"],
  ["x-shop", "1"],
  ["x-hub-signature-256", "1"],
  ["x-anything", `Bearer ${JWT}`],
  ["x-anything", JWT],
  ["x-anything", `see ${KEY}!`],
  ["x-mine", "1"],
])("the value of %s: %s is hidden", (name, value) => {
  expect(recordedHeaders([[name, value]], names, { headers: ["x-mine"] })).toEqual([[name, "…"]]);
});

test("other headers stay, in their order and cut; of an address its query goes", () => {
  const long = "x".repeat(2_000);
  const head: [string, string][] = [
    ["accept", "text/html"],
    ["x-canary", "true"],
    ["referer", "https://shop.example/a?reset=abc"],
    ["x-long", long],
  ];
  expect(recordedHeaders(head, names, undefined)).toEqual([
    ...head.slice(0, 2),
    ["referer", "https://shop.example/a?…"],
    ["x-long", long.slice(0, bounds.valueCharsMax)],
  ]);
  const many = Array.from({ length: 500 }, (_, at): [string, string] => [`x-${at}`, "1".repeat(100)]);
  const shown = recordedHeaders(many, names, undefined);
  expect(JSON.stringify(shown).length).toBeLessThan(2 * bounds.headerCharsMax);
});

test.each([
  ["?page=2&sort=a", "?page=2&sort=a"],
  ["?page=2&access_token=abc&k=1", "?page=2&access_token=…&k=…"],
  ["?code=abc&state=x&q=%20a", "?code=…&state=…&q=%20a"],
  ["?%74oken=abc&pass+word=x", "?%74oken=…&pass+word=x"],
  [`?q=${JWT}&r=${KEY}`, "?q=…&r=…"],
  [`?${JWT}&flag&${encodeURIComponent("a=b c")}`, "?…&…&…"],
  ["?passwd=a&device_code=b&pin=c&country_code=nl", "?passwd=…&device_code=…&pin=…&country_code=nl"],
  ["?next=https%3A%2F%2Fapp%2Fcb%3Fcode%3Dabc", "?next=…"],
  ["?mine=1&Mine=2", "?mine=…&Mine=…"],
  ["", ""],
  ["?", ""],
])("of the query %s is kept %s", (query, kept) => {
  expect(recordedQuery(query, names, { query: ["mine"] })).toBe(kept);
});

test("of an identity stays what decides, not what says something of a person", () => {
  const identity = {
    ...{ ...anonymous, method: "jwt" as const, sub: "alice", issuer: "https://idp.example", scopes: ["a"] },
    claims: {
      ...{ email: "a@b.c", name: "Alice", tenant: "acme", level: 3, roles: ["x"], access_token: "abc", auth_time: 1 },
      ...{ mine: "1", nested: { deep: "x".repeat(bounds.valueCharsMax) }, note: `Bearer ${JWT}` },
    },
  };
  expect(recordedIdentity(identity, "login", { claims: ["mine"] })).toEqual({
    ...{ provider: "login", method: "jwt", sub: "alice", issuer: "https://idp.example", scopes: ["a"], groups: [] },
    claims: { tenant: "acme", level: 3, roles: ["x"], auth_time: 1 },
  });
});

test("secrets in a path or a reason go, the rest stays, and hostile texts are read quickly", () => {
  expect(withoutSecrets(`/reset/${JWT}/x`)).toBe("/reset/…/x");
  expect(withoutSecrets("no such user_name, 7 of 9")).toBe("no such user_name, 7 of 9");
  for (const piece of ["eyJ", "eyJ-", "a_", "a_a", "bearer ", "_"]) {
    const hostile = piece.repeat(16_384 / piece.length);
    recordedHeaders([["x-a", hostile]], names, undefined);
    recordedQuery(`?a=${hostile}`, names, undefined);
    withoutSecrets(hostile);
  }
});
