import { expect, test } from "vitest";
import { hashKeyOf } from "../../../shared/policy/hash-key.ts";
import { hashText } from "../../../shared/policy/rendezvous.ts";
import type { HashSource } from "../../../shared/policy/settings.ts";

const fields: Record<string, string> = { "x-user": "alice", cookie: "a=1; session=s1 ; session=s2;x" };
const claims = { sub: "alice", tctx: { plan: "gold", level: 3, list: ["gold"] } };

test.each<[HashSource, string | undefined]>([
  [{ header: "x-user" }, "alice"],
  [{ header: "x-none" }, undefined],
  [{ cookie: "session" }, "s1"],
  [{ cookie: "essio" }, undefined],
  [{ claim: "sub" }, "alice"],
  [{ claim: "tctx.plan" }, "gold"],
  [{ claim: "tctx.level" }, "3"],
  [{ claim: "tctx.list" }, undefined],
  [{ claim: "tctx.constructor" }, undefined],
  [{ claim: "constructor" }, undefined],
])("%j", (source, text) => {
  const key = hashKeyOf(source, (name) => fields[name], claims);
  expect(key).toBe(text === undefined ? undefined : hashText(text));
});

test("without a verified token there is no claim", () => {
  expect(hashKeyOf({ claim: "sub" }, () => undefined, undefined)).toBeUndefined();
});
