import type { GatewayPlan } from "../../shared/plan/plan.ts";
import { createApp, type GatewayApp } from "./app.ts";
import deployedPlan from "./deployed-plan.json";
import type { Env } from "./env.ts";
import { RecordKeeper } from "./telemetry/record-keeper.ts";

export { Limiter } from "../common/objects/limiter.ts";
export { CacheAdmin } from "./authority/cache-admin.ts";
export { KeyAdmin } from "./authority/key-admin.ts";
export { CachePurges } from "./objects/cache-purges.ts";
export { CacheShard } from "./objects/cache-shard.ts";
export { IdempotencyStore } from "./objects/idempotency-store.ts";
export { KeptArtifact } from "./objects/kept-artifact.ts";
export { KeyShard } from "./objects/key-shard.ts";
export { LastGood } from "./objects/last-good.ts";
export { LimiterShard } from "./objects/limiter-shard.ts";
export { ReplayStore } from "./objects/replay-store.ts";
export { SessionShard } from "./objects/session-shard.ts";
export { UpstreamMonitor } from "./objects/upstream-monitor.ts";

let app: GatewayApp | undefined;

/** One app an isolate; made by its first request, since isolates have no randomness before that. */
export default {
  fetch(request, env, ctx) {
    app ??= createApp(crypto.randomUUID(), deployedPlan as GatewayPlan | null, new RecordKeeper());
    return app.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<Env>;
