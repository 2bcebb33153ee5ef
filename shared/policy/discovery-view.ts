/** What an agent knows of the endpoints of the services that it calls. */

/** One place that can be called; the wire's endpoint. */
export interface ViewEndpoint {
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface DiscoveryView<E extends ViewEndpoint = ViewEndpoint> {
  /** Of the control plane's last word; 0: none yet. */
  revision: number;
  services: Record<string, readonly E[]>;
}

export const newDiscoveryView = <E extends ViewEndpoint>(): DiscoveryView<E> => ({ revision: 0, services: {} });

/**
 * Takes a whole new view.
 * @param fresh the first view on a new connection: the control plane may count anew after it was rebuilt
 * @returns false when it is older than what is known and was left alone
 */
export function replaceView<E extends ViewEndpoint>(
  view: DiscoveryView<E>,
  revision: number,
  services: Readonly<Record<string, readonly E[]>>,
  fresh: boolean,
): boolean {
  if (!fresh && revision < view.revision) return false;
  view.revision = revision;
  view.services = { ...services };
  return true;
}

/**
 * What to use while a control plane that was away gathers its own view: what it tells, and of the services that it names
 * also the instances known before that it does not name. Dead ones among them are the breaker's to pass over.
 * @param before what was in use when the connection was made
 */
export function keepKnown<E extends ViewEndpoint>(
  told: Readonly<Record<string, readonly E[]>>,
  before: Readonly<Record<string, readonly E[]>>,
): Record<string, readonly E[]> {
  const kept: Record<string, readonly E[]> = {};
  for (const [service, endpoints] of Object.entries(told)) {
    const named = new Set(endpoints.map(({ instance }) => instance));
    const unnamed = Object.hasOwn(before, service) ? (before[service] ?? []) : [];
    kept[service] = [...endpoints, ...unnamed.filter(({ instance }) => !named.has(instance))];
  }
  return kept;
}

/** Identity of an address: an instance that comes back elsewhere is a new endpoint, with no history. */
export function endpointKey(endpoint: ViewEndpoint): string {
  return `${endpoint.instance}@${endpoint.host}:${endpoint.port}`;
}
