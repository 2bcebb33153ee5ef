/** Where a redirect leads, as the Gateway API's `HTTPRequestRedirectFilter` has it. */
import { rewritePath } from "./rewrite-path.ts";

export interface Redirect {
  readonly status: 301 | 302 | 303 | 307 | 308;
  /** Absent: the request's. */
  readonly scheme?: "http" | "https";
  /** Absent: the request's. */
  readonly host?: string;
  /** Absent: that of a stated scheme, else the request's. */
  readonly port?: number;
  /** As of `rewritePath`. Absent: the request's. */
  readonly path?: string;
  /** Absent: the query goes on. */
  readonly query?: "drop";
}

export interface RedirectedRequest {
  readonly scheme: "http" | "https";
  /** Host and port as the client named them. */
  readonly authority: string;
  /** Normalised. */
  readonly path: string;
  /** With its `?`; may be empty. */
  readonly query: string;
  readonly params: Readonly<Record<string, string>>;
}

const PORTS = { http: 80, https: 443 } as const;

/** An absolute URL: what a path begins with can never be read as a host. */
export function redirectLocation(redirect: Redirect, request: RedirectedRequest): string {
  const [, host = "", port] = /^(.*?)(?::(\d+))?$/.exec(request.authority) ?? [];
  const scheme = redirect.scheme ?? request.scheme;
  const own = redirect.scheme === undefined ? (port === undefined ? PORTS[scheme] : Number(port)) : PORTS[scheme];
  const chosen = redirect.port ?? own;
  const authority = `${redirect.host ?? host.toLowerCase()}${chosen === PORTS[scheme] ? "" : `:${chosen}`}`;
  const path = redirect.path === undefined ? request.path : rewritePath(redirect.path, request.params);
  return `${scheme}://${authority}${path}${redirect.query === "drop" ? "" : request.query}`;
}
