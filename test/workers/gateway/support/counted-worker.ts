/** The gateway Worker, whose limiter objects and their shards count the calls that reach them. */
import { WorkerEntrypoint } from "cloudflare:workers";
import { Limiter as GatewayLimiter } from "../../../../workers/common/objects/limiter.ts";
import { LimiterShard as GatewayLimiterShard } from "../../../../workers/gateway/objects/limiter-shard.ts";

export {
  CacheAdmin,
  CachePurges,
  CacheShard,
  default,
  KeyAdmin,
  KeyShard,
  LastGood,
  UpstreamMonitor,
} from "../../../../workers/gateway/index.ts";

/** Objects run in the isolate of the service that owns their namespace, where `Calls` runs too. */
let calls = 0;
let shardCalls = 0;
const shards = new Set<string>();

export class Limiter extends GatewayLimiter {
  override ask(...args: Parameters<GatewayLimiter["ask"]>): ReturnType<GatewayLimiter["ask"]> {
    calls++;
    return super.ask(...args);
  }
}

export class LimiterShard extends GatewayLimiterShard {
  override ask(...args: Parameters<GatewayLimiterShard["ask"]>): ReturnType<GatewayLimiterShard["ask"]> {
    shardCalls++;
    shards.add(this.ctx.id.toString());
    return super.ask(...args);
  }
}

export class Calls extends WorkerEntrypoint {
  override fetch(): Response {
    return Response.json({ calls, shardCalls, shards: shards.size });
  }
}
