import { SelvageError } from "../../../shared/errors.ts";
import { matchRoute } from "../../../shared/route/match-route.ts";
import { normalisePath } from "../../../shared/route/normalise-path.ts";
import type { Stage } from "../upstream/stages.ts";

/** Finds the route, by a path that is normalised once and can be read in one way only. */
export function matchRequest(): Stage {
  return {
    enter: (c) => {
      const { authority: host, path: rawPath } = c.get("target");
      const { path, refused } = normalisePath(rawPath);
      if (path === undefined) throw new SelvageError("ambiguous_path", `path ${refused}`);
      const { method } = c.req.raw;
      const head = c.get("head");
      const header = (name: string): string | undefined => head.get(name);
      const found = matchRoute(c.get("held").table, { host, method, path, header });
      if (found.route === undefined) {
        if (found.allow !== undefined) c.header("allow", found.allow.join(", "));
        throw new SelvageError(found.missing, `${method} ${host} ${path}`);
      }
      c.set("path", path);
      c.set("route", found.route);
      c.set("params", found.params);
      c.set("deadlineAtMs", c.get("arrivedAtMs") + found.route.timeoutMs);
      return undefined;
    },
  };
}
