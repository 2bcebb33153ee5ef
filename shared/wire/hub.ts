/**
 * Messages between an agent and the hub: JSON text on the WebSocket `GET /v1/agents/connect`, which the agent opens with
 * `Authorization: Bearer <agent token>`; 503 with `RETRY_AFTER_MS` tells it when to come. The agent speaks first (`hello`); the
 * hub answers with `trust`, `plan` and `changes` (or `endpoints`, to an agent that names no `views`), to agents that face the outside
 * with `revocations`, and again whenever one of them changes. Unknown members are ignored, unknown types too.
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";
import type { AgentPlan } from "../plan/plan.ts";
import { conditionMessage } from "./condition.ts";
import { edgesHeardMessage, edgesMessage } from "./edges.ts";
import { endpointSchema } from "./endpoint.ts";
import { hopKeySchema } from "./hop-key.ts";
import { limitedMessage, limitsMessage } from "./mesh-limits.ts";
import { revocationListSchema } from "./revocations.ts";
import { toldTapsSchema } from "./taps.ts";

export const WIRE_FORMAT = 1;

/** Text that the agent sends to show that it lives; the platform answers without waking the hub. */
export const PING = "ping";
export const PONG = "pong";

/** `Retry-After` more exactly: a header with milliseconds. */
export const RETRY_AFTER_MS = "selvage-retry-after-ms";

export const deniedPeersSchema = z.object({
  services: z.array(z.string()),
  /** Serial numbers of certificates, lower-case hex. */
  serials: z.array(z.string()),
});

/** By trust domain. */
export const federatedSchema = z.record(z.string(), z.array(z.string()));

/** As in `shared/policy/federation.ts`. */
export const outsideIssuerSchema = z.object({
  id: z.string(),
  gateway: z.optional(z.string()),
  roots: z.array(z.string()),
});

const jwk = z.looseObject({ kty: z.string(), kid: z.string() });

/** What an agent holds of a service: the revision of its registry that counts by `epoch`. */
const heldSchema = z.object({
  service: z.string().check(z.maxLength(limits.wire.hostCharsMax)),
  epoch: z.string().check(z.maxLength(limits.wire.idCharsMax)),
  revision: z.int().check(z.minimum(0)),
});

/** How long an agent goes on without the control plane: until when, milliseconds since the epoch, and what ends first. */
const outageSchema = z.object({ atMs: z.number(), by: z.string().check(z.maxLength(limits.wire.idCharsMax)) });

const count = z.int().check(z.minimum(0));

/** What a caller tells of a service: see `shared/policy/caller-view.ts`. */
const callerReportSchema = z.object({
  service: z.string().check(z.maxLength(limits.wire.hostCharsMax)),
  requests: count,
  retries: count,
  whole: z.optional(z.literal(true)),
  endpoints: z
    .array(
      z.object({
        instance: z.string().check(z.maxLength(limits.wire.instanceCharsMax)),
        seen: z.enum(["well", "failing", "none"]),
        good: count,
        failed: count,
      }),
    )
    .check(z.maxLength(limits.fleet.callerEndpointsMax)),
});

export const agentMessageSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("hello"),
    format: z.literal(WIRE_FORMAT),
    instance: z.string().check(z.minLength(1), z.maxLength(limits.wire.instanceCharsMax)),
    /** Where others reach its inbound listener; absent for agents that only call. Of an ingress: where gateways reach it. */
    endpoint: z.optional(endpointSchema),
    /** Last good plan, 0 for none; an equal one is not sent again. */
    planVersion: z.int().check(z.minimum(0)),
    /** Its hash: a control plane that was made anew counts anew, and one number can mean two plans. */
    planHash: z.optional(z.string().check(z.maxLength(limits.wire.idCharsMax))),
    /** Version of the canary that it holds; absent: none. */
    canary: z.optional(z.int()),
    /** When its certificate ends, milliseconds since the epoch. */
    certificateNotAfterMs: z.number(),
    outage: z.optional(outageSchema),
    /** Id of the trust bundle that it uses since it said so; that one is not sent again. Absent: none in this run. */
    trusts: z.optional(z.string().check(z.maxLength(limits.wire.idCharsMax))),
    /** It takes `changes`, and holds these. Absent: it takes `endpoints`. */
    views: z.optional(z.array(heldSchema)),
  }),
  /** The application can be called: from now on the endpoint is given to callers. */
  z.object({ type: z.literal("ready") }),
  /** The endpoint leaves: it is withdrawn at once, the socket stays until the drain ends. Answered with `drained`. */
  z.object({ type: z.literal("draining") }),
  /** No new request of this agent goes to what had left by these revisions. */
  z.object({ type: z.literal("seen"), views: z.array(heldSchema) }),
  /** A change did not fit what the agent holds, which is this. */
  z.object({ type: z.literal("resync"), views: z.array(heldSchema) }),
  /** The canary of that version is held, and requests are decided by it; 0: none is. `refused`: why it is not. */
  z.object({
    type: z.literal("canary"),
    version: z.int(),
    refused: z.optional(z.string().check(z.maxLength(limits.wire.refusalCharsMax))),
  }),
  /** The trust bundle of that id is in use. */
  z.object({ type: z.literal("trusts"), id: z.string().check(z.maxLength(limits.wire.idCharsMax)) }),
  /** New credentials are in use; `renewal`: as it was told to by the `renew` of that id. */
  z.object({
    type: z.literal("standing"),
    outage: outageSchema,
    renewal: z.optional(z.string().check(z.maxLength(limits.wire.idCharsMax))),
  }),
  /** How calls went, by service; only what changed, unless it is `whole`. */
  z.object({
    type: z.literal("observed"),
    services: z.array(callerReportSchema).check(z.maxLength(limits.fleet.reportServicesMax)),
  }),
  /** Of limits that are counted over all instances of its service. Answered with `limited`. */
  limitsMessage,
  /** What was counted of the mesh's edges. Answered with `edges`. */
  edgesMessage,
  conditionMessage,
  z.object({ type: z.literal("ack"), version: z.int() }),
  z.object({
    type: z.literal("refuse"),
    version: z.int(),
    reason: z.string().check(z.maxLength(limits.wire.refusalCharsMax)),
  }),
]);
export type AgentMessage = z.infer<typeof agentMessageSchema>;

