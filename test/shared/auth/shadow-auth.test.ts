import fc from "fast-check";
import { expect, test } from "vitest";
import { type AuthSettings, nextProof, type Proof, refuseIdentity } from "../../../shared/auth/compose.ts";
import { passInShadow } from "../../../shared/auth/shadow-auth.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { anonymous, type Identity } from "../../../shared/identity/identity.ts";

const scopes = fc.subarray(["read", "write"]);
const identities = fc
  .record({ sub: fc.constantFrom("ann", "bob"), scopes })
  .map(({ sub, scopes: granted }): Identity => ({ ...anonymous, method: "jwt", issuer: "i", sub, scopes: granted }));
const proofs = fc.oneof(
  identities.map((identity): Proof => ({ kind: "proven", identity })),
  fc.constantFrom<Proof>(
    { kind: "absent" },
    { kind: "refused", reason: "bad" },
    { kind: "failed", cause: new SelvageError("keys_unavailable", "away") },
    { kind: "failed", cause: new Error("?") },
  ),
);
const settings = fc.record({
  any: fc.subarray(["a", "b"]),
  all: fc.subarray(["c", "d"]),
  scopes,
  optional: fc.constantFrom(undefined, true as const),
});

test("property: nobody is more in shadow than enforced, and what would refuse is what refuses", () => {
  fc.assert(
    fc.property(
      settings,
      fc.dictionary(fc.constantFrom("a", "b", "c", "d"), proofs),
      fc.boolean(),
      (auth, all, isTrue) => {
        const asked = { ...auth, when: "?" } as AuthSettings;
        const known = new Map<string, Proof>(
          ["a", "b", "c", "d"].map((name) => [name, all[name] ?? { kind: "absent" }]),
        );
        const outcome = nextProof(asked, known);
        if (outcome.kind === "ask") throw new Error("all are known");
        const { identity, refusal } = passInShadow(asked, outcome, () => isTrue);
        if (outcome.kind !== "identity") {
          expect(identity).toBe(anonymous);
          expect(refusal?.code).toMatch(/^(credentials_missing|credentials_invalid|keys_unavailable|internal)$/);
        } else {
          expect(identity).toBe(outcome.identity);
          expect(refusal).toEqual(refuseIdentity(asked, outcome.identity, () => isTrue));
        }
      },
    ),
  );
});
