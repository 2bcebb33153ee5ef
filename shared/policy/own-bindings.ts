/** Bindings of the gateway Worker that are its own: no document may lead clients to them. */

const OWN: ReadonlySet<string> = new Set([
  "CONTROL",
  "CONTROL_TOKEN",
  "INGRESS_URL",
  "CLIENT_IP",
  "ACCESS_LOG_WAIT_MS",
  "LIMITER",
  "LIMITER_SHARD",
  "LIMITER_CALLS_PER_SECOND",
  "IDEMPOTENCY",
  "CACHE",
  "CACHE_PURGES",
  "KEYS",
  "KEY_PEPPER",
  "KEY_ADMIN_SECRET",
  "REPLAY",
  "SESSIONS",
  "SESSION_SECRET",
  "SESSION_SECRET_OLD",
  "ARTIFACTS",
  "LAST_GOOD",
  "UPSTREAMS",
]);

export const isOwnBinding = (name: string): boolean => OWN.has(name) || name.startsWith("SECRET_");
