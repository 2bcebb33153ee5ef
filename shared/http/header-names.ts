/** Header fields with a meaning between the halves of Selvage, and what of a client's own never passes the edge. */

/** Signed transaction token, draft-ietf-oauth-transaction-tokens. */
export const TXN_TOKEN = "txn-token";
/** W3C Trace Context. */
export const TRACEPARENT = "traceparent";
export const TRACESTATE = "tracestate";
/** Time left for the request in whole milliseconds; shrinks at each hop. */
export const DEADLINE = "selvage-deadline-ms";
/** Name of the mesh service that the gateway asks the ingress agent for. */
export const SERVICE = "selvage-service";
/** Plan version that the request was decided by. */
export const PLAN_VERSION = "selvage-plan";
/** On a request: which attempt of its caller's agent this is, from 1. Present means: retries are done there, not here. */
export const ATTEMPT = "selvage-attempt";
/** On a request to the ingress whose body its proof does not bind: `stream`. Without it and a digest there is no body. */
export const BODY = "selvage-body";
/** On a request of the gateway: `high` or `low`, where its priority is not normal; for agents that shed load. */
export const PRIORITY = "selvage-priority";
/** On an answer: how loaded the application is, see `load-report.ts`. */
export const LOAD = "selvage-load";
/** HTTP Message Signatures, RFC 9421 section 4. */
export const SIGNATURE_INPUT = "signature-input";
export const SIGNATURE = "signature";
/** RFC 9530. */
export const CONTENT_DIGEST = "content-digest";
/** On an answer that an agent made itself: the error code. */
export const ERROR_CODE = "selvage-error";
/** On an answer that an agent made itself: `none` when the application has seen nothing, so any method may be retried. */
export const SENT = "selvage-sent";
/** On an answer: its trace is kept there though its beginning did not choose it, so that its caller keeps its part, too. */
export const KEPT = "selvage-kept";
/** On a 2xx to an upgrade over HTTP/2, between agents: it is an ordinary answer, and no tunnel. */
export const NOT_SWITCHED = "selvage-not-switched";
/** On an answer of the gateway, for its front alone: what bounds the stream, see `shared/wire/stream-bounds.ts`. */
export const STREAM = "selvage-stream";
/** On a client's request: the token of an operator who asks what is decided about it. It ends at the edge. */
export const EXPLAIN = "x-selvage-explain";
/** On an answer to that: what was decided, see `shared/wire/explain-token.ts`. */
export const EXPLAINED = "selvage-explain";
/** On an answer of an aggregate, for clients: names of the optional parts that are missing (comma separated). */
export const PARTIAL = "x-selvage-partial";

/** Of fields between the edge and the mesh: they pass the edge in neither direction. */
export const POLICY_PREFIX = "selvage-";
const FORWARDING = new Set([
  "forwarded",
  "forwarded-for",
  "via",
  "x-forwarded",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
  "cf-connecting-ipv6",
  "fastly-client-ip",
  "x-original-host",
  "x-original-url",
  "x-rewrite-url",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "client-cert",
  "client-cert-chain",
]);

/**
 * The name that a field has for those who cannot tell `_` from `-`: servers that hand fields on as variables (CGI, WSGI)
 * read `X_Forwarded_For` as `X-Forwarded-For`.
 */
export function asRead(name: string): string {
  return name.includes("_") ? name.replaceAll("_", "-") : name;
}

/**
 * Whether a field of a client's request is removed at the edge, because inside it would be believed. A `_` counts as `-`.
 * @param name in lower case
 */
export function isForgeable(name: string): boolean {
  const read = asRead(name);
  return (
    read === TXN_TOKEN ||
    read === EXPLAIN ||
    read.startsWith(POLICY_PREFIX) ||
    read.startsWith("x-forwarded-") ||
    FORWARDING.has(read)
  );
}

/** Connection-level fields that end at every hop, RFC 9110 section 7.6.1 (those named by `Connection` come on top). */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
