/** What the public cache tests can be run against, each before an origin of its own port. */
import { existsSync } from "node:fs";
import { NGINX, startNginxCache } from "../../bench/support/nginx.ts";
import { startGateway } from "../../bench/support/routes.ts";
import { startBareForward } from "../../bench/support/stage.ts";
import { startVarnish, VARNISH } from "../../bench/support/varnish.ts";
import type { OpenSystem } from "../../cli/local/system.ts";
import { ExitError } from "./program.ts";

export const cacheTargets: readonly string[] = ["gateway", "nginx", "varnish", "direct"];

/**
 * @param target one of `cacheTargets`, or the URL of a cache that runs already
 * @returns origin of the cache; undefined when the program is not installed
 */
export async function startCacheTarget(
  system: OpenSystem,
  target: string,
  origin: number,
): Promise<string | undefined> {
  const local = (port: number): string => `http://127.0.0.1:${port}`;
  if (/^https?:\/\//.test(target)) return new URL(target).origin;
  switch (target) {
    case "gateway":
      return local((await startGateway(system, origin, cachingDocument(origin))).port);
    case "direct":
      return local((await startBareForward(system, origin)).port);
    case "nginx":
      return existsSync(NGINX) ? local((await startNginxCache(system, origin)).port) : undefined;
    case "varnish":
      return existsSync(VARNISH) ? local((await startVarnish(system, origin)).port) : undefined;
    default:
      throw new ExitError(2, `no target ${target}; there are ${cacheTargets.join(", ")}, and any URL`);
  }
}

/** One public route that caches as the origin says. */
function cachingDocument(origin: number): string {
  return `selvage: 1
name: cache-tests
gateway:
  hosts: ["127.0.0.1"]
  routes:
    - { name: all, match: { path: /* }, cache: true, to: "http://127.0.0.1:${origin}" }
mesh:
  trustDomain: cache-tests.internal
  services: { origin: { port: 8080, access: [{ from: gateway }] } }
`;
}
