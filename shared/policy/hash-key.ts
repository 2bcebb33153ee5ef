/** What keeps requests together, by `balance.hash` of a service. */
import { firstCookie } from "../http/cookies.ts";
import { hashText } from "./rendezvous.ts";
import type { HashSource } from "./settings.ts";

/**
 * @param header first value of a field by its lower-case name
 * @param claims of the end user's Txn-Token; undefined: none is known
 * @returns undefined when the request has none of it
 */
export function hashKeyOf(
  source: HashSource,
  header: (name: string) => string | undefined,
  claims: Readonly<Record<string, unknown>> | undefined,
): number | undefined {
  const text = textOf(source, header, claims);
  return text === undefined || text === "" ? undefined : hashText(text);
}

function textOf(
  source: HashSource,
  header: (name: string) => string | undefined,
  claims: Readonly<Record<string, unknown>> | undefined,
): string | undefined {
  if ("header" in source) return header(source.header);
  return "cookie" in source ? firstCookie(header("cookie"), source.cookie) : claimText(claims, source.claim);
}

/** A claim as text: `sub`, or `tctx.NAME` for a member of the context. Only texts, numbers and booleans are one. */
export function claimText(claims: Readonly<Record<string, unknown>> | undefined, name: string): string | undefined {
  const [outer, inner] = name.startsWith("tctx.") ? ["tctx", name.slice("tctx.".length)] : [name, undefined];
  const value = ownMember(claims, outer);
  const found = inner === undefined ? value : ownMember(value, inner);
  return typeof found === "string" || typeof found === "number" || typeof found === "boolean"
    ? String(found)
    : undefined;
}

function ownMember(object: unknown, name: string): unknown {
  if (typeof object !== "object" || object === null || !Object.hasOwn(object, name)) return undefined;
  return (object as Record<string, unknown>)[name];
}
