/** What of the counters an operator must be told without asking for it. */
import { limits } from "../limits.ts";
import { OTHERS, type SeriesCounts } from "./counters.ts";
import type { FleetVerdict } from "./fleet-verdict.ts";
import type { FleetBudget } from "./outage-budget.ts";

/** `code` is a stable name of what is wrong, `text` one sentence. */
export type Alarm = { readonly text: string } & (
  | {
      readonly code: "limit_uncounted";
      readonly requests: number;
      readonly route: string;
      readonly limit: string;
      readonly answered: "open" | "closed";
    }
  /** Of a limit of a service that is counted over all its instances. */
  | {
      readonly code: "service_limit_uncounted";
      readonly requests: number;
      readonly service: string;
      readonly limit: string;
      readonly answered: "share" | "open" | "closed";
    }
  | { readonly code: "upstream_unhealthy"; readonly requests: number; readonly upstream: string }
  /** `requests` to a service, and the attempts behind the first of them, of all callers. */
  | { readonly code: "retries_high"; readonly service: string; readonly requests: number; readonly retries: number }
  /** A secret of the document that some gateways or agents lack. */
  | {
      readonly code: "secret_missing";
      readonly secret: string;
      /** How many isolates of the gateway, and of which services agents. */
      readonly gateways: number;
      readonly services: readonly string[];
    }
  /** `agents`: how many are below the bound; `agent`: the one that is lowest. */
  | {
      readonly code: "outage_budget";
      readonly agents: number;
      readonly agent: string;
      readonly budgetMs: number;
      readonly boundMs: number;
    }
);

/** @param fleet undefined: there is no agent */
export function outageAlarms(fleet: FleetBudget | undefined): Alarm[] {
  if (fleet === undefined || fleet.below === 0) return [];
  const { below: agents, budgetMs, boundMs, until } = fleet;
  const agent = `${fleet.service}/${fleet.instance}`;
  const many = agents === 1 ? "1 agent goes on" : `${agents} agents go on`;
  const least = budgetMs === 0 ? "has nothing left" : `for ${spoken(budgetMs)}`;
  const text = `${many} for less than ${spoken(boundMs)} without the control plane; \`${agent}\` ${least} (${until.by})`;
  return [{ code: "outage_budget", agents, agent, budgetMs, boundMs, text }];
}

/** @param verdicts by service */
export function retryAlarms(verdicts: ReadonlyMap<string, FleetVerdict>): Alarm[] {
  return [...verdicts].flatMap(([service, verdict]): Alarm[] => {
    if (verdict.retries === undefined) return [];
    const { requests, retries } = verdict.retries;
    const percent = Math.round((100 * retries) / (requests + retries));
    const text = `${percent} % of all attempts at \`${service}\` are retries (${retries} beside ${requests} requests)`;
    return [{ code: "retries_high", service, requests, retries, text }];
  });
}

interface Lacking {
  readonly missingSecrets?: readonly string[];
}

/** @param gateways those that hold leases @param agents those that are connected */
export function secretAlarms(
  gateways: readonly Lacking[],
  agents: readonly (Lacking & { readonly service: string })[],
): Alarm[] {
  const names = new Set([...gateways, ...agents].flatMap(({ missingSecrets = [] }) => missingSecrets));
  const lacks = ({ missingSecrets = [] }: Lacking, secret: string): boolean => missingSecrets.includes(secret);
  return [...names].sort().map((secret) => {
    const count = gateways.filter((one) => lacks(one, secret)).length;
    const services = [...new Set(agents.filter((one) => lacks(one, secret)).map(({ service }) => service))].sort();
    const who = [...(count > 0 ? ["the gateway"] : []), ...services.map((service) => `agents of \`${service}\``)];
    const text = `secret \`${secret}\` is missing at ${who.join(", ")}: SECRET_${secret} is not set`;
    return { code: "secret_missing", secret, gateways: count, services, text };
  });
}

function spoken(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes === 0) return `${Math.floor(ms / 1_000)} s`;
  const rest = minutes % 60 === 0 ? "" : ` ${minutes % 60} min`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h${rest}`;
}

/** @param sums of the last `limits.counters.windowMs` */
export function alarmsOf(sums: readonly SeriesCounts[]): Alarm[] {
  return sums.flatMap(({ kind, labels, counts }): Alarm[] => {
    if (kind === "upstream") return unhealthy(labels, counts.panics ?? 0);
    if (kind === "serviceLimit")
      return (["share", "open", "closed"] as const).flatMap((answered) =>
        uncountedCalls(labels, answered, counts[answered] ?? 0),
      );
    if (kind !== "limit") return [];
    return (["open", "closed"] as const).flatMap((answered) => uncounted(labels, answered, counts[answered] ?? 0));
  });
}

function unhealthy([upstream = ""]: readonly string[], requests: number): Alarm[] {
  if (requests === 0) return [];
  const which = upstream === OTHERS ? "other upstreams" : `upstream \`${upstream}\``;
  const text = `${which} had no healthy target for ${often(requests)}`;
  return [{ code: "upstream_unhealthy", upstream, requests, text }];
}

function often(requests: number): string {
  const minutes = limits.counters.windowMs / 60_000;
  return `${requests === 1 ? "1 request" : `${requests} requests`} in the last ${minutes} min`;
}

/** @param route `OTHERS`: routes share it; with `limit` the same: those that are not counted apart */
function nameOf(route: string, limit: string): string {
  if (limit === OTHERS) return "other limits";
  return `limit \`${limit}\` of ${route === OTHERS ? "the gateway" : `route \`${route}\``}`;
}

function uncounted(
  [route = "", limit = ""]: readonly string[],
  answered: "open" | "closed",
  requests: number,
): Alarm[] {
  if (requests === 0) return [];
  const text = `${nameOf(route, limit)} could not be counted for ${often(requests)} (answered ${answered})`;
  return [{ code: "limit_uncounted", route, limit, requests, answered, text }];
}

function uncountedCalls(
  [service = "", limit = ""]: readonly string[],
  answered: "share" | "open" | "closed",
  requests: number,
): Alarm[] {
  if (requests === 0) return [];
  const which = limit === OTHERS ? "other limits of services" : `limit \`${limit}\` of service \`${service}\``;
  const how = answered === "share" ? "each instance its share" : answered;
  const text = `${which} could not be counted over all instances for ${often(requests)} (answered ${how})`;
  return [{ code: "service_limit_uncounted", service, limit, requests, answered, text }];
}
