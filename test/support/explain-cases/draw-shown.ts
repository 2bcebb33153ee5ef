/** How a request proves whom it is of. */
import type { Draw } from "./draw.ts";
import { SCOPES, TENANTS } from "./words.ts";

type Claims = Readonly<Record<string, unknown>>;

export type Shown =
  | { readonly kind: "none" }
  | { readonly kind: "basic" }
  | { readonly kind: "broken" }
  | { readonly kind: "token"; readonly claims: Claims }
  /** A token that is bound to a key, and the proof of it. */
  | {
      readonly kind: "bound";
      readonly claims: Claims;
      readonly fault: "none" | "method" | "path" | "missing" | "scheme";
    }
  /** One of the keys that there are. */
  | { readonly kind: "key"; readonly at: number }
  /** A client certificate, by its name among those of the tests. */
  | { readonly kind: "certificate"; readonly name: "device" | "two" | "plain" | "foreign" }
  | { readonly kind: "signature"; readonly fault: "none" | "keyid" | "covered" | "old" | "bytes" }
  /** An opaque token: whose, or one that nobody knows. */
  | { readonly kind: "opaque"; readonly token: "of-alice" | "of-bob" | "of-nobody" };

/** @param keys how many there are @param nowMs milliseconds since the epoch */
export function drawShown(draw: Draw, keys: number, nowMs: number): Shown {
  if (draw.chance(30)) return { kind: "none" };
  if (draw.chance(5)) return { kind: "basic" };
  if (draw.chance(5)) return { kind: "broken" };
  if (draw.chance(28)) return { kind: "key", at: draw.below(keys) };
  if (draw.chance(10)) return { kind: "certificate", name: draw.one(["device", "device", "two", "plain", "foreign"]) };
  if (draw.chance(10))
    return { kind: "signature", fault: draw.one(["none", "none", "none", "keyid", "covered", "old", "bytes"]) };
  if (draw.chance(10)) return { kind: "opaque", token: draw.one(["of-alice", "of-alice", "of-bob", "of-nobody"]) };
  const claims = drawClaims(draw, nowMs);
  if (draw.chance(10))
    return { kind: "bound", claims, fault: draw.one(["none", "none", "method", "path", "missing", "scheme"]) };
  return { kind: "token", claims };
}

function drawClaims(draw: Draw, nowMs: number): Claims {
  const now = Math.floor(nowMs / 1000);
  return {
    sub: draw.one(["alice", "bob"]),
    scope: draw.one(["", ...SCOPES, "read write"]),
    ...draw.maybe(60, "tenant", () => draw.one(TENANTS)),
    ...draw.maybe(40, "groups", () => draw.some(["staff", "ops"])),
    ...draw.maybe(30, "plan", () => draw.one(["gold", "free"])),
    ...draw.maybe(4, "aud", () => "another"),
    ...draw.maybe(4, "iss", () => "https://evil.example/"),
    ...draw.maybe(4, "exp", () => now - 3600),
    ...draw.maybe(3, "nbf", () => now + 3600),
  };
}
