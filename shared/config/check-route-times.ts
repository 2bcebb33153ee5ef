/** Times of routes against those of what they lead to: what ends later is never waited for. */
import { limits } from "../limits.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, warning } from "./problem.ts";
import { type RouteUse, usesOf } from "./route-targets.ts";
import { parseDurationMs } from "./units.ts";

export function checkRouteTimes(top: Cursor): DocumentProblem[] {
  return top
    .get("gateway", "routes")
    .items.filter((route) => !route.get("quarantine").exists)
    .flatMap((route) => {
      const timeout = route.get("timeout");
      const routeMs = timeout.exists ? parseDurationMs(timeout.text ?? "") : limits.gateway.requestTimeoutMs;
      if (routeMs === undefined) return [];
      const found = usesOf(route).flatMap((use) => longer(use, top, routeMs));
      const at = timeout.exists ? timeout : route.get("name");
      const name = route.get("name").text ?? "";
      const own = timeout.text ?? `${limits.gateway.requestTimeoutMs / 1000}s, as none is said`;
      return [...new Set(found)].map((what) =>
        warning("SLV3242", at.path, `route ${name} ends after ${own}: ${what}`, {
          expected: "a longer `timeout` of the route, or a shorter one there",
        }),
      );
    });
}

/** What of a target takes longer than the route; times that the document does not say are no mistakes of it. */
function longer({ name, part }: RouteUse, top: Cursor, routeMs: number): string[] {
  const takes = (place: Cursor): boolean => (parseDurationMs(place.text ?? "") ?? 0) > routeMs;
  const ofPart = part?.get("timeout");
  if (ofPart !== undefined && takes(ofPart)) return [`its part ${part?.path.at(-1)} may take ${ofPart.text}`];
  const service = top.get("mesh", "services", name);
  const target = service.exists ? service : top.get("gateway", "upstreams", name);
  const [whole, perTry] = [target.get("timeout"), target.get("retries", "perTry")];
  if (takes(whole)) return [`a call to ${name} may take ${whole.text}`];
  const attempts = target.get("retries", "attempts").value;
  if (attempts === 0 || !takes(perTry)) return [];
  return [`one attempt at ${name} may take ${perTry.text}, so that none follows it`];
}
