/**
 * Every bound of Selvage, named with its unit, in one place.
 *
 * A bound that a document may change is the default here and the key in the document says so; all others are fixed.
 * Sizes are bytes, times milliseconds, counts plain numbers.
 */

import { agent } from "./limits/agent.ts";
import { aggregate } from "./limits/aggregate.ts";
import { artifacts } from "./limits/artifacts.ts";
import { authority } from "./limits/authority.ts";
import { balance } from "./limits/balance.ts";
import { clientCertificate, dpop, replay } from "./limits/bound.ts";
import { cache } from "./limits/cache.ts";
import { cacheCollapse, cachePurges, cacheStores } from "./limits/cache-stores.ts";
import { canary } from "./limits/canary.ts";
import { clientIp } from "./limits/client-ip.ts";
import { code } from "./limits/code.ts";
import { contract, schemaRegex } from "./limits/contract.ts";
import { certificate, control, keyRotation, wire } from "./limits/control.ts";
import { counters } from "./limits/counters.ts";
import { discovery } from "./limits/discovery.ts";
import { expose } from "./limits/expose.ts";
import { fault } from "./limits/fault.ts";
import { federation } from "./limits/federation.ts";
import { fleet } from "./limits/fleet.ts";
import { forms } from "./limits/forms.ts";
import { front } from "./limits/front.ts";
import { graphql } from "./limits/graphql.ts";
import { hedge } from "./limits/hedge.ts";
import { http2 } from "./limits/http2.ts";
import { idempotency } from "./limits/idempotency.ts";
import { apiKeys, condition, hopProof, identity, txnToken } from "./limits/identity.ts";
import { include } from "./limits/include.ts";
import { edgeTraffic, lifeCycle } from "./limits/life-cycle.ts";
import { loadShedding } from "./limits/load-shedding.ts";
import { login } from "./limits/login.ts";
import { meshLimits } from "./limits/mesh-limits.ts";
import { openapi } from "./limits/openapi.ts";
import { decision, introspection } from "./limits/questions.ts";
import { rateLimit } from "./limits/rate-limit.ts";
import { records } from "./limits/records.ts";
import { reshape } from "./limits/reshape.ts";
import { regex, route } from "./limits/route.ts";
import { signature } from "./limits/signature.ts";
import { taps } from "./limits/taps.ts";
import { translation } from "./limits/translation.ts";
import { identityHeaders, resource, txnContext } from "./limits/upstream.ts";
import { upstreams } from "./limits/upstream-targets.ts";
import { usage } from "./limits/usage.ts";
import { validation } from "./limits/validation.ts";
import { workloadApi } from "./limits/workload-api.ts";
import { zones } from "./limits/zones.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  /** HTTP messages, at the edge and in the agent. */
  http: {
    /** Request line plus header section, RFC 9112 section 3 and 5. Cloudflare refuses more than 128 KB in all. */
    headBytesMax: 64 * KiB,
    /** Fields in one header section. */
    headFieldsMax: 128,
    /** Request target, Cloudflare's own limit. */
    targetBytesMax: 16 * KiB,
    /** A host name, RFC 1035 section 2.3.4 without the last dot. */
    hostCharsMax: 253,
    /** Request body, unless the route says otherwise (`maxBody`). */
    bodyBytesMax: 10 * MiB,
    /** One chunk-size line with its extensions, RFC 9112 section 7.1.1. */
    chunkLineBytesMax: 256,
    /** Trailer section. */
    trailerBytesMax: 8 * KiB,
    /** Bytes of later requests that are held while one is being answered; above this the connection is not read. */
    pipelinedBytesMax: 64 * KiB,
    /** Rest of a request's body that is read and thrown away after its answer, to keep the connection. */
    drainBytesMax: 64 * KiB,
    /** Bytes of a refused connection that are read and thrown away, so that its peer sees the answer. */
    lingerBytesMax: 16 * MiB,
    /** Output up to this size is copied into one write. */
    coalesceBytesMax: 32 * KiB,
    /** Output held for one message while its peer does not read. */
    outputBytesMax: 64 * KiB,
    /** Bytes of bodies that an agent passes on before it has their memory given back. */
    youngBodyBytesMax: 4 * MiB,
    /** Interim (1xx) answers accepted from an upstream before its final one. */
    informationalMax: 8,
  },
  /** The gateway's own calls. */
  gateway: {
    /** Default time for a whole request, `timeout` of a route. */
    requestTimeoutMs: 15_000,
    /** Default time of one aggregate part, `timeout` of the part. */
    partTimeoutMs: 5_000,
    /** Answer of one aggregate part that is held in memory. */
    partBodyBytesMax: 1 * MiB,
    /** Life of a plan lease: how long an isolate serves without asking the control plane. */
    planLeaseMs: 2_000,
    /** A clock that is behind the beginning of the lease by more was set back: requests alone differ by less. */
    planClockBackMs: 250,
    /** Names of secrets of its plan that a gateway or agent says it lacks. */
    missingSecretsMax: 32,
    /** Wait for the control plane on a request's path, after that the last good plan serves. */
    planRefreshWaitMs: 100,
    /** A control plane that fails is asked again after this or down to half of it, beside the requests. */
    planRetryMs: 1_000,
    /** One call to the control plane, and the wait for a first plan where there is none at all. */
    planCallMs: 2_000,
    /** Plan with its frame, as the control plane sends it. */
    planBytesMax: 8 * MiB,
    /** Request body that is held whole, for a proof or a key that covers it. */
    heldBodyBytesMax: 10 * MiB,
    /** Such bodies and answers of one isolate together: a body is copied twice on its way, and an isolate of Cloudflare has 128 MB. */
    heldBodiesBytesMax: 32 * MiB,
    /** Wait for one limiter object before `onFailure` decides. */
    limiterWaitMs: 1_000,
    /** Host and path in a line of the access log, each. */
    logTextCharsMax: 2_048,
    /** Lines of the access log that wait to be written together, in all. */
    logBufferedCharsMax: 32_768,
    /** How long they may wait, where the process outlives its requests (`ACCESS_LOG_WAIT_MS`). */
    logWaitMs: 100,
    /** The largest wait that a variable may ask for. */
    logWaitMsMax: 10_000,
    /** Different settings of providers and decision points that an isolate remembers answers for. */
    memoriesMax: 64,
    /** Limiter addresses remembered by an isolate. */
    limiterKeysMax: 10_000,
  },
  aggregate,
  artifacts,
  taps,
  code,
  identity,
  apiKeys,
  condition,
  introspection,
  decision,
  openapi,
  signature,
  txnToken,
  login,
  meshLimits,
  dpop,
  replay,
  clientCertificate,
  clientIp,
  canary,
  contract,
  schemaRegex,
  hopProof,
  txnContext,
  identityHeaders,
  resource,
  upstreams,
  idempotency,
  cache,
  cacheStores,
  cachePurges,
  cacheCollapse,
  http2,
  graphql,
  validation,
  forms,
  lifeCycle,
  edgeTraffic,
  loadShedding,
  rateLimit,
  counters,
  agent,
  front,
  balance,
  zones,
  hedge,
  expose,
  fault,
  control,
  wire,
  /** What a document may contain (its size as text is `control.documentBytesMax`). */
  document: {
    /** Values after aliases are expanded, and how deep they may be nested. */
    nodesMax: 100_000,
    depthMax: 32,
    /** Problems that are reported; the count of the others is. */
    problemsMax: 100,
    /** Any text in it. */
    textBytesMax: 8 * KiB,
    /** Segments of a path pattern. */
    segmentsMax: 32,
    timeoutMsMax: 3_600_000,
    bodyBytesMax: 512 * MiB,
    corsMaxAgeMs: 600_000,
    corsMaxAgeMsMax: 86_400_000,
    clockSkewMsMax: 300_000,
    tokenAgeMsMax: 366 * 86_400_000,
    /** Providers, groups, claims and values that one `auth` names, each. */
    authNamesMax: 32,
    /** Findings that a document says are meant (`check.ignore`), characters of the reason of one, and of its place. */
    ignoresMax: 100,
    ignoreReasonCharsMax: 500,
    ignorePlaceCharsMax: 500,
    /** Attempts at one service that one request may come to, by the retries of all services on its way, without a warning. */
    attemptsProductMax: 8,
    /** Steps in which these ways are looked for: what calls each other in circles has more of them than can be counted. */
    chainStepsMax: 20_000,
  },
  /** Outlier ejection where a service has no `breaker`, and the ends of its range. */
  breaker: {
    consecutiveFailures: 5,
    intervalMs: 10_000,
    ejectForMs: 30_000,
    failuresMax: 1_000,
    connectionsMax: 10_000,
    /** Requests in flight to one instance, as Envoy's `max_requests`. */
    inFlightMax: 1_024,
    /** The most that a document may set that to, and requests that wait, and requests of one connection. */
    inFlightMaxMax: 1_000_000,
    /** The longest ejection, unless the first one is longer. */
    ejectForMsMax: 60_000,
    /** An instance is ejected when less of its requests of the last while succeed, and fail twice as often as the others'. */
    successPercent: 80,
    successWindowMs: 10_000,
    successRequestsMin: 10,
    requestsMax: 100_000,
    worseThanOthers: 2,
    /** Share of a service's instances that may be ejected at once; one always may. */
    ejectedPercentMax: 50,
    /** With less than this share of instances left, ejections are ignored. */
    panicPercent: 0,
    /** How long an endpoint that said that it leaves is passed over: longer than the hub needs to withdraw it. */
    refusedForMs: 2_000,
  },
  /** A system on one machine: `selvage serve` and `npm start`. */
  local: {
    /** From the start of a process until it does its work. */
    readyWithinMs: 18_000,
    /** From the request to stop until what still runs is killed; users are promised 10 s in all. */
    stopWithinMs: 8_000,
    /** What is left of an agent and its app when one of them has died. */
    leftoverGraceMs: 3_000,
    /** A process that ended by itself starts again after a pause that doubles from base to max. */
    restartBaseMs: 250,
    restartMaxMs: 15_000,
    /** One that ran this long starts again after the shortest pause. */
    steadyAfterMs: 30_000,
    /** A log beyond this is moved aside. */
    logBytesMax: 32 * MiB,
    logCheckEveryMs: 10_000,
  },
  authority,
  certificate,
  discovery,
  federation,
  fleet,
  workloadApi,
  keyRotation,
  regex,
  reshape,
  translation,
  route,
  include,
  usage,
  records,
} as const;
