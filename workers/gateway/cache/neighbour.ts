/** Unsafe requests on a route without a cache, beside one that has it: many documents have a route for reads and one for writes. */
import { invalidationOf, isSafe } from "../../../shared/cache/invalidation.ts";
import type { Invalidation } from "../../../shared/cache/verdict.ts";
import { matchRoute } from "../../../shared/route/match-route.ts";
import { fieldsWithVersion } from "../../../shared/route/requested-version.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

/** What the request of this exchange, which has been answered, makes invalid of the route that a GET of its path would take. */
export function invalidationBeside(c: Context<GatewayEnv>): Invalidation | undefined {
  const method = c.get("method");
  if (isSafe(method) || c.get("failure") !== undefined) return undefined;
  const { headers } = c.req.raw;
  const { host, authority, query } = c.get("target");
  const path = c.get("path");
  const { table, siblings, plan } = c.get("held");
  const header = fieldsWithVersion(plan.versioning, (name) => headers.get(name), query);
  const asked = { host: authority, method: "GET", path, query, header, clientIp: c.get("clientIp") };
  const found = matchRoute(table, asked).route;
  // Of siblings whoever asks the next time may be of any; those with a cache name their answers alike.
  const route = (found && siblings?.get(found)?.find((one) => one.cache !== undefined)) ?? found;
  if (route?.cache === undefined) return undefined;
  const { scheme } = c.get("connection");
  const fields = c.get("fields");
  const request = { method, scheme, authority, host, route: route.name, source: "", path, query, fields };
  const answer = { status: c.res.status, fields: c.res.headers };
  return invalidationOf({ ...request, hasContent: true, partition: "", authorized: false }, answer, route.cache);
}
