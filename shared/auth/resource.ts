/** Protected resources and their metadata (RFC 9728): which one a request is of, and where its metadata stands. */

export interface ProtectedResource {
  /** Lower case, without port. */
  readonly host: string;
  /** What requests below it begin with; empty: every path of the host. */
  readonly path: string;
  /** Where its metadata stands, as a path of the same host and as a URL for clients. */
  readonly metadataPath: string;
  readonly metadataUrl: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Goes between host and path of a resource's identifier (section 3.1). */
export const RESOURCE_METADATA = "/.well-known/oauth-protected-resource";

/** Whether an issuer of tokens is a place that clients can ask (RFC 8414 section 2); others are names alone. */
export const isAuthorizationServer = (issuer: string): boolean => /^https?:\/\/[^?#]+$/.test(issuer);

/** The resource that a request is of: the one with the longest path. @param path normalised */
export function resourceOf(
  resources: readonly ProtectedResource[] | undefined,
  host: string,
  path: string,
): ProtectedResource | undefined {
  let found: ProtectedResource | undefined;
  for (const resource of resources ?? [])
    if (resource.host === host && isBelow(path, resource.path) && resource.path.length >= (found?.path.length ?? 0))
      found = resource;
  return found;
}

/** The resource whose metadata stands at a path. @param path normalised */
export function resourceDescribedAt(
  resources: readonly ProtectedResource[],
  host: string,
  path: string,
): ProtectedResource | undefined {
  return resources.find((resource) => resource.host === host && resource.metadataPath === path);
}

function isBelow(path: string, base: string): boolean {
  return path === base || path.startsWith(base.endsWith("/") ? base : `${base}/`);
}

/**
 * Adds to the challenges of OAuth's schemes where the metadata stands (section 5.1), and the scopes that a token needs, which
 * are public where that is. Others stay as they are.
 */
export function withResourceMetadata(
  challenges: readonly string[],
  { metadataUrl }: ProtectedResource,
  scopes: readonly string[],
): string[] {
  return challenges.map((challenge) => {
    if (!/^(?:Bearer|DPoP) /.test(challenge)) return challenge;
    const needed = scopes.length === 0 || challenge.includes(", scope=") ? "" : `, scope="${scopes.join(" ")}"`;
    return `${challenge}${needed}, resource_metadata="${metadataUrl}"`;
  });
}
