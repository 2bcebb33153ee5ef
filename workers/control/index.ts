/** The control Worker: its API, and the Durable Objects behind it. */
import { makeApi } from "./api.ts";
import type { Env } from "./env.ts";

export { Authority } from "./objects/authority.ts";
export { ConfigStore } from "./objects/config-store.ts";
export { Hub } from "./objects/hub.ts";
export { MeshLimiter } from "./objects/mesh-limiter.ts";
export { MetricExporter } from "./objects/metric-exporter.ts";
export { RecordStore } from "./objects/record-store.ts";
export { ServiceRegistry } from "./objects/service-registry.ts";
export { Taps } from "./objects/taps.ts";
export { UsageStore } from "./objects/usage-store.ts";

const api = makeApi();

export default {
  fetch: (request, env, ctx) => api.fetch(request, env, ctx),
} satisfies ExportedHandler<Env>;
