import { Resolver } from "node:dns/promises";
import type { NamedEndpoint } from "../../../shared/discovery/admit.ts";
import { dnsPauseMs, endpointsOfSrv, usedRecords } from "../../../shared/discovery/dns-records.ts";
import type { DnsSource } from "../../../shared/discovery/settings.ts";
import { limits } from "../../../shared/limits.ts";
import type { Source, SourceEar } from "./source.ts";

/** Answers that say: there is none. */
const NONE = new Set(["ENOTFOUND", "ENODATA"]);

interface Addresses {
  readonly hosts: readonly string[];
  readonly ttls: readonly number[];
}

/** Endpoints by DNS, asked of its servers directly: neither the system's cache nor its files are in the way. */
export class DnsLookups implements Source {
  readonly #settings: DnsSource;
  /** What targets of SRV records had last: one whose look-up fails keeps it. */
  #known = new Map<string, readonly string[]>();

  constructor(settings: DnsSource) {
    this.#settings = settings;
  }

  async ask(ear: SourceEar, signal: AbortSignal): Promise<number> {
    const { name, type, port = 0, everyMs, servers } = this.#settings;
    const resolver = new Resolver({ timeout: limits.discovery.callTimeoutMs / 4, tries: 2 });
    if (servers !== undefined) resolver.setServers(servers);
    const stop = (): void => resolver.cancel();
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (type === "srv") return await this.#askServices(resolver, ear);
      const { hosts, ttls } = await addressesOf(resolver, name);
      ear.answer(hosts.map((host) => ({ host, port })));
      return dnsPauseMs(ttls, everyMs);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #askServices(resolver: Resolver, ear: SourceEar): Promise<number> {
    const { name, everyMs } = this.#settings;
    const said = await orNone(resolver.resolveSrv(name), name);
    const records = usedRecords(said.map(({ name: target, ...record }) => ({ target, ...record })));
    const targets = [...new Set(records.map(({ target }) => target))];
    const looked = await Promise.allSettled(targets.map((target) => addressesOf(resolver, target)));
    const found = new Map<string, readonly string[]>();
    const failures: unknown[] = [];
    looked.forEach((one, at) => {
      const target = targets[at] as string;
      if (one.status === "rejected") failures.push(one.reason);
      const hosts = one.status === "fulfilled" ? one.value.hosts : this.#known.get(target);
      if (hosts !== undefined) found.set(target, hosts);
    });
    const endpoints: NamedEndpoint[] = endpointsOfSrv(records, found);
    if (endpoints.length === 0 && failures.length > 0) throw failures[0];
    this.#known = found;
    ear.answer(endpoints);
    const ttls = looked.flatMap((one) => (one.status === "fulfilled" ? one.value.ttls : []));
    return dnsPauseMs(ttls, everyMs);
  }
}

/** Of IPv4; where there is none, of IPv6. */
async function addressesOf(resolver: Resolver, name: string): Promise<Addresses> {
  const v4 = await orNone(resolver.resolve4(name, { ttl: true }), name);
  const all = v4.length > 0 ? v4 : await orNone(resolver.resolve6(name, { ttl: true }), name);
  return { hosts: all.map(({ address }) => address), ttls: all.map(({ ttl }) => ttl) };
}

async function orNone<T>(asking: Promise<T[]>, name: string): Promise<T[]> {
  try {
    return await asking;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (NONE.has(code)) return [];
    throw new Error(`DNS does not say who ${name} is: ${code}`, { cause: error });
  }
}
