import type { DiscoverySource } from "../../../shared/discovery/settings.ts";
import { ConsulQueries } from "./consul-source.ts";
import { DnsLookups } from "./dns-source.ts";
import { KubernetesWatch } from "./kubernetes-source.ts";
import type { Source } from "./source.ts";

/** @returns undefined for a list, which nobody has to be asked for */
export function openSource(source: DiscoverySource): Source | undefined {
  if (source.kind === "dns") return new DnsLookups(source);
  if (source.kind === "kubernetes") return new KubernetesWatch(source, process.env);
  return source.kind === "consul" ? new ConsulQueries(source) : undefined;
}
