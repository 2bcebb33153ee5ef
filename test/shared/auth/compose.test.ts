import { describe, expect, test } from "vitest";
import { type AuthSettings, nextProof, type Proof, refuseIdentity } from "../../../shared/auth/compose.ts";
import { anonymous, type Identity } from "../../../shared/identity/identity.ts";

const identity = (sub: string, more: Partial<Identity> = {}): Identity => ({
  sub,
  issuer: `https://${sub}.example/`,
  scopes: [],
  claims: { sub },
  groups: [],
  method: "jwt",
  ...more,
});
const proven = (sub: string, more: Partial<Identity> = {}): Proof => ({
  kind: "proven",
  identity: identity(sub, more),
});
const absent: Proof = { kind: "absent" };
const refused: Proof = { kind: "refused", reason: "no good" };
const failed: Proof = { kind: "failed", cause: "issuer is away" };
const settings = (more: Partial<AuthSettings>): AuthSettings => ({ any: [], scopes: [], ...more });

/** Answers what is asked for, and says what was asked. */
function run(auth: AuthSettings, proofs: Record<string, Proof>) {
  const known = new Map<string, Proof>();
  const asked: string[] = [];
  for (;;) {
    const next = nextProof(auth, known);
    if (next.kind !== "ask") return { ...next, asked };
    asked.push(next.provider);
    known.set(next.provider, proofs[next.provider] ?? absent);
  }
}

describe("any", () => {
  const auth = settings({ any: ["a", "b"] });
  test("the first that accepts names the identity, and the rest is not asked", () => {
    expect(run(auth, { a: proven("alice"), b: proven("bob") })).toMatchObject({
      identity: { sub: "alice" },
      asked: ["a"],
    });
    expect(run(auth, { a: refused, b: proven("bob") })).toMatchObject({ identity: { sub: "bob" }, asked: ["a", "b"] });
    expect(run(auth, { a: failed, b: proven("bob") })).toMatchObject({ identity: { sub: "bob" } });
  });
  test("nothing sent is missing, something bad is refused, something unknown has failed", () => {
    expect(run(auth, {})).toMatchObject({ kind: "missing" });
    expect(run(auth, { a: absent, b: refused })).toMatchObject({ kind: "refused", reason: "b: no good" });
    expect(run(auth, { a: refused, b: failed })).toMatchObject({ kind: "failed" });
  });
});

describe("optional", () => {
  const auth = settings({ any: ["a", "b"], optional: true });
  test("nothing sent is anonymous; something bad is not", () => {
    expect(run(auth, {})).toMatchObject({ kind: "identity", identity: anonymous });
    expect(run(auth, { a: refused })).toMatchObject({ kind: "refused" });
    expect(run(auth, { b: failed })).toMatchObject({ kind: "failed" });
    expect(run(auth, { b: proven("bob") })).toMatchObject({ identity: { sub: "bob" } });
  });
  test("with `all`, a part of what is asked for is not nothing", () => {
    const all = settings({ all: ["a", "b"], optional: true });
    expect(run(all, {})).toMatchObject({ identity: anonymous });
    expect(run(all, { b: proven("bob") })).toMatchObject({ kind: "missing" });
  });
});

describe("all", () => {
  const auth = settings({ all: ["a", "b"] });
  test("each must accept", () => {
    expect(run(auth, { a: proven("alice") })).toMatchObject({ kind: "missing", reason: expect.stringContaining("a") });
    expect(run(auth, { a: proven("alice"), b: refused })).toMatchObject({ kind: "refused" });
    expect(run(auth, { a: failed, b: proven("bob") })).toMatchObject({ kind: "failed" });
  });
  test("the first is the subject, the others add to it", () => {
    const first = { scopes: ["x", "y"], groups: ["g"], claims: { sub: "alice", b: "forged" } };
    const second = { scopes: ["y", "z"], groups: ["g", "h"], plan: "gold", consumer: "app", claims: { tier: 1 } };
    expect(run(auth, { a: proven("alice", first), b: proven("bob", second) })).toMatchObject({
      identity: {
        sub: "alice",
        issuer: "https://alice.example/",
        scopes: ["x", "y", "z"],
        groups: ["g", "h"],
        plan: "gold",
        consumer: "app",
        claims: { sub: "alice", b: { tier: 1, sub: "bob", issuer: "https://bob.example/" } },
      },
    });
  });
  test("with `any`, both are needed", () => {
    const both = settings({ all: ["a"], any: ["b", "c"] });
    expect(run(both, { a: proven("alice"), c: proven("carol") })).toMatchObject({
      identity: { sub: "alice", claims: { c: { sub: "carol" } } },
    });
    expect(run(both, { a: proven("alice") })).toMatchObject({ kind: "missing" });
    expect(run(both, { c: proven("carol") })).toMatchObject({ kind: "missing" });
    expect(run(both, { a: refused, c: proven("carol") })).toMatchObject({ kind: "refused" });
  });
});

describe("what a route demands", () => {
  const never = () => {
    throw new Error("not asked");
  };
  const code = (auth: Partial<AuthSettings>, who: Identity, isTrue: (who: Identity) => boolean | string = never) =>
    refuseIdentity(settings(auth), who, isTrue)?.code;
  const alice = identity("alice", {
    scopes: ["r"],
    groups: ["staff"],
    claims: { tier: "gold", level: 3, roles: ["a", "b"], admin: true },
  });

  test("scopes: all of them", () => {
    expect(code({ scopes: ["r"] }, alice)).toBeUndefined();
    expect(code({ scopes: ["r", "w"] }, alice)).toBe("scope_missing");
  });
  test("claims: each with one of its values, by value and type", () => {
    expect(
      code({ claims: { tier: ["silver", "gold"], level: [3], roles: ["b"], admin: [true] } }, alice),
    ).toBeUndefined();
    for (const claims of [
      { tier: ["silver"] },
      { level: ["3"] },
      { roles: ["c"] },
      { admin: ["true"] },
      { none: ["x"] },
    ])
      expect(code({ claims }, alice)).toBe("not_permitted");
    expect(code({ claims: { constructor: ["x"] } }, alice)).toBe("not_permitted");
  });
  test("groups: one of them", () => {
    expect(code({ groups: ["ops", "staff"] }, alice)).toBeUndefined();
    expect(code({ groups: ["ops"] }, alice)).toBe("not_permitted");
    expect(code({ groups: [] }, alice)).toBe("not_permitted");
  });
  test("when: true, and what cannot be evaluated is not true", () => {
    expect(code({ when: "..." }, alice, () => true)).toBeUndefined();
    expect(code({ when: "..." }, alice, () => false)).toBe("not_permitted");
    expect(code({ when: "..." }, alice, () => "no such key")).toBe("not_permitted");
    expect(code({ when: "...", scopes: ["w"] }, alice)).toBe("scope_missing");
  });
  test("of somebody anonymous is a matter of credentials", () => {
    expect(code({ optional: true, scopes: ["r"] }, anonymous)).toBe("credentials_missing");
    expect(code({ optional: true, when: "..." }, anonymous, () => false)).toBe("credentials_missing");
    expect(code({ optional: true, when: "..." }, anonymous, () => true)).toBeUndefined();
  });
});
