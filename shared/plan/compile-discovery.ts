import type { ServiceConfig } from "../config/schema.ts";
import type { DiscoveryConfig } from "../config/schema-discovery.ts";
import { splitAddress } from "../config/split-address.ts";
import { parseDurationMs } from "../config/units.ts";
import { WEIGHT_LABEL } from "../discovery/dns-records.ts";
import type { DiscoverySettings, DiscoverySource, Reach, StaticEndpoint } from "../discovery/settings.ts";
import { limits } from "../limits.ts";
import { ZONE_LABEL } from "../policy/zones.ts";
import { mapValues, sorted } from "./sorted.ts";

const { keepMsDefault, keepEmptyMsDefault, everyMsDefault } = limits.discovery;

/** Of a service's `discovery`; undefined: it has none. */
export function compileDiscovery({ discovery, port }: ServiceConfig): DiscoverySettings | undefined {
  if (discovery === undefined) return undefined;
  const source = compileSource(discovery, port);
  if (source === undefined) return undefined;
  const reach = compileReach(discovery.reach);
  const { host, allow, keepFor, keepEmptyFor } = discovery;
  const named = reach?.kind === "tls" ? (host ?? reach.name) : host;
  return {
    source,
    ...(reach !== undefined && { reach }),
    ...(named !== undefined && reach !== undefined && { host: named.toLowerCase() }),
    ...(allow !== undefined && { allow: sorted(allow) }),
    keepMs: durationOf(keepFor, keepMsDefault),
    keepEmptyMs: durationOf(keepEmptyFor, keepEmptyMsDefault),
  };
}

const durationOf = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : (parseDurationMs(text) ?? otherwise);

function compileSource(config: DiscoveryConfig, port: number): DiscoverySource | undefined {
  const { dns, kubernetes, consul } = config;
  if (config.static !== undefined) return { kind: "static", endpoints: compileStatic(config.static, port) };
  if (dns !== undefined) {
    const { name, type, every, servers } = dns;
    return {
      kind: "dns",
      name: name.toLowerCase(),
      type,
      ...(type === "a" && { port: dns.port ?? port }),
      everyMs: durationOf(every, everyMsDefault),
      ...(servers !== undefined && { servers: [...servers] }),
    };
  }
  if (kubernetes !== undefined) return { kind: "kubernetes", ...defined(kubernetes), port: kubernetes.port ?? port };
  return consul === undefined ? undefined : { kind: "consul", ...defined(consul) };
}

type Defined<T> = { [Name in keyof T]: Exclude<T[Name], undefined> };

/** The members that are stated. */
const defined = <T extends object>(config: T): Defined<T> =>
  Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)) as Defined<T>;

function compileStatic(endpoints: NonNullable<DiscoveryConfig["static"]>, port: number): StaticEndpoint[] {
  const all = endpoints.map((given) => {
    const { address, zone, weight, labels = {} } = typeof given === "string" ? { address: given } : given;
    const { host, port: own } = splitAddress(address);
    const more = {
      ...labels,
      ...(zone !== undefined && { [ZONE_LABEL]: zone }),
      ...(weight !== undefined && { [WEIGHT_LABEL]: String(weight) }),
    };
    return { host: host.toLowerCase(), port: own ?? port, labels: mapValues(more, (value) => value) };
  });
  const key = ({ host, port: at }: StaticEndpoint): string => `${host} ${at}`;
  return all.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

function compileReach(reach: DiscoveryConfig["reach"]): Reach | undefined {
  if (reach === undefined || reach === "agent") return undefined;
  if (reach === "plain") return { kind: "plain" };
  const { tls, spiffe } = reach;
  if (spiffe !== undefined) return { kind: "spiffe", id: spiffe };
  if (tls === undefined) return undefined;
  return { kind: "tls", name: tls.name.toLowerCase(), ...(tls.caFile !== undefined && { caFile: tls.caFile }) };
}