export const hubMessageSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("plan"),
    version: z.int(),
    /** SHA-256 of the canonical JSON of `plan`, hex. */
    hash: z.string(),
    plan: z.custom<AgentPlan>((value) => typeof value === "object" && value !== null && "format" in value),
  }),
  /**
   * What changed of services that this agent may call, by service: the last state of all that changed behind revision `from`,
   * which brings whoever holds that or more to `revision`. Absent `from`: `put` is all there is. `ack`: to be answered with
   * `seen`, since somebody who leaves waits for it.
   */
  z.object({
    type: z.literal("changes"),
    views: z.array(
      z.object({
        ...heldSchema.shape,
        from: z.optional(z.int()),
        put: z.array(endpointSchema),
        remove: z.array(z.string()),
        ack: z.optional(z.literal(true)),
      }),
    ),
  }),
  /** All callers go by a view without this agent that drains, or it has waited long enough. */
  z.object({ type: z.literal("drained") }),
  /** A second version, for the requests that were decided by it; without a plan: there is none any more. */
  z.object({
    type: z.literal("canary"),
    version: z.int(),
    hash: z.optional(z.string()),
    plan: z.optional(z.custom<AgentPlan>((value) => typeof value === "object" && value !== null && "format" in value)),
  }),
  /** The whole view of the services that this agent may call; replaces the one before. `revision` only grows. */
  z.object({
    type: z.literal("endpoints"),
    revision: z.int(),
    services: z.record(z.string(), z.array(endpointSchema)),
  }),
  /**
   * Trust bundle: PEM roots that peers are checked against, public keys that Txn-Tokens are checked against. The ingress, and
   * nobody else, gets the keys that the gateway proves its requests with. An agent answers with `trusts` once it is in use.
   */
  z.object({
    type: z.literal("trust"),
    id: z.optional(z.string()),
    roots: z.array(z.string()),
    txnKeys: z.array(jwk),
    hopKeys: z.optional(z.array(hopKeySchema)),
    /** Fingerprint of the issuer that the agent's certificate is to be from; it answers once it is. Absent: of any. */
    issuer: z.optional(z.string()),
    /** It asks for that certificate at a random moment of this time. */
    renewWithinMs: z.optional(z.number()),
    /** Peers that are refused although their certificates are good. Absent: none. */
    denied: z.optional(deniedPeersSchema),
    /** PEM roots of other trust domains, whose workloads access rules may name. Absent: none. */
    federated: z.optional(federatedSchema),
    /** An outside issuer of the own trust domain, whose SVIDs are good beside the authority's. Absent: there is none. */
    outside: z.optional(outsideIssuerSchema),
  }),
  /** Renew the certificate at a random moment of that time, whatever is left of it, and say `standing` with this id. */
  z.object({ type: z.literal("renew"), id: z.string(), withinMs: z.number().check(z.nonnegative()) }),
  /** Leave as at SIGTERM: say `draining`, finish what runs, end. */
  z.object({ type: z.literal("drain") }),
  /** Most callers see these instances of a service failing: to be used less for that time; replaces what was said before. */
  z.object({
    type: z.literal("advice"),
    service: z.string(),
    avoid: z.array(z.string()),
    forMs: z.number().check(z.nonnegative()),
  }),
  /** Taps that are open, told again while they are. */
  z.object({ type: z.literal("taps"), taps: toldTapsSchema }),
  limitedMessage,
  edgesHeardMessage,
  /** All that is revoked, to agents that face the outside, before the plan that says so; replaces the list before. */
  z.object({ type: z.literal("revocations"), ...revocationListSchema.shape }),
]);
export type HubMessage = z.infer<typeof hubMessageSchema>;
