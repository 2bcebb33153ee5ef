import { SelvageError } from "../../../shared/errors.ts";
import { matchRoute } from "../../../shared/route/match-route.ts";
import { normalisePath } from "../../../shared/route/normalise-path.ts";
import { requestedVersion, VERSION_FIELD, type Versioning } from "../../../shared/route/requested-version.ts";
import { tellAnswer } from "../upstream/answer-headers.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";

/** Finds the route, by a path that is normalised once and can be read in one way only. */
export function matchRequest(): Stage {
  return {
    enter: (c) => {
      const { authority: host, path: rawPath, query } = c.get("target");
      const { path, refused } = normalisePath(rawPath);
      if (path === undefined) throw new SelvageError("ambiguous_path", `path ${refused}`);
      const method = c.get("method");
      const head = c.get("head");
      const { table, plan } = c.get("held");
      const { versioning } = plan;
      let byVersion: Versioning | undefined;
      const header = (name: string): string | undefined => {
        if (name !== VERSION_FIELD || versioning === undefined) return head.get(name);
        byVersion = versioning;
        return requestedVersion(versioning, (one) => head.get(one), query);
      };
      const clientIp = c.get("clientIp");
      const found = matchRoute(table, { host, method, path, query, header, clientIp });
      if (byVersion !== undefined) tellVary(c, byVersion);
      if (found.route === undefined) {
        if (found.allow !== undefined) c.header("allow", found.allow.join(", "));
        throw new SelvageError(found.missing, `${method} ${host} ${path}`);
      }
      const { name, quarantine } = found.route;
      if (quarantine !== undefined) throw new SelvageError("route_quarantined", `route ${name}: ${quarantine}`);
      c.set("path", path);
      c.set("route", found.route);
      c.set("params", found.params);
      c.set("deadlineAtMs", c.get("arrivedAtMs") + found.route.timeoutMs);
      return undefined;
    },
  };
}

/** Caches behind the gateway must not give one version's answer for another, nor for that of a route without one. */
function tellVary(c: Context<GatewayEnv>, { source }: Versioning): void {
  if ("header" in source) tellAnswer(c, [["vary", source.header]]);
  else if ("mediaType" in source) tellAnswer(c, [["vary", "accept"]]);
}
