/**
 * Errors are data. A code is a fact; this table says who caused it, what a client is told and whether a retry by
 * somebody can help. One stage in each host turns a SelvageError into an answer (RFC 9457); the reason stays inside.
 */

export interface ErrorFacts {
  /** Whose side it is on. */
  readonly source: "client" | "gateway" | "mesh" | "upstream";
  /** HTTP status. */
  readonly status: number;
  /** gRPC status code. */
  readonly grpc: number;
  readonly title: string;
  /** One plain sentence for the client; reveals nothing of the inside. */
  readonly detail: string;
  /** Whether the same request can succeed later or elsewhere. */
  readonly retry: boolean;
}

const row = (
  source: ErrorFacts["source"],
  status: number,
  grpc: number,
  title: string,
  detail: string,
  retry = false,
): ErrorFacts => ({ source, status, grpc, title, detail, retry });

export const errorTable = {
  bad_request: row("client", 400, 13, "Bad request", "The request is malformed."),
  ambiguous_path: row(
    "client",
    400,
    13,
    "Ambiguous path",
    "The path contains an encoding that could be read in two ways.",
  ),
  ambiguous_framing: row(
    "client",
    400,
    13,
    "Ambiguous framing",
    "The length of the request body is not stated in exactly one way.",
  ),
  unknown_host: row("client", 421, 5, "Misdirected request", "This host is not served here."),
  route_ended: row("client", 410, 5, "Gone", "This part of the interface has ended."),
  no_route: row("client", 404, 12, "Not found", "No route matches this request."),
  method_not_allowed: row("client", 405, 12, "Method not allowed", "This path does not accept this method."),
  route_quarantined: row(
    "gateway",
    503,
    14,
    "Service unavailable",
    "This resource is out of service at the moment.",
    true,
  ),
  credentials_missing: row("client", 401, 16, "Unauthorized", "Valid credentials are required."),
  credentials_invalid: row("client", 401, 16, "Unauthorized", "The credentials are not valid."),
  scope_missing: row("client", 403, 7, "Forbidden", "The credentials do not grant access to this resource."),
  cross_site: row("client", 403, 7, "Forbidden", "With a session this request must come from a page of this site."),
  origin_not_allowed: row("client", 403, 7, "Forbidden", "Pages of this origin may not open connections here."),
  websocket_version: row("client", 426, 9, "Upgrade required", "Only version 13 of WebSocket is spoken here."),
  login_failed: row("client", 400, 3, "Login failed", "The login could not be completed. Please begin it again."),
  not_permitted: row("client", 403, 7, "Forbidden", "The credentials do not grant access to this resource."),
  body_too_large: row("client", 413, 8, "Content too large", "The request body is larger than this route accepts."),
  media_type_unsupported: row("client", 415, 3, "Unsupported media type", "This kind of content is not accepted here."),
  grpc_frames_invalid: row("client", 400, 13, "Bad request", "The content is not a sequence of gRPC-Web messages."),
  grpc_needs_trailers: row(
    "client",
    501,
    12,
    "Not implemented",
    "Calls by gRPC are not taken here, those by gRPC-Web are.",
  ),
  content_too_complex: row(
    "client",
    422,
    8,
    "Content too complex",
    "The content is more complex than is accepted here.",
  ),
  graphql_invalid: row("client", 400, 3, "Bad request", "The request asks nothing that GraphQL knows."),
  graphql_refused: row("client", 400, 3, "Not accepted", "The GraphQL document asks for what is not allowed here."),
  stream_not_callable: row(
    "client",
    501,
    12,
    "Not implemented",
    "This method takes a stream of messages, which cannot be sent this way.",
  ),
  operation_unknown: row("client", 404, 12, "Not found", "This interface has no such operation."),
  request_invalid: row("client", 400, 3, "Bad request", "The request does not fit the description of this interface."),
  uri_too_long: row("client", 414, 13, "URI too long", "The request target is too long."),
  header_too_large: row(
    "client",
    431,
    8,
    "Request header fields too large",
    "The request header section is too large.",
  ),
  request_timeout: row("client", 408, 4, "Request timeout", "The request did not arrive in time."),
  expectation_failed: row("client", 417, 13, "Expectation failed", "This expectation cannot be met."),
  loop_detected: row("gateway", 508, 13, "Loop detected", "The request came back to where it was before."),
  not_implemented: row("client", 501, 12, "Not implemented", "This method or protocol is not supported."),
  version_not_supported: row("client", 505, 12, "HTTP version not supported", "Only HTTP/1.1 is spoken here."),
  limit_exceeded: row("client", 429, 8, "Too many requests", "The request limit is used up for now.", true),

  not_stored: row("client", 504, 5, "Not stored", "There is no stored answer, and the request asked for no other."),

  idempotency_key_missing: row(
    "client",
    400,
    3,
    "Idempotency-Key is missing",
    "This operation needs an idempotency key, one for each request and the same for its retries.",
  ),
  idempotency_key_invalid: row(
    "client",
    400,
    3,
    "Idempotency-Key is not valid",
    "The idempotency key must be one string in double quotes.",
  ),
  idempotency_key_reused: row(
    "client",
    422,
    3,
    "Idempotency-Key is already used",
    "The idempotency key was used for a different request.",
  ),
  request_outstanding: row(
    "client",
    409,
    10,
    "A request is outstanding for this Idempotency-Key",
    "The first request with this idempotency key is still being processed.",
    true,
  ),
  answer_not_kept: row(
    "client",
    409,
    9,
    "The answer was not kept",
    "The first request with this idempotency key was answered, and its answer was too large to be given again.",
  ),
  outcome_unknown: row(
    "client",
    409,
    9,
    "The outcome is not known",
    "The first request with this idempotency key may or may not have been carried out.",
  ),
  idempotency_full: row("client", 429, 8, "Too many requests", "Too many idempotency keys are in use for now.", true),

  role_missing: row("client", 403, 7, "Forbidden", "The token does not grant this call."),
  not_owned: row("client", 403, 7, "Forbidden", "The change touches what is not the owner's; nothing was changed."),
  token_exceeds: row("client", 403, 7, "Forbidden", "A token gives no more than the one that it is made with."),
  token_unknown: row("client", 404, 5, "Not found", "There is no such token."),
  tokens_full: row("client", 409, 8, "Conflict", "No more tokens are made for now."),
  owner_undeclared: row("client", 409, 9, "Conflict", "The live document names no such owner."),
  version_moved: row("client", 409, 10, "Conflict", "Another version became live meanwhile; nothing was changed."),
  csr_invalid: row("client", 400, 3, "Bad request", "The certificate signing request cannot be used."),
  join_token_refused: row("client", 401, 16, "Unauthorized", "The join token is not valid."),
  join_refused: row("client", 401, 16, "Unauthorized", "The workload may not join."),
  document_invalid: row("client", 422, 3, "Unprocessable content", "The document has errors; nothing was changed."),
  document_missing: row("client", 409, 9, "Conflict", "No document has been applied yet."),
  service_undeclared: row("client", 409, 9, "Conflict", "The live document names no such service."),
  version_unknown: row("client", 404, 5, "Not found", "There is no such version."),
  artifact_unknown: row("client", 404, 5, "Not found", "There is no such artifact."),
  artifacts_full: row("client", 409, 8, "Conflict", "No more artifacts are taken for now."),
  key_unknown: row("client", 404, 5, "Not found", "There is no such key."),
  key_not_active: row("client", 409, 9, "Conflict", "The key is revoked, expired or rolled already."),
  record_unknown: row("client", 404, 5, "Not found", "Nothing is kept of this trace."),
  tap_unknown: row("client", 404, 5, "Not found", "There is no such tap, or it is over."),
  taps_full: row("client", 409, 8, "Conflict", "There are as many taps as there may be."),
  revocation_unknown: row("client", 404, 5, "Not found", "There is no such revocation."),
  revocations_full: row("client", 409, 8, "Conflict", "The list of revocations is full; nothing was changed."),
  rotation_refused: row("client", 409, 9, "Conflict", "The key cannot be replaced right now."),
  certificate_refused: row(
    "client",
    422,
    3,
    "Unprocessable content",
    "The certificates cannot be used; nothing was changed.",
  ),
  agent_away: row("client", 409, 9, "Conflict", "No such agent is connected."),
  workload_denied: row("client", 403, 7, "Forbidden", "The control plane refuses this workload."),
  join_token_outdated: row(
    "client",
    409,
    9,
    "Conflict",
    "The join token names a root that was replaced by one that it does not vouch for: make a new token.",
  ),
  issuance_limited: row("client", 429, 8, "Too many requests", "This instance holds too many certificates."),
  issuer_ended: row("gateway", 503, 14, "Service unavailable", "The issuing certificate has ended.", true),
  canary_running: row("client", 409, 9, "Conflict", "A canary is running: promote or abort it first."),
  canary_refused: row("client", 409, 9, "Conflict", "The canary cannot do that right now."),
  upgrade_required: row("client", 426, 9, "Upgrade required", "This path is for WebSocket connections."),
  control_failed: row("gateway", 500, 13, "Internal error", "The control plane could not serve this request.", true),

  brownout: row(
    "gateway",
    503,
    14,
    "Service unavailable",
    "This part of the interface is being retired; try again later.",
    true,
  ),
  plan_missing: row("gateway", 503, 14, "Service unavailable", "The gateway is not configured yet.", true),
  limiter_unavailable: row("gateway", 503, 14, "Service unavailable", "The request limit could not be checked.", true),
  overloaded: row("gateway", 503, 14, "Service unavailable", "The service is overloaded; try again later.", true),
  idempotency_unavailable: row(
    "gateway",
    503,
    14,
    "Service unavailable",
    "The idempotency key could not be checked.",
    true,
  ),
  issuer_unavailable: row("gateway", 503, 14, "Service unavailable", "The credentials could not be checked.", true),
  keys_unavailable: row("gateway", 503, 14, "Service unavailable", "The credentials could not be checked.", true),
  proofs_unavailable: row("gateway", 503, 14, "Service unavailable", "The credentials could not be checked.", true),
  decision_unavailable: row("gateway", 503, 14, "Service unavailable", "The permission could not be checked.", true),
  purges_unavailable: row("gateway", 503, 14, "Service unavailable", "The stored answers could not be purged.", true),
  sessions_unavailable: row("gateway", 503, 14, "Service unavailable", "The session could not be checked.", true),
  contract_unavailable: row("gateway", 503, 14, "Service unavailable", "The request could not be checked.", true),
  gateway_unreachable: row("gateway", 503, 14, "Service unavailable", "The gateway is not reachable.", true),
  binding_missing: row("gateway", 503, 14, "Service unavailable", "The gateway could not serve this request."),
  secret_missing: row("gateway", 500, 13, "Internal error", "The gateway could not serve this request."),
  internal: row("gateway", 500, 13, "Internal error", "The gateway could not serve this request."),
  code_failed: row("gateway", 500, 13, "Internal error", "The gateway could not serve this request."),
  code_timeout: row("gateway", 504, 4, "Gateway timeout", "The time for this request is used up."),

  txn_token_missing: row("mesh", 401, 16, "Unauthorized", "The request does not come from the gateway."),
  txn_token_invalid: row("mesh", 401, 16, "Unauthorized", "The request does not come from the gateway."),
  hop_proof_missing: row("mesh", 401, 16, "Unauthorized", "The request does not come from the gateway."),
  hop_proof_invalid: row("mesh", 401, 16, "Unauthorized", "The request does not come from the gateway."),
  body_altered: row("client", 400, 3, "Bad request", "The request body does not fit its Content-Digest."),
  peer_not_trusted: row("mesh", 403, 7, "Forbidden", "The caller is not trusted."),
  access_denied: row("mesh", 403, 7, "Forbidden", "The caller may not make this request."),
  unknown_service: row("mesh", 404, 12, "Unknown service", "No service of this name can be called from here."),
  no_healthy_endpoint: row("mesh", 503, 14, "Service unavailable", "The service has no healthy instance.", true),
  breaker_open: row("mesh", 503, 14, "Service unavailable", "The service is overloaded.", true),
  draining: row("mesh", 503, 14, "Service unavailable", "The instance is stopping.", true),
  app_unreachable: row("mesh", 503, 14, "Service unavailable", "The application is not reachable.", true),
  app_reset: row("mesh", 502, 14, "Bad gateway", "The application broke off its answer.", true),

  upstream_unreachable: row("upstream", 502, 14, "Bad gateway", "The upstream service could not be reached.", true),
  upstream_reset: row("upstream", 502, 14, "Bad gateway", "The upstream service broke off its answer.", true),
  upstream_invalid: row("upstream", 502, 14, "Bad gateway", "The upstream service sent an answer that cannot be used."),
  answer_invalid: row("upstream", 502, 14, "Bad gateway", "The upstream service sent an answer that cannot be used."),
  upstream_timeout: row("upstream", 504, 4, "Gateway timeout", "The upstream service did not answer in time.", true),
  deadline_exceeded: row("upstream", 504, 4, "Gateway timeout", "The time for this request is used up.", true),
  aggregate_part_failed: row(
    "upstream",
    502,
    14,
    "Bad gateway",
    "A required part of the answer is not available.",
    true,
  ),
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof errorTable;

/** How much of a request had left when it failed; only `none` makes a retry safe for every method. */
export type Sent = "none" | "head" | "body";

/** Carries a code to the one stage that answers. `reason` is for operators and never leaves the process but in logs. */
export class SelvageError extends Error {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly sent: Sent;
  /** Members added to the problem document (RFC 9457 section 3.2); safe for clients. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    reason: string,
    options: { sent?: Sent; members?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(`${code}: ${reason}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SelvageError";
    this.code = code;
    this.reason = reason;
    this.sent = options.sent ?? "none";
    this.members = options.members ?? {};
  }

  get facts(): ErrorFacts {
    return errorTable[this.code];
  }
}

/** RFC 9457 problem details. `type` is `about:blank` unless a registered type fits; `code` is ours and stable. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  traceId?: string;
  [member: string]: unknown;
}

/**
 * The problem document of an error.
 * @param traceId what a client can quote to an operator; 32 hex digits.
 */
export function toProblem(error: SelvageError, traceId?: string): Problem {
  const { status, title, detail } = error.facts;
  const problem: Problem = { type: "about:blank", title, status, detail, code: error.code, ...error.members };
  if (traceId !== undefined) problem.traceId = traceId;
  return problem;
}
