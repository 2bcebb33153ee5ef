/** One place where an instance of a service can be called; the wire's endpoint. */
export interface ViewEndpoint {
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Identity of an address: an instance that comes back elsewhere is a new endpoint, with no history. */
export function endpointKey(endpoint: ViewEndpoint): string {
  return `${endpoint.instance}@${endpoint.host}:${endpoint.port}`;
}

/** The same address under the same labels. Two that are not there are not the same. */
export function sameEndpoint(a: ViewEndpoint | undefined, b: ViewEndpoint | undefined): boolean {
  if (a === undefined || b === undefined || a.host !== b.host || a.port !== b.port) return false;
  const names = Object.keys(a.labels);
  return names.length === Object.keys(b.labels).length && names.every((name) => a.labels[name] === b.labels[name]);
}
