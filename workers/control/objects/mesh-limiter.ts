import { Limiter } from "../../common/objects/limiter.ts";

/**
 * Counts for one key of a service's limit, for all its instances, as the gateway's does for its isolates. No shards answer for it:
 * an agent gathers what its calls ask for into one question at a time.
 */
export class MeshLimiter extends Limiter {
  constructor(ctx: DurableObjectState, _env: unknown) {
    super(ctx, { LIMITER_CALLS_PER_SECOND: "Infinity" });
  }
}
