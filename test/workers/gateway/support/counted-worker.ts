/** The gateway Worker, whose limiter objects count the calls that reach them. */
import { WorkerEntrypoint } from "cloudflare:workers";
import { Limiter as GatewayLimiter } from "../../../../workers/gateway/objects/limiter.ts";

export {
  CacheAdmin,
  CachePurges,
  CacheShard,
  default,
  KeyAdmin,
  KeyShard,
  LastGood,
} from "../../../../workers/gateway/index.ts";

/** Objects run in the isolate of the service that owns their namespace, where `Calls` runs too. */
let calls = 0;

export class Limiter extends GatewayLimiter {
  override ask(...args: Parameters<GatewayLimiter["ask"]>): ReturnType<GatewayLimiter["ask"]> {
    calls++;
    return super.ask(...args);
  }
}

export class Calls extends WorkerEntrypoint {
  override fetch(): Response {
    return Response.json({ calls });
  }
}
