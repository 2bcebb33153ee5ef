import type { Limiter } from "../common/objects/limiter.ts";
import type { CachePurges } from "./objects/cache-purges.ts";
import type { CacheShard } from "./objects/cache-shard.ts";
import type { IdempotencyStore } from "./objects/idempotency-store.ts";
import type { KeptArtifact } from "./objects/kept-artifact.ts";
import type { KeyShard } from "./objects/key-shard.ts";
import type { LastGood } from "./objects/last-good.ts";
import type { LimiterShard } from "./objects/limiter-shard.ts";
import type { ReplayStore } from "./objects/replay-store.ts";
import type { SessionShard } from "./objects/session-shard.ts";
import type { UpstreamMonitor } from "./objects/upstream-monitor.ts";

/** As much of an Analytics Engine dataset as is used. */
export interface UsagePoints {
  writeDataPoint(point: { indexes: string[]; blobs: string[]; doubles: number[] }): void;
}

/** Bindings of the gateway Worker: `wrangler.toml` when deployed, the generated workerd configuration when self-hosted. */
export interface Env {
  /** The control Worker. */
  readonly CONTROL: Fetcher;
  /** Bearer of role `gateway`. */
  readonly CONTROL_TOKEN: string;
  /** Ingress agent of the mesh, such as `http://127.0.0.1:8790`, where none says itself where it is. Its scheme holds for all. */
  readonly INGRESS_URL: string;
  /** Where the client's address is believed from; see docs/gateway.md. Absent: `cf-connecting-ip`. */
  readonly CLIENT_IP?: "cf-connecting-ip" | "socket";
  /** How long a line of the access log may wait for others, in ms; see docs/gateway.md. Absent: each is written at once. */
  readonly ACCESS_LOG_WAIT_MS?: string;
  readonly LIMITER: DurableObjectNamespace<Limiter>;
  /** What answers for limiters that are asked more than one object bears. */
  readonly LIMITER_SHARD: DurableObjectNamespace<LimiterShard>;
  /** Questions a second from which on shards answer for a limiter; see docs/limits.md. Absent: what the network bears. */
  readonly LIMITER_CALLS_PER_SECOND?: string;
  /** Records of requests with an idempotency key. */
  readonly IDEMPOTENCY: DurableObjectNamespace<IdempotencyStore>;
  /** Stored answers, in `limits.cacheStores.shards` objects. */
  readonly CACHE: DurableObjectNamespace<CacheShard>;
  /** The log of purges, one object. */
  readonly CACHE_PURGES: DurableObjectNamespace<CachePurges>;
  /** API keys, in `limits.apiKeys.shards` objects. */
  readonly KEYS: DurableObjectNamespace<KeyShard>;
  /** What keys are hashed under: 32 random bytes or more as base64url. Without it no key is taken. */
  readonly KEY_PEPPER?: string;
  /** Key of the tokens by which the control plane administers keys: the same bytes as there. */
  readonly KEY_ADMIN_SECRET?: string;
  /** Proofs that pass once, in `limits.replay.shards` objects for each kind of them. */
  readonly REPLAY: DurableObjectNamespace<ReplayStore>;
  /** Sessions of browsers, in `limits.login.shards` objects. */
  readonly SESSIONS: DurableObjectNamespace<SessionShard>;
  /** What cookies of sessions are encrypted under: 32 random bytes or more as base64url. Without it nobody can log in. */
  readonly SESSION_SECRET?: string;
  /** The one before, whose cookies are still taken. */
  readonly SESSION_SECRET_OLD?: string;
  /** What isolates share of upstreams, one object for each. */
  readonly UPSTREAMS: DurableObjectNamespace<UpstreamMonitor>;
  /** Artifacts of plans, one object for each digest. */
  readonly ARTIFACTS: DurableObjectNamespace<KeptArtifact>;
  readonly LAST_GOOD: DurableObjectNamespace<LastGood>;
  /** Gets a data point of each request. Absent: nobody does. */
  readonly USAGE?: UsagePoints;
  /** Values of `${secret:NAME}`. */
  readonly [secret: `SECRET_${string}`]: string | undefined;
}
