import { limits } from "../../../shared/limits.ts";
import type { LeaseRequest } from "../../../shared/wire/gateway-lease.ts";
import type { Env } from "../env.ts";
import type { GatewayKeys } from "../objects/authority-rpc.ts";
import { MAIN } from "../objects/rpc.ts";

/** The keys that no gateway lacked last, as this isolate heard: most leases need not ask the authority. */
let freshKeys = { signing: "", hop: "", untilMs: 0 };

/** The keys that a gateway lacks. */
export async function missingKeys(env: Env, { signingKey, hopKey }: LeaseRequest): Promise<GatewayKeys> {
  const { signing, hop, untilMs } = freshKeys;
  if (signingKey === signing && hopKey === hop && Date.now() < untilMs) return {};
  const held = {
    ...(signingKey !== undefined && { signing: signingKey }),
    ...(hopKey !== undefined && { hop: hopKey }),
  };
  const missing = await env.AUTHORITY.getByName(MAIN).gatewayKeys(held);
  const untilFreshMs = Date.now() + limits.control.gatewayKeysFreshMs;
  if (signingKey !== undefined && hopKey !== undefined && Object.keys(missing).length === 0)
    freshKeys = { signing: signingKey, hop: hopKey, untilMs: untilFreshMs };
  return missing;
}
