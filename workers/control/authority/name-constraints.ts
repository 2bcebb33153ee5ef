/** Name constraints (RFC 5280 section 4.2.1.10), which @peculiar/x509 carries but has no class for. */
import { type Bytes, utf8 } from "./bytes.ts";
import { readDer } from "./der.ts";

/** DER tags: SEQUENCE, permittedSubtrees [0], excludedSubtrees [1], and the GeneralNames dNSName [2], uniformResourceIdentifier [6], iPAddress [7]. */
const SEQUENCE = 0x30;
const PERMITTED = 0xa0;
const EXCLUDED = 0xa1;
const DNS_NAME = 0x82;
const URI = 0x86;
const IP_ADDRESS = 0x87;

/**
 * Permits URIs whose host is the trust domain, exactly, and no DNS name or IP address at all: a stolen issuing key
 * makes nothing that a web client would take.
 * @returns DER of the extension's value
 */
export function uriNameConstraints(trustDomain: string): Bytes {
  const permitted = subtree(URI, utf8(trustDomain));
  const excluded = [
    subtree(DNS_NAME, new Uint8Array(0)),
    subtree(IP_ADDRESS, new Uint8Array(8)),
    subtree(IP_ADDRESS, new Uint8Array(32)),
  ];
  return element(SEQUENCE, [element(PERMITTED, [permitted]), element(EXCLUDED, excluded)]);
}

function subtree(tag: number, value: Bytes): Bytes {
  return element(SEQUENCE, [element(tag, [value])]);
}

/** One DER element of at most 65,535 bytes. */
function element(tag: number, parts: readonly Bytes[]): Bytes {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** `directoryName` [4], which is constructed. */
const DIRECTORY_NAME = 0xa4;

/**
 * Whether an authority with these constraints may sign SPIFFE IDs of a trust domain, by the rules of RFC 5280 section
 * 4.2.1.10: a constraint is a host, or a domain that begins with a period; what is not mentioned is not constrained.
 * @param value DER of the extension's value
 * @returns why not
 * @throws RangeError for what is no DER
 */
export function refuseConstraints(value: Bytes, trustDomain: string): string | undefined {
  const subtrees = (wanted: number) =>
    readDer(value)
      .parts.filter(({ tag }) => tag === wanted)
      .flatMap(({ parts }) => parts.map((subtree) => subtree.parts[0]))
      .filter((base) => base !== undefined);
  const permitted = subtrees(PERMITTED);
  const excluded = subtrees(EXCLUDED);
  if ([...permitted, ...excluded].some(({ tag }) => tag === DIRECTORY_NAME))
    return "it has name constraints on subjects, of which this authority cannot say whether its certificates fit";
  const hosts = (bases: typeof permitted) =>
    bases.filter(({ tag }) => tag === URI).map((base) => new TextDecoder().decode(base.value));
  const allowed = hosts(permitted);
  if (allowed.length > 0 && !allowed.some((base) => isWithin(trustDomain, base)))
    return `its name constraints permit URIs of ${allowed.join(", ")}, not of ${trustDomain}`;
  const banned = hosts(excluded).find((base) => isWithin(trustDomain, base));
  return banned === undefined ? undefined : `its name constraints exclude URIs of ${banned}`;
}

function isWithin(host: string, base: string): boolean {
  const [name, constraint] = [host.toLowerCase(), base.toLowerCase()];
  return constraint === "" || (constraint.startsWith(".") ? name.endsWith(constraint) : name === constraint);
}
