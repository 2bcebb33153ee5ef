/** Whom the limits of a route count a request by. */

import type { SelvageError } from "../../../shared/errors.ts";
import { isLongKey, type LimitKeyFacts, limitKeyOf } from "../../../shared/policy/rate-limit-key.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import { sha256Hex } from "./sha256.ts";
import type { WantedLimit } from "./take-limits.ts";

export interface KeyedLimits {
  readonly wanted: readonly WantedLimit[];
  /** Limits that refuse the request, since it lacks a part of their key. */
  readonly lacking: readonly { readonly settings: RateLimitSettings; readonly error: SelvageError }[];
}

/** What is long is hashed, since clients choose how long it is. No key is a hash: they begin with a bracket. */
export async function keyLimits(c: Context<GatewayEnv>, all: readonly RateLimitSettings[]): Promise<KeyedLimits> {
  const { name: route } = c.get("route");
  const facts = factsOf(c);
  const wanted: WantedLimit[] = [];
  const lacking: KeyedLimits["lacking"][number][] = [];
  for (const settings of all) {
    const key = limitKeyOf(settings, facts);
    if (typeof key !== "string") lacking.push({ settings, error: key });
    else wanted.push({ settings, route, key: isLongKey(key) ? await sha256Hex(key) : key });
  }
  return { wanted, lacking };
}

function factsOf(c: Context<GatewayEnv>): LimitKeyFacts {
  const fields = c.get("fields");
  const identity = c.get("identity");
  return {
    identity,
    clientIp: c.get("clientIp"),
    header: (name) => fields.get(name),
    params: c.get("params"),
    query: c.get("target").query,
    evaluate: (expression) =>
      c
        .get("held")
        .keyExpressions.get(expression)
        ?.evaluate(identity, {
          method: c.req.raw.method,
          host: c.get("target").host,
          path: c.get("path"),
          headers: Object.fromEntries(fields),
        }),
  };
}
