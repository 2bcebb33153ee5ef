import { nameOfTarget, type UpstreamTarget } from "./settings.ts";

/** RFC 9110 section 15.4: what asks for another GET or HEAD of the same. */
const FOLLOWED = new Set([301, 302, 303, 307, 308]);

/**
 * Where a redirect of GET or HEAD leads, as long as it stays with its origin: an upstream could else make the gateway call
 * whatever it reaches.
 * @param location as sent
 * @param path that was asked for, with its query
 * @returns path and query; undefined: it is not followed
 */
export function redirectPath(
  status: number,
  location: string | null,
  target: UpstreamTarget,
  path: string,
): string | undefined {
  if (!FOLLOWED.has(status) || location === null) return undefined;
  const base = "origin" in target ? target.origin : `http://${nameOfTarget(target)}`;
  if (!URL.canParse(location, base + path)) return undefined;
  const url = new URL(location, base + path);
  const isSame = url.origin === new URL(base).origin && url.username === "" && url.password === "";
  return isSame ? url.pathname + url.search : undefined;
}
