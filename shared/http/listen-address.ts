/** Addresses that a front listens on: `:443`, `127.0.0.1:8787`, `http://0.0.0.0:80`, `https://[::]:443`. */

export interface ListenAddress {
  readonly scheme: "http" | "https";
  /** Without brackets; empty: every address of this machine. */
  readonly host: string;
  readonly port: number;
}

export interface ListenDefaults {
  /** Where the text names none. */
  readonly scheme: "http" | "https";
  /** Where the text names none; absent: it must. */
  readonly port?: number;
}

/** @returns undefined for what is no such address */
export function parseListenAddress(text: string, defaults: ListenDefaults): ListenAddress | undefined {
  const match = /^(?:(https?):\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]\s]*))(?::(\d{1,5}))?\/?$/.exec(text);
  if (match === null) return undefined;
  const [, scheme = defaults.scheme, v6, name, digits] = match;
  const port = digits === undefined ? defaults.port : Number(digits);
  const host = v6 ?? (name === "*" ? "" : (name ?? ""));
  if (port === undefined || port > 65_535 || (host === "" && digits === undefined)) return undefined;
  return { scheme: scheme as ListenAddress["scheme"], host, port };
}

/** How this machine itself reaches what listens there, as a URL without a path. */
export function reachableUrl({ scheme, host, port }: ListenAddress): string {
  return `${scheme}://${reachableHost(host)}:${port}`;
}

function reachableHost(host: string): string {
  if (host === "" || host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

/** As an option takes it. */
export function listenText({ scheme, host, port }: ListenAddress): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
