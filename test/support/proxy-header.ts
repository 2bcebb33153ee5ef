/** Headers of the PROXY protocol as load balancers write them. */
import { isIPv4 } from "node:net";

const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

/** @param values what follows the addresses */
export function binaryHeader(versionAndCommand: number, family: number, addresses: Buffer, values = ""): Buffer {
  const head = Buffer.from([versionAndCommand, family, 0, 0]);
  const rest = Buffer.concat([addresses, Buffer.from(values, "latin1")]);
  head.writeUInt16BE(rest.length, 2);
  return Buffer.concat([SIGNATURE, head, rest]);
}

/** IPv4, or IPv6 without a zone. */
function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  const [left = "", right] = address.split("::");
  const groups = (text: string | undefined): string[] => (text === undefined || text === "" ? [] : text.split(":"));
  const [before, after] = [groups(left), groups(right)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(""), "hex");
}

/** Version 2, PROXY, over TCP. */
export function proxyV2(address: string, port: number, values = ""): Buffer {
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(port, 0);
  ports.writeUInt16BE(443, 2);
  const family = isIPv4(address) ? 0x11 : 0x21;
  const to = isIPv4(address) ? "192.0.2.254" : "2001:db8::fe";
  return binaryHeader(0x21, family, Buffer.concat([addressBytes(address), addressBytes(to), ports]), values);
}

/** Version 2: the proxy speaks for itself. */
export const localV2 = (): Buffer => binaryHeader(0x20, 0, Buffer.alloc(0));

/** Version 1, over TCP. */
export function proxyV1(address: string, port: number): Buffer {
  const isV4 = isIPv4(address);
  return Buffer.from(
    `PROXY ${isV4 ? "TCP4" : "TCP6"} ${address} ${isV4 ? "192.0.2.254" : "2001:db8::fe"} ${port} 443\r\n`,
  );
}
