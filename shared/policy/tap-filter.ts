/** Which requests a tap shows: judged at the source, on what the access log says of a request. */
import type { AccessLogEntry } from "../http/access-log.ts";

export type Hop = AccessLogEntry["hop"];

/** First and last status. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

/** A request passes that fits one value of each list that is there. */
export interface TapFilter {
  readonly hops: readonly Hop[];
  readonly routes?: readonly string[] | undefined;
  /** The service that takes the request. */
  readonly services?: readonly string[] | undefined;
  readonly methods?: readonly string[] | undefined;
  readonly statuses?: readonly StatusRange[] | undefined;
  /** Subjects that proved themselves: users, or the owners of API keys. */
  readonly identities?: readonly string[] | undefined;
  readonly pathPrefix?: string | undefined;
  readonly minLatencyMs?: number | undefined;
}

/** What of a request a filter looks at. */
export type Tappable = Pick<AccessLogEntry, "hop" | "service" | "method" | "path" | "status" | "durationMs"> & {
  readonly [Name in "route" | "peer" | "sub"]?: AccessLogEntry[Name] | undefined;
};

export type TapMatch = (entry: Tappable) => boolean;

/** The conditions that a filter has, and no others. */
export function compileTapFilter(filter: TapFilter): TapMatch {
  const { routes, services, methods, statuses, identities, pathPrefix, minLatencyMs } = filter;
  const hops = new Set<string>(filter.hops);
  const tests: TapMatch[] = [({ hop }) => hops.has(hop)];
  if (statuses) tests.push(({ status }) => statuses.some(({ from, to }) => status >= from && status <= to));
  if (methods) tests.push(({ method }) => methods.includes(method));
  if (routes) tests.push(({ route }) => route !== undefined && routes.includes(route));
  if (services) tests.push((entry) => services.includes(calledService(entry) ?? ""));
  if (identities) tests.push(({ sub }) => sub !== undefined && identities.includes(sub));
  if (pathPrefix !== undefined) tests.push(({ path }) => path.startsWith(pathPrefix));
  if (minLatencyMs !== undefined) tests.push(({ durationMs }) => durationMs >= minLatencyMs);
  return (entry) => tests.every((test) => test(entry));
}

/** Where a request comes in, `peer` is who calls; elsewhere, who is called. */
function calledService({ hop, service, peer }: Tappable): string | undefined {
  return hop === "inbound" || hop === "expose" ? service : peer;
}

/** Ranges of `4xx,503,500-502`; undefined for what is none. */
export function parseStatuses(text: string): StatusRange[] | undefined {
  const found: StatusRange[] = [];
  for (const part of text.split(",")) {
    const [, digit] = /^([1-5])xx$/i.exec(part.trim()) ?? [];
    const [, from, to = from] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(part.trim()) ?? [];
    if (digit !== undefined) found.push({ from: Number(digit) * 100, to: Number(digit) * 100 + 99 });
    else if (from !== undefined && Number(from) <= Number(to)) found.push({ from: Number(from), to: Number(to) });
    else return undefined;
  }
  return found;
}
