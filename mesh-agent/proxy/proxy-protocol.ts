/** What a load balancer says before a client's first byte: the PROXY protocol, version 1 (text) and 2 (binary), as strictly as it is written. */
import { canonicalAddress } from "../../shared/http/address-list.ts";
import { limits } from "../../shared/limits.ts";
import type { Peer } from "./engine.ts";

export interface ProxyHeader {
  /** Bytes of the header; the client's begin behind it. */
  readonly length: number;
  /** Who the client is. Absent: the proxy speaks for itself (LOCAL), or does not know (UNKNOWN, UNSPEC, UNIX). */
  readonly source?: Pick<Peer, "address" | "port">;
}

/** What is no header. */
export class ProxyFault {
  /** For operators. */
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const TEXT_START = Buffer.from("PROXY ", "latin1");
/** With CRLF, section 2.1. */
const TEXT_BYTES_MAX = 107;
const TEXT = /^PROXY (?:(TCP[46]) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+)|UNKNOWN(?: .*)?)$/;
const PORT = /^(?:0|[1-9]\d{0,4})$/;

const FIXED_BYTES = 16;
/** Families and how many bytes their addresses take: over streams alone, for nothing else is spoken here (section 2.2). */
const ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [0x00, 0],
  [0x11, 12],
  [0x21, 36],
  [0x31, 216],
]);
const TCP4 = 0x11;
const TCP6 = 0x21;
/** A type and a length stand before each value that may follow the addresses. */
const TLV_BYTES = 3;

/**
 * Reads a header from the first bytes of a connection.
 * @returns undefined: there is more to come
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | ProxyFault | undefined {
  if (startsAs(bytes, SIGNATURE)) return bytes.length < FIXED_BYTES ? undefined : parseBinary(bytes);
  if (startsAs(bytes, TEXT_START)) return parseText(bytes);
  return new ProxyFault("the connection does not begin with a PROXY header");
}

/** As far as there are bytes. */
function startsAs(bytes: Buffer, start: Buffer): boolean {
  const size = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, size, 0, size) === 0;
}

function parseText(bytes: Buffer): ProxyHeader | ProxyFault | undefined {
  const end = bytes.subarray(0, TEXT_BYTES_MAX).indexOf("\r\n");
  if (end < 0) return bytes.length < TEXT_BYTES_MAX ? undefined : new ProxyFault("the PROXY line is too long");
  const length = end + 2;
  const match = TEXT.exec(bytes.toString("latin1", 0, end));
  if (match === null) return new ProxyFault("the PROXY line is malformed");
  const [, family, ...said] = match;
  if (family === undefined) return { length };
  const [address = "", to = "", port = "", toPort = ""] = said;
  const source = addressOf(family, address);
  if (source === undefined || addressOf(family, to) === undefined)
    return new ProxyFault(`an address of the PROXY line is none of ${family}`);
  if (![port, toPort].every((one) => PORT.test(one) && Number(one) <= 65_535))
    return new ProxyFault("a port of the PROXY line is none");
  return { length, source: { address: source, port: Number(port) } };
}

function addressOf(family: string, text: string): string | undefined {
  return text.includes(":") === (family === "TCP6") ? canonicalAddress(text) : undefined;
}

function parseBinary(bytes: Buffer): ProxyHeader | ProxyFault | undefined {
  const version = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const length = FIXED_BYTES + bytes.readUInt16BE(14);
  if (version !== 0x20 && version !== 0x21) return new ProxyFault("the PROXY header has another version or command");
  if (length > limits.front.proxyHeaderBytesMax) return new ProxyFault("the PROXY header is too large");
  const addressBytes = ADDRESS_BYTES.get(family);
  // What is said with LOCAL means nothing.
  const isLocal = version === 0x20;
  if (!isLocal && addressBytes === undefined) return new ProxyFault("the PROXY header is of no known stream");
  if (!isLocal && length < FIXED_BYTES + (addressBytes ?? 0))
    return new ProxyFault("the PROXY header is shorter than its addresses");
  if (bytes.length < length) return undefined;
  if (isLocal || family === 0) return { length };
  if (!areValues(bytes, FIXED_BYTES + (addressBytes ?? 0), length))
    return new ProxyFault("a value of the PROXY header is longer than the header");
  return { length, ...sourceOf(bytes, family) };
}

function areValues(bytes: Buffer, from: number, to: number): boolean {
  let at = from;
  while (at + TLV_BYTES <= to) at += TLV_BYTES + bytes.readUInt16BE(at + 1);
  return at === to;
}

function sourceOf(bytes: Buffer, family: number): Pick<ProxyHeader, "source"> {
  if (family === TCP4) return { source: { address: bytes.subarray(16, 20).join("."), port: bytes.readUInt16BE(24) } };
  if (family !== TCP6) return {};
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(16 + at * 2).toString(16)).join(":");
  return { source: { address: canonicalAddress(groups) ?? groups, port: bytes.readUInt16BE(48) } };
}
