/** A request's target as it stood on the wire. URL parsers are kept away: they resolve and rewrite what has to be judged. */

export interface RequestTarget {
  /** Lower case, without port and without the brackets of an IPv6 address. */
  readonly host: string;
  /** Host and port as the client named them. */
  readonly authority: string;
  /** As sent, not decoded, begins with `/`. */
  readonly path: string;
  /** With its `?`; empty when there is none. */
  readonly query: string;
}

const AUTHORITY = /^(?:([A-Za-z0-9_.-]+)|\[([0-9A-Fa-f:.]+)\])(?::\d{1,5})?$/;

/**
 * Takes a request URL (`http://host:port/path?query`) apart.
 * @returns undefined when the host is none or two, or the path does not begin with `/` (`OPTIONS *`)
 */
export function parseRequestTarget(url: string): RequestTarget | undefined {
  const start = url.indexOf("://") + 3;
  const pathAt = url.indexOf("/", start);
  if (start < 3 || pathAt < 0) return undefined;
  const authority = url.slice(start, pathAt);
  const match = AUTHORITY.exec(authority);
  if (match === null) return undefined;
  const host = (match[1] ?? match[2] ?? "").toLowerCase();
  const end = url.indexOf("#", pathAt);
  const rest = end < 0 ? url.slice(pathAt) : url.slice(pathAt, end);
  const queryAt = rest.indexOf("?");
  if (queryAt < 0) return { host, authority, path: rest, query: "" };
  return { host, authority, path: rest.slice(0, queryAt), query: rest.slice(queryAt) };
}
