/** Options of `selvage tap` as the request that the control plane gets. */
import { InvalidArgumentError } from "commander";
import { nearestName } from "../../shared/config/nearest-name.ts";
import { limits } from "../../shared/limits.ts";
import { type Hop, parseStatuses } from "../../shared/policy/tap-filter.ts";
import type { TapRequest } from "../../shared/wire/taps.ts";

export interface FilterOptions {
  readonly route?: string[];
  readonly service?: string[];
  readonly method?: string[];
  readonly status?: { from: number; to: number }[];
  readonly identity?: string[];
  readonly path?: string;
  readonly minLatency?: number;
  readonly at?: Hop[];
  readonly max: number;
  readonly for: number;
  readonly hops?: boolean;
  readonly reveal?: boolean;
}

const HOPS: readonly Hop[] = ["gateway", "ingress", "outbound", "inbound", "expose"];

export function tapRequestOf(options: FilterOptions): TapRequest {
  const { route, service, identity, status, path, minLatency, max, hops = false, reveal = false } = options;
  // A request is one row: seen where it comes in, or, of services that are named, where they take it.
  const at = options.at ?? (service === undefined ? (["gateway", "expose"] as const) : (["inbound"] as const));
  return {
    filter: {
      hops: [...at],
      ...(route && { routes: route }),
      ...(service && { services: service }),
      ...(options.method && { methods: options.method.map((method) => method.toUpperCase()) }),
      ...(status && { statuses: status }),
      ...(identity && { identities: identity }),
      ...(path !== undefined && { pathPrefix: path }),
      ...(minLatency !== undefined && { minLatencyMs: minLatency }),
    },
    ...{ perSecond: max, forMs: options.for, joined: hops, reveal },
  };
}

export function listArgument(text: string, before: string[] = []): string[] {
  const found = text.split(",").map((part) => part.trim());
  if (found.includes("")) throw new InvalidArgumentError("Expected one or more, with commas between.");
  return [...before, ...found];
}

export function statusArgument(text: string): { from: number; to: number }[] {
  const found = parseStatuses(text);
  if (found === undefined) throw new InvalidArgumentError("Expected statuses such as 5xx, 404 or 500-503.");
  return found;
}

export function rateArgument(text: string): number {
  const [, digits] = /^(\d{1,6})(?:\/s)?$/.exec(text) ?? [];
  const { perSecondMax } = limits.taps;
  if (digits === undefined || Number(digits) < 1 || Number(digits) > perSecondMax)
    throw new InvalidArgumentError(`Expected a rate such as 100/s, at most ${perSecondMax}/s.`);
  return Number(digits);
}

export function hopsArgument(text: string): Hop[] {
  return listArgument(text).map((part) => {
    const hop = HOPS.find((one) => one === part);
    if (hop !== undefined) return hop;
    const nearest = nearestName(part, HOPS);
    const hint = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
    throw new InvalidArgumentError(`Expected some of ${HOPS.join(", ")}.${hint}`);
  });
}
