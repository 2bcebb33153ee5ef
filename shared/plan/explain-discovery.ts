import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import type { DiscoverySettings, DiscoverySource, Reach } from "../discovery/settings.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { ServicePlan } from "./plan.ts";

/** Where a service's endpoints are found beside its agents; which there are now, callers' agents know. */
export function explainDiscovery({ discovery }: ServicePlan, at: Path): ExplainStep[] {
  if (discovery === undefined) return [];
  return [step("endpoints", "note", `${sourceText(discovery)}; ${reachText(discovery.reach)}`, [...at, "discovery"])];
}

function sourceText({ source, keepMs, keepEmptyMs }: DiscoverySettings): string {
  const what = `registered agents, and ${named(source)}`;
  if (source.kind === "static") return what;
  const empty = keepEmptyMs === 0 ? "not at all" : `for ${formatDuration(keepEmptyMs)}`;
  return `${what}: the last list stays for ${formatDuration(keepMs)} without an answer, ${empty} against an empty one`;
}

function named(source: DiscoverySource): string {
  if (source.kind === "static") return `${source.endpoints.length} of a list`;
  if (source.kind === "dns") return `those that DNS names for ${source.name} (${source.type})`;
  if (source.kind === "kubernetes") return `the pods of ${source.namespace}/${source.service} in Kubernetes`;
  return `the healthy instances of ${source.service} in Consul`;
}

function reachText(reach: Reach | undefined): string {
  if (reach === undefined) return "each through an agent that proves to be the service";
  if (reach.kind === "spiffe") return `by mutual TLS with ${reach.id}, which decides itself who may call`;
  const how = reach.kind === "tls" ? `by TLS with ${reach.name}` : "without encryption";
  return `what is found ${how}, without an agent: only callers' agents enforce who may call`;
}
