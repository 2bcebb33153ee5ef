/**
 * `selvage.yaml`, format 1. A document is plain JSON in exactly this shape: durations and the like stay the text that
 * was written, `compile` turns them into numbers and fills in defaults. References between parts of the document are
 * checked by `check-document.ts`.
 */
import * as z from "zod";
import { transcode as transcoding } from "../limits/transcode.ts";
import { limits } from "../limits.ts";
import {
  duration,
  flag,
  headerName,
  headerValue,
  host,
  list,
  method,
  name,
  serviceName,
  size,
  text,
  whole,
} from "./fields.ts";
import { access } from "./schema-access.ts";
import { aggregate, answer } from "./schema-aggregate.ts";
import { errorPages, redirect, respond, securityHeaders } from "./schema-answers.ts";
import { auth } from "./schema-auth.ts";
import { balance } from "./schema-balance.ts";
import { tlsTerminator } from "./schema-bound.ts";
import { breaker } from "./schema-breaker.ts";
import { cache, gatewayCache } from "./schema-cache.ts";
import { callLimits } from "./schema-call-limits.ts";
import { check } from "./schema-check.ts";
import { clientIp } from "./schema-client-ip.ts";
import { calls, handler, policies } from "./schema-code.ts";
import { contracts, routeValidate, validate } from "./schema-contracts.ts";
import { decisionPoint } from "./schema-decisions.ts";
import { discovery } from "./schema-discovery.ts";
import { edgeFaults, edgeMirror, edgeTraffic, target } from "./schema-edge-traffic.ts";
import { exposeSchema } from "./schema-expose.ts";
import { faults } from "./schema-fault.ts";
import { federation, meshIdentity } from "./schema-federation.ts";
import { graphql } from "./schema-graphql.ts";
import { hedge } from "./schema-hedge.ts";
import { idempotency } from "./schema-idempotency.ts";
import { provider } from "./schema-identity.ts";
import { certificates, join } from "./schema-join.ts";
import { lifeCycle, versioning } from "./schema-life-cycle.ts";
import { planName } from "./schema-limit-rows.ts";
import { legacyRateLimitHeaders, namedLimit, routeLimits } from "./schema-limits.ts";
import { routeMatch } from "./schema-match.ts";
import { context, identityHeaders, resources } from "./schema-outward.ts";
import { include, ownerName, owners, quarantine } from "./schema-owners.ts";
import { protocol, streamIdle } from "./schema-protocol.ts";
import { transform } from "./schema-reshape.ts";
import { retries } from "./schema-retries.ts";
import { priority, serviceShedding, shedding } from "./schema-shedding.ts";
import { telemetry } from "./schema-telemetry.ts";
import { mirror, trafficRule } from "./schema-traffic.ts";
import { descriptor, transcode } from "./schema-transcode.ts";
import { routeStreams, upgrades } from "./schema-tunnels.ts";
import { upstream } from "./schema-upstreams.ts";

const max = limits.document;

