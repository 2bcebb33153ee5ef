import type { Limiter } from "../common/objects/limiter.ts";
import type { AuthorityRpc } from "./objects/authority-rpc.ts";
import type { RecordsRpc } from "./objects/records-rpc.ts";
import type { ConfigStoreRpc, HubRpc, MetricExporterRpc, ServiceRegistryRpc, TapsRpc } from "./objects/rpc.ts";
import type { UsageStoreRpc } from "./objects/usage-rpc.ts";

/** Bindings of the control Worker, see `wrangler.toml`. */
export interface Env {
  /** Key of the control API's tokens: 32 random bytes as base64url. */
  readonly TOKEN_SECRET?: string;
  /** Key that private keys are encrypted under: 32 random bytes as base64url. */
  readonly KEY_SECRET?: string;
  /** URL at which agents reach this Worker; join tokens carry it. */
  readonly CONTROL_URL: string;
  /** The gateway's administration of API keys, and the key of the tokens that it asks for. */
  readonly KEY_ADMIN: Fetcher;
  /** Its administration of stored answers, which takes tokens under the same key. */
  readonly CACHE_ADMIN: Fetcher;
  readonly KEY_ADMIN_SECRET?: string;
  readonly CONFIG: DurableObjectNamespace<ConfigStoreRpc>;
  readonly AUTHORITY: DurableObjectNamespace<AuthorityRpc>;
  readonly HUB: DurableObjectNamespace<HubRpc>;
  readonly REGISTRY: DurableObjectNamespace<ServiceRegistryRpc>;
  /** Counts limits of services over all their instances. */
  readonly MESH_LIMITER: DurableObjectNamespace<Limiter>;
  readonly TAPS: DurableObjectNamespace<TapsRpc>;
  readonly USAGE: DurableObjectNamespace<UsageStoreRpc>;
  readonly RECORDS: DurableObjectNamespace<RecordsRpc>;
  readonly METRICS: DurableObjectNamespace<MetricExporterRpc>;
  /** What the document's `telemetry.otlp.headers` name as `${secret:NAME}`. */
  readonly [secret: `SECRET_${string}`]: string | undefined;
  /** How many hubs there are; absent: `limits.control.hubsDefault`. */
  readonly HUBS?: string;
  /** How long a gateway isolate serves without asking again, in ms; absent, and at most: `limits.gateway.planLeaseMs`. */
  readonly GATEWAY_LEASE_MS?: string;
}
