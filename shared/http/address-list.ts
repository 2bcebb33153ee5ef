/** IP addresses and networks: `127.0.0.1`, `10.0.0.0/8`, `::1`, `fd00::/8` (RFC 4632, RFC 4291 section 2.3). */

export interface Network {
  /** 4 or 16 bytes. */
  readonly bytes: readonly number[];
  readonly bits: number;
}

/** Whether a text is an address or a network. */
export function isNetwork(text: string): boolean {
  return networkOf(text) !== undefined;
}

/** Whether an address lies in one of the networks. An IPv4 address that is mapped into IPv6 is the IPv4 address. */
export function isAddressIn(address: string, networks: readonly string[]): boolean {
  return liesIn(address, parseNetworks(networks));
}

/** Networks for many questions; texts that are none are left out. */
export function parseNetworks(texts: readonly string[]): readonly Network[] {
  return texts.flatMap((text) => networkOf(text) ?? []);
}

/** The same as `isAddressIn`, of networks that were parsed before. */
export function liesIn(address: string, networks: readonly Network[]): boolean {
  const bytes = addressBytes(address);
  return bytes !== undefined && networks.some((network) => lies(bytes, network));
}

/**
 * The one way to write an address: four decimal numbers, or RFC 5952. An IPv4 address that is mapped into IPv6 is the IPv4
 * address.
 * @returns undefined for what is no address: a zone, a port, brackets, leading zeros of IPv4
 */
export function canonicalAddress(text: string): string | undefined {
  if (text.length > ADDRESS_CHARS_MAX) return undefined;
  if (IPV4.test(text)) return text;
  const bytes = addressBytes(text);
  return bytes === undefined ? undefined : addressText(bytes);
}

/** How much of an address tells clients apart, in bits. */
export interface AddressPrefix {
  readonly v4: number;
  readonly v6: number;
}

/** One IPv4 client has an address, one IPv6 host a /64 at least (RFC 6177 section 2). */
export const CLIENT_PREFIX: AddressPrefix = { v4: 32, v6: 64 };

/**
 * The network that an address counts by, such as `192.0.2.7` or `2001:db8:1:2::/64`.
 * @returns undefined for what is no address
 */
export function addressGroup(text: string, prefix: AddressPrefix = CLIENT_PREFIX): string | undefined {
  if (text.length > ADDRESS_CHARS_MAX) return undefined;
  if (prefix.v4 === 32 && IPV4.test(text)) return text;
  const bytes = addressBytes(text);
  if (bytes === undefined) return undefined;
  const bits = bytes.length === 4 ? prefix.v4 : prefix.v6;
  if (bits >= bytes.length * 8) return addressText(bytes);
  return `${addressText(bytes.map((byte, at) => byte & maskAt(at, bits)))}/${bits}`;
}

/** Whom what one client may cause is counted by. @param address absent: those whose address nobody knows count together */
export function clientGroup(address: string | undefined): string {
  return (address === undefined ? undefined : addressGroup(address)) ?? "unknown";
}

/** An IPv6 address with an IPv4 address written out in its end. */
const ADDRESS_CHARS_MAX = 45;

/** The byte of a netmask at a place. */
function maskAt(at: number, bits: number): number {
  const left = Math.min(8, Math.max(0, bits - at * 8));
  return (0xff << (8 - left)) & 0xff;
}

function addressText(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => (bytes[at * 2] as number) * 256 + (bytes[at * 2 + 1] as number));
  const run = longestZeros(groups);
  const text = (some: readonly number[]): string => some.map((group) => group.toString(16)).join(":");
  if (run.length < 2) return text(groups);
  return `${text(groups.slice(0, run.at))}::${text(groups.slice(run.at + run.length))}`;
}

/** The first of the longest runs of zeros (RFC 5952 section 4.2.3). */
function longestZeros(groups: readonly number[]): { at: number; length: number } {
  let longest = { at: 0, length: 0 };
  for (let at = 0; at < groups.length; at++) {
    let end = at;
    while (groups[end] === 0) end++;
    if (end - at > longest.length) longest = { at, length: end - at };
    at = Math.max(at, end - 1);
  }
  return longest;
}

function lies(bytes: readonly number[], network: Network): boolean {
  if (network.bytes.length !== bytes.length) return false;
  for (let at = 0; at * 8 < network.bits; at++) {
    const mask = maskAt(at, network.bits);
    if (((bytes[at] as number) & mask) !== ((network.bytes[at] as number) & mask)) return false;
  }
  return true;
}

function networkOf(text: string): Network | undefined {
  const [, address = "", length] = /^([^/]{1,45})(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bytes = addressBytes(address);
  if (bytes === undefined) return undefined;
  const bits = length === undefined ? bytes.length * 8 : Number(length);
  return bits <= bytes.length * 8 ? { bytes, bits } : undefined;
}

function addressBytes(text: string): readonly number[] | undefined {
  if (!text.includes(":")) return ipv4Bytes(text);
  const bytes = ipv6Bytes(text);
  const isMapped = bytes?.every((byte, at) => at >= 12 || byte === (at < 10 ? 0 : 0xff));
  return isMapped ? bytes?.slice(12) : bytes;
}

const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
/** Without leading zeros, which some read as octal numbers (RFC 6943 section 3.1.1), so that there is one way to write it. */
const IPV4 = new RegExp(`^${BYTE}\\.${BYTE}\\.${BYTE}\\.${BYTE}$`);

function ipv4Bytes(text: string): readonly number[] | undefined {
  return IPV4.test(text) ? text.split(".").map(Number) : undefined;
}

function ipv6Bytes(text: string): readonly number[] | undefined {
  const halves = withoutDots(text).split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":").map(groupBytes)));
  const before = (head ?? []).flat();
  const after = (tail ?? []).flat();
  const given = before.length + after.length;
  if ([...before, ...after].includes(undefined) || (tail === undefined ? given !== 16 : given > 14)) return undefined;
  return [...before, ...new Array<number>(16 - given).fill(0), ...after] as number[];
}

/** An IPv4 address may stand for the last two groups. */
function withoutDots(text: string): string {
  const at = text.lastIndexOf(":") + 1;
  const [a = 0, b = 0, c = 0, d] = ipv4Bytes(text.slice(at)) ?? [];
  if (d === undefined) return text;
  return `${text.slice(0, at)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function groupBytes(group: string): readonly (number | undefined)[] {
  if (!/^[0-9A-Fa-f]{1,4}$/.test(group)) return [undefined];
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
}