const timeout = duration(1, max.timeoutMsMax);
const _headers = z.record(headerName, headerValue);
const origin = text(
  'an origin such as https://app.example.com (no path), or "*"',
  /^(?:\*|https?:\/\/[^/?#@\s]+)$/,
  (given) => (typeof given === "string" && URL.canParse(given) ? new URL(given).origin : undefined),
).refine((value) => value === "*" || URL.canParse(value), { error: "an origin such as https://app.example.com" });

const pathPattern = text("a path that starts with /", /^\/[^\s?#]*$/, (given) =>
  typeof given === "string" && /^[\w{*]/.test(given) ? `/${given}` : undefined,
);

const cors = z.strictObject({
  origins: list(origin).describe("Exact origins that may read answers, or `*` alone."),
  methods: z.array(method).optional().describe("Methods that a preflight allows. Default: GET, HEAD, POST."),
  allowHeaders: z
    .array(headerName)
    .optional()
    .describe("Request headers that a preflight allows. Default: those asked for."),
  exposeHeaders: z.array(headerName).optional().describe("Answer headers that scripts may read."),
  credentials: flag.optional().describe("Whether cookies and credentials are allowed; not together with `*`."),
  maxAge: duration(0, max.corsMaxAgeMsMax).optional().describe("How long a preflight is remembered. Default: 10m."),
});

const regexRewrite = z.strictObject({
  regex: text("a regular expression of RE2", /\S/).describe("What of the path is replaced, each time it is found."),
  to: text("a text without control characters", /^[^\p{Cc}\s?#]*$/u).describe("`$1` and `$<name>` are its groups."),
});

const route = z.strictObject({
  name: name("the name of a route"),
  owner: ownerName.optional().describe("Whose route it is: one of `owners`."),
  match: routeMatch,
  quarantine: quarantine.optional().describe("Out of service, and why: requests are answered 503."),
  auth: auth.optional().describe("Absent: public."),
  identityHeaders: identityHeaders
    .optional()
    .describe("Instead of the gateway's: headers that tell upstreams who asks."),
  context: context.optional().describe("Instead of the gateway's: what the transaction token says of the transaction."),
  rateLimit: routeLimits.optional().describe("Limits, or names of those of the gateway; each must admit a request."),
  legacyRateLimitHeaders: legacyRateLimitHeaders.optional().describe("Instead of the gateway's."),
  cache: cache.optional().describe("Answers are kept and given again. `true`: as they say themselves."),
  priority: priority.optional().describe("Who is refused last when an upstream is overloaded. Default: normal."),
  idempotency: idempotency.optional().describe("Requests with the same key are carried out once."),
  graphql: graphql.optional().describe("What a GraphQL service may be asked for."),
  transcode: transcode.optional().describe("Requests of JSON become calls by gRPC, by the rules of a descriptor."),
  validate: routeValidate
    .optional()
    .describe(
      "Requests and answers are held to an API description. Default: that of the service or upstream; `false`: none.",
    ),
  transform: transform.optional(),
  policies: policies
    .optional()
    .describe("Middleware of your own, after everything that the document says of a request."),
  handler: handler.optional().describe("Code of your own answers."),
  calls: calls
    .optional()
    .describe("What that code may call: services and upstreams, or a mapping of names to targets."),
  respond: respond.optional(),
  redirect: redirect.optional(),
  errorPages: errorPages.optional().describe("Before the gateway's: pages instead of problem documents."),
  securityHeaders: securityHeaders.optional().describe("Instead of the gateway's."),
  aggregate: aggregate.optional().describe("The answer is composed of these parts."),
  answer: answer.optional().describe("What becomes of the parts of `aggregate`. Default: an object of them, 200."),
  to: target
    .optional()
    .describe(
      "A service of the mesh, one of `upstreams`, or the origin of a URL. The path goes on unchanged, unless `rewrite` is given.",
    ),
  rewrite: z
    .union([pathPattern, regexRewrite])
    .optional()
    .describe("Path that is asked for instead: `{name}` and a final `*` stand for what `match.path` found there."),
  traffic: edgeTraffic
    .optional()
    .describe("Other targets than `to`, by weight or by request: the first rule that matches decides."),
  mirror: edgeMirror.optional().describe("Copies of requests, by default of safe methods, whose answers are dropped."),
  faults: edgeFaults.optional().describe("Trouble made on purpose: the first that matches, and is not over, is drawn."),
  lifecycle: lifeCycle.optional().describe("Deprecation, end and successor; clients are told with every answer."),
  timeout: timeout.optional().describe("For the whole request. Default: 15s."),
  ...routeStreams,
  maxBody: size(0, max.bodyBytesMax).optional().describe("Largest request body. Default: 10MiB."),
});

const gateway = z.strictObject({
  hosts: list(host).describe("Host names that are served; ports are not compared."),
  cors: cors.optional(),
  tlsTerminator: tlsTerminator.optional(),
  clientIp: clientIp
    .optional()
    .describe("Whose word on the client's address is believed. Absent: nobody's but the platform's."),
  cache: gatewayCache.optional(),
  shedding: shedding.optional().describe("Upstreams get no more requests at once than they take."),
  legacyRateLimitHeaders: legacyRateLimitHeaders.optional(),
  identity: z.record(name("the name of an identity provider"), provider).optional(),
  decisions: z.record(name("the name of a decision point"), decisionPoint).optional(),
  identityHeaders: identityHeaders.optional().describe("Headers that tell upstreams who asks. No client can say them."),
  context: context.optional().describe("What transaction tokens say of the transaction (`tctx`), beside the route."),
  resources: resources.optional().describe("Protected resources whose metadata is published (RFC 9728)."),
  versioning: versioning.optional().describe("How requests say which `match.version` they mean."),
  errorPages: errorPages.optional(),
  securityHeaders: securityHeaders
    .optional()
    .describe(
      "Fields that tell browsers what pages may do, and fields of upstreams that go no further. Default: none.",
    ),
  via: flag.optional().describe("Whether answers say `Via`, as requests do. Default: false."),
  contracts: contracts.optional().describe("API descriptions (OpenAPI) that routes name in `validate`."),
  plans: list(planName).optional().describe("The plans that callers have: limits name no others."),
  limits: z
    .record(name("the name of a limit"), namedLimit)
    .optional()
    .describe("Limits that several routes name in `rateLimit`."),
  upstreams: z
    .record(serviceName, upstream)
    .optional()
    .describe(
      "What routes lead to by name beside services of the mesh: several targets, with failover and health checks.",
    ),
  descriptors: z
    .record(name("the name of a descriptor"), descriptor)
    .refine((all) => Object.keys(all).length <= transcoding.descriptorsMax, {
      error: `at most ${transcoding.descriptorsMax} descriptors`,
    })
    .optional()
    .describe("APIs by gRPC that routes name in `transcode`."),
  routes: z.array(route),
});

const service = z.strictObject({
  port: whole(1, 65535).describe("Where its application listens, unless its agent is given another port."),
  protocol: protocol.optional(),
  outboundPort: whole(1, 65535)
    .optional()
    .describe("Of `tcp`: where agents of its callers listen for it, on loopback. Default: a free port."),
  upgrades: upgrades.optional().describe("Protocols that requests may change to. Default: websocket."),
  subsets: z
    .record(
      name("the name of a subset"),
      z.record(text("a label name", /^[A-Za-z0-9._/-]{1,63}$/), text("a label value", /^[\x20-\x7e]{0,128}$/)),
    )
    .optional()
    .describe("Subset to the labels that its instances carry."),
  traffic: list(trafficRule).optional().describe("The first rule that matches decides. Default: every instance alike."),
  mirror: mirror.optional().describe("Copies of requests, by default of safe methods, whose answers are dropped."),
  faults: faults.optional().describe("Trouble made on purpose: the first that matches, and is not over, is drawn."),
  timeout: timeout
    .optional()
    .describe("For the whole call with its retries. Default: 15s; with `protocol: grpc` as the caller says."),
  streamIdle: streamIdle.optional(),
  retries: retries.optional().describe("What is sent again, and when."),
  hedge: hedge.optional().describe("A second attempt beside one that has no answer yet. Absent: none."),
  breaker: breaker.optional().describe("Which instances are out of use."),
  balance: balance.optional().describe("How requests are spread over instances."),
  access: access
    .optional()
    .describe("Who may call; absent: every workload of the trust domain. An empty list: nobody."),
  shedding: serviceShedding
    .optional()
    .describe("Its agents give the application no more requests at once than it takes, and tell callers its load."),
  rateLimit: callLimits
    .optional()
    .describe("Calls from the mesh that each instance lets through, counted by its agent."),
  owner: ownerName.optional().describe("Whose service it is: one of `owners`."),
  discovery: discovery
    .optional()
    .describe("Where endpoints are found beside agents that register: Kubernetes, Consul, DNS, or a list."),
  validate: validate
    .optional()
    .describe("Routes of the gateway that lead here are held to its API description, unless they say otherwise."),
  expose: exposeSchema(route, cors)
    .optional()
    .describe("Its agents face the outside: a public TLS listener with routes."),
});

const mesh = z.strictObject({
  trustDomain: text("a trust domain such as shop.internal", /^[a-z0-9._-]{1,255}$/, (given) =>
    typeof given === "string" ? given.toLowerCase() : undefined,
  ).describe("First part of every SPIFFE ID."),
  join: join.optional().describe("Who joins by a token of its platform, without a join token, and comes back."),
  certificates: certificates.optional().describe("How long certificates of workloads live."),
  outageBudget: duration(limits.fleet.outageMsMin, limits.fleet.outageMsMax)
    .optional()
    .describe(
      "An agent that could go on for less than this without the control plane is an alarm. Default: 12h, at most half a certificate's life.",
    ),
  federation: federation.optional().describe("Other trust domains whose workloads `access` may name."),
  identity: meshIdentity.optional().describe("Identities that are not from the mesh's own authority."),
  services: z.record(serviceName, service),
});

export const documentSchema = z.strictObject({
  $schema: z.string({ error: "a URL" }).optional().describe("For editors only."),
  selvage: z.literal(1, { error: "1" }).describe("Format of the document."),
  name: text("a name: lower-case letters, digits and - inside", /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
  include: include.optional(),
  owners: owners.optional(),
  telemetry: telemetry.optional().describe("What gateway and agents tell of requests, and whom. Absent: nothing."),
  check: check.optional(),
  gateway: gateway.optional(),
  mesh: mesh.optional(),
});

/** A document whose form is right; its references are too when it came from `checkDocument` or `loadDocument`. */
export type Document = z.infer<typeof documentSchema>;
export type RouteConfig = z.infer<typeof route>;
export type ServiceConfig = z.infer<typeof service>;
