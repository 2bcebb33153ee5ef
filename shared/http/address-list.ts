/** IP addresses and networks: `127.0.0.1`, `10.0.0.0/8`, `::1`, `fd00::/8` (RFC 4632, RFC 4291 section 2.3). */

interface Network {
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
  const bytes = addressBytes(address);
  return bytes !== undefined && networks.some((text) => lies(bytes, networkOf(text)));
}

function lies(bytes: readonly number[], network: Network | undefined): boolean {
  if (network === undefined || network.bytes.length !== bytes.length) return false;
  for (let at = 0, left = network.bits; left > 0; at++, left -= 8) {
    const mask = left >= 8 ? 0xff : (0xff << (8 - left)) & 0xff;
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

function ipv4Bytes(text: string): readonly number[] | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const bytes = match?.slice(1).map(Number);
  return bytes?.every((byte) => byte <= 255) ? bytes : undefined;
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
