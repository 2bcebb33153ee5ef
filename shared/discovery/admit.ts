/** Which of the endpoints that a source names are taken into use: sources may be wrong, or in somebody else's hands. */
import { canonicalAddress, liesIn, type Network, parseNetworks } from "../http/address-list.ts";
import { limits } from "../limits.ts";
import type { ViewEndpoint } from "../policy/endpoint.ts";

/** What a source names. */
export interface NamedEndpoint {
  /** As the source knows it. Absent: it is known by its address. */
  readonly name?: string;
  /** An address. */
  readonly host: string;
  readonly port: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Sorted, so that the same answer in another order is the same. */
export interface Admitted {
  readonly endpoints: readonly ViewEndpoint[];
  readonly refused: number;
  /** Why, of the first that was refused. */
  readonly reason?: string;
}

/**
 * Addresses that mean the machine of whoever asks, its network segment, or the service of its platform that hands out credentials.
 * RFC 6890, RFC 4291 section 2.4, RFC 3927; the metadata services of AWS over IPv6 and of Alibaba Cloud.
 */
const SPECIAL: readonly (readonly [what: string, networks: readonly Network[]])[] = (
  [
    ["loopback", ["127.0.0.0/8", "::1"]],
    ["unspecified", ["0.0.0.0/8", "::"]],
    ["a metadata service", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200"]],
    ["link-local", ["169.254.0.0/16", "fe80::/10"]],
    ["multicast or broadcast", ["224.0.0.0/4", "255.255.255.255", "ff00::/8"]],
  ] as const
).map(([what, texts]) => [what, parseNetworks(texts)]);

/**
 * Why an address is not called unless the document allows it; undefined: it is.
 * @param host an address
 */
export function refuseAddress(host: string, allowed: readonly Network[]): string | undefined {
  const special = SPECIAL.find(([, networks]) => liesIn(host, networks));
  if (special === undefined || liesIn(host, allowed)) return undefined;
  return `${host} is ${special[0]}: name its network in \`allow\` to call it`;
}

/** @param allowed networks of special addresses that may be called all the same */
export function admitEndpoints(named: readonly NamedEndpoint[], allowed: readonly Network[]): Admitted {
  const taken = new Map<string, ViewEndpoint>();
  const reasons: string[] = [];
  for (const one of named) {
    const address = canonicalAddress(one.host);
    const reason = refuse(one, address, allowed, taken.size);
    if (reason !== undefined || address === undefined) reasons.push(reason ?? "");
    else {
      const place = address.includes(":") ? `[${address}]:${one.port}` : `${address}:${one.port}`;
      if (!taken.has(place)) taken.set(place, endpointOf(one, address, place));
    }
  }
  const places = [...taken.keys()].sort();
  const [reason] = reasons;
  return {
    endpoints: places.map((place) => taken.get(place) as ViewEndpoint),
    refused: reasons.length,
    ...(reason !== undefined && { reason }),
  };
}

function refuse(
  { host, port }: NamedEndpoint,
  address: string | undefined,
  allowed: readonly Network[],
  count: number,
): string | undefined {
  if (address === undefined) return `${JSON.stringify(host.slice(0, limits.wire.hostCharsMax))} is no IP address`;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return `${address} has no port that can be called`;
  if (count >= limits.discovery.endpointsMax) return `more than ${limits.discovery.endpointsMax} endpoints`;
  return refuseAddress(address, allowed);
}

const NAME = /^[\x21-\x7e]+$/;
const LABEL = /^[\x20-\x7e]*$/;

function endpointOf({ name, port, labels = {} }: NamedEndpoint, host: string, place: string): ViewEndpoint {
  const isName = name !== undefined && NAME.test(name) && name.length <= limits.wire.instanceCharsMax;
  const { labelsMax, labelCharsMax } = limits.discovery;
  const usable = Object.entries(labels)
    .filter((pair) => pair[0] !== "__proto__" && pair.every((text) => text.length <= labelCharsMax && LABEL.test(text)))
    .slice(0, labelsMax);
  return { instance: isName ? name : place, host, port, labels: Object.fromEntries(usable) };
}
