/**
 * The client's address where proxies stand before the gateway. What proxies add is read from the right, for only that end is
 * theirs: whatever stands further left than the first address that is not trusted was the client's own to write.
 */
import { limits } from "../limits.ts";
import { canonicalAddress, liesIn, type Network, parseNetworks } from "./address-list.ts";

export const X_FORWARDED_FOR = "x-forwarded-for";
export const FORWARDED = "forwarded";

export interface ClientIpSettings {
  /** Addresses and networks of the proxies whose word is believed. */
  readonly trustedProxies: readonly string[];
  /** Lower case: `forwarded` and `x-forwarded-for` are lists, every other one holds a single address. */
  readonly header: string;
}

/** The settings, ready for many requests. */
export interface ClientIpRules {
  readonly header: string;
  readonly trusted: readonly Network[];
}

export function clientIpRules({ trustedProxies, header }: ClientIpSettings): ClientIpRules {
  return { header, trusted: parseNetworks(trustedProxies) };
}

export interface FoundAddress {
  /** Canonical; absent: nobody can say. */
  readonly address?: string;
  /**
   * `peer`: it is who is connected to us, whose word nobody asks. `proxy`: a trusted proxy, which names nobody that it asks
   * for. `field`: a trusted proxy names it. `unreadable`: what a trusted proxy says is no address.
   */
  readonly by: "peer" | "proxy" | "field" | "unreadable";
}

/**
 * @param peer who is connected to us, by the platform's word
 * @param field value of a field of the request, its lines joined by commas in their order (RFC 9110 section 5.3)
 * @param rules absent: nobody is trusted
 */
export function findClientAddress(
  peer: string | undefined,
  field: (name: string) => string | null | undefined,
  rules: ClientIpRules | undefined,
): FoundAddress {
  const address = peer === undefined ? undefined : canonicalAddress(peer);
  if (address === undefined) return { by: "peer" };
  if (rules === undefined || !liesIn(address, rules.trusted)) return { address, by: "peer" };
  const value = field(rules.header) ?? "";
  if (value === "") return { address, by: "proxy" };
  if (rules.header === FORWARDED) return walkBack(value, address, rules, takeForwarded);
  if (rules.header === X_FORWARDED_FOR) return walkBack(value, address, rules, takeListed);
  const stated = addressOfNode(value);
  return stated === undefined ? { by: "unreadable" } : { address: stated, by: "field" };
}

/** The last element of a list: whom it names, and where it begins. `node` is absent when it is not of the field's form. */
interface LastElement {
  readonly node?: string;
  readonly at: number;
}

function walkBack(
  value: string,
  peer: string,
  { trusted }: ClientIpRules,
  take: (value: string) => LastElement,
): FoundAddress {
  let rest = withoutEmptyEnd(value);
  let found: FoundAddress = { address: peer, by: "proxy" };
  for (let hops = 0; rest !== ""; hops++) {
    if (hops === limits.clientIp.hopsMax) return { by: "unreadable" };
    const { node, at } = take(rest);
    const address = node === undefined ? undefined : addressOfNode(node);
    if (address === undefined) return { by: "unreadable" };
    found = { address, by: "field" };
    if (!liesIn(address, trusted)) break;
    rest = withoutEmptyEnd(rest.slice(0, at));
  }
  return found;
}

/** Empty elements of a list mean nothing (RFC 9110 section 5.6.1.2). */
function withoutEmptyEnd(value: string): string {
  let end = value.length;
  while (end > 0 && ", \t".includes(value[end - 1] as string)) end--;
  return value.slice(0, end);
}

function takeListed(value: string): LastElement {
  const at = value.lastIndexOf(",") + 1;
  return { node: value.slice(at).replace(/^[ \t]+/, ""), at };
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PAIR = `(${TOKEN})=(${TOKEN}|"[^"\\\\]*")`;
const PAIRS = new RegExp(PAIR, "g");
/** An element of RFC 7239 section 4 without escapes, which neither addresses nor host names have. */
const ELEMENT = new RegExp(`^[ \\t]*(?:${PAIR})?(?:;[ \\t]*(?:${PAIR})?)*[ \\t]*$`);

/**
 * A comma may stand in a quoted string, so an element begins behind the last comma whose rest is one. Behind a comma of a
 * quoted string the rest has an odd quote, or an escape.
 */
function takeForwarded(value: string): LastElement {
  const from = Math.max(0, value.length - limits.clientIp.elementCharsMax);
  for (let end = value.length; end > from; ) {
    const comma = value.lastIndexOf(",", end - 1);
    const at = comma + 1;
    if (at < from) break;
    const element = value.slice(at);
    if (ELEMENT.test(element)) return { ...nodeOf(element), at };
    if (comma < 0) break;
    end = comma;
  }
  return { at: 0 };
}

/** No parameter occurs more than once in an element (RFC 7239 section 4). */
function nodeOf(element: string): { node?: string } {
  const named = [...element.matchAll(PAIRS)].filter(([, name = ""]) => name.toLowerCase() === "for");
  const [[, , value = ""] = []] = named;
  return named.length === 1 ? { node: value.replaceAll('"', "") } : {};
}

/**
 * A node (RFC 7239 section 6): an address, in brackets where it is IPv6, maybe with a port. Bare IPv6 is read, too, as
 * `X-Forwarded-For` has it. `unknown` and obfuscated identifiers name nobody.
 */
function addressOfNode(node: string): string | undefined {
  const [, bracketed] = /^\[([^[\]]+)\](?::\d{1,5})?$/.exec(node) ?? [];
  if (bracketed !== undefined) return bracketed.includes(":") ? canonicalAddress(bracketed) : undefined;
  const [, v4] = /^([\d.]+):\d{1,5}$/.exec(node) ?? [];
  return canonicalAddress(v4 ?? node);
}
