/** Names of attributes, encoded once: a span writes its own as bytes. Names of the OpenTelemetry semantic conventions are stable ones. */

export type AttributeKey = Uint8Array;

/** @param name of ASCII, shorter than 128 characters */
export function attributeKey(name: string): AttributeKey {
  const KEY = 0x0a;
  return Uint8Array.from([KEY, name.length, ...new TextEncoder().encode(name)]);
}

/** https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and /rpc/, /attributes-registry/; the rest is Selvage's own. */
export const keys = {
  method: attributeKey("http.request.method"),
  resend: attributeKey("http.request.resend_count"),
  status: attributeKey("http.response.status_code"),
  httpRoute: attributeKey("http.route"),
  path: attributeKey("url.path"),
  scheme: attributeKey("url.scheme"),
  serverAddress: attributeKey("server.address"),
  serverPort: attributeKey("server.port"),
  clientAddress: attributeKey("client.address"),
  userAgent: attributeKey("user_agent.original"),
  protocolName: attributeKey("network.protocol.name"),
  protocolVersion: attributeKey("network.protocol.version"),
  errorType: attributeKey("error.type"),
  rpcSystem: attributeKey("rpc.system.name"),
  rpcMethod: attributeKey("rpc.method"),
  rpcStatus: attributeKey("rpc.response.status_code"),
  hop: attributeKey("selvage.hop"),
  route: attributeKey("selvage.route"),
  planVersion: attributeKey("selvage.plan.version"),
  peer: attributeKey("selvage.peer"),
  endpoint: attributeKey("selvage.endpoint"),
  upstream: attributeKey("selvage.upstream"),
  part: attributeKey("selvage.part"),
  attempts: attributeKey("selvage.attempts"),
  hedge: attributeKey("selvage.hedge"),
  cache: attributeKey("selvage.cache"),
  variant: attributeKey("selvage.variant"),
  auth: attributeKey("selvage.auth.method"),
  bytesIn: attributeKey("selvage.tunnel.bytes_in"),
  bytesOut: attributeKey("selvage.tunnel.bytes_out"),
  kept: attributeKey("selvage.sampled_by"),
  detail: attributeKey("selvage.detail"),
  durationMs: attributeKey("selvage.duration_ms"),
  fault: attributeKey("selvage.fault"),
  uncounted: attributeKey("selvage.uncounted"),
  wouldRefuse: attributeKey("selvage.would_refuse"),
  reason: attributeKey("selvage.reason"),
  endUser: attributeKey("enduser.id"),
} as const;
