/** What keeps requests together, by `balance.hash` of a service. */
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
  return "cookie" in source ? cookieOf(header("cookie") ?? "", source.cookie) : claimText(claims, source.claim);
}

/** First cookie of that name (RFC 6265 section 5.4). */
function cookieOf(field: string, name: string): string | undefined {
  for (const pair of field.split(";")) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
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
