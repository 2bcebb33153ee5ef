import type { ClientConnection } from "../../../shared/auth/client-connection.ts";
import type { TxnContext } from "../../../shared/auth/txn-context.ts";
import type { SelvageError } from "../../../shared/errors.ts";
import type { CacheUse, GatewayLogEntry, WouldRefuse } from "../../../shared/http/access-log.ts";
import type { RequestTarget } from "../../../shared/http/request-target.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import type { Variant } from "../../../shared/policy/edge-traffic.ts";
import type { HeldBytes, Share } from "../../../shared/policy/held-bytes.ts";
import type { Reshaped } from "../../../shared/policy/reshaper.ts";
import type { HeldPlan } from "../authority/held-plan.ts";
import type { Soon } from "../cache/cache-store.ts";
import type { Env } from "../env.ts";
import type { RequestTrace } from "../telemetry/request-trace.ts";
import type { Context } from "./context.ts";
import type { WatchedBody } from "./counted-body.ts";
import type { RequestFields } from "./request-fields.ts";

/** What the stages of the chain know of one request. Each is set by the stage named, for those inside it. */
export interface GatewayEnv {
  Bindings: Env;
  Variables: {
    /** access-log */
    arrivedAtMs: number;
    /** Of the request: the platform makes a new text each time that it is asked. */
    method: string;
    trace: RequestTrace;
    /** The client's fields as they came, line by line; and by their names in lower case. */
    lines: readonly (readonly [name: string, value: string])[];
    head: ReadonlyMap<string, string>;
    /** Who is connected; from find-client on, the client's, as the plan trusts proxies. */
    clientIp: string | undefined;
    /** The error that made the answer; set by problems. */
    failure: SelvageError | undefined;
    /** The status that a caller by gRPC was told; set by grpc-errors. */
    grpcStatus: number | undefined;
    /** Limits that the request passed without being counted; set by limit-rate. */
    uncounted: readonly string[] | undefined;
    /** Tells an operator who has asked for it what was decided, with the answer; set by explain-asked. */
    explained: ((entry: GatewayLogEntry) => void) | undefined;
    /** What policies in shadow would have refused it with; kept by would-refuse. */
    wouldRefuse: WouldRefuse[] | undefined;
    /** Until policies in shadow that are asked beside the request have said it. */
    shadows: Promise<void> | undefined;
    /** count-usage */
    answeredAtMs: number;
    /** lease-plan */
    held: HeldPlan;
    /** check-request */
    target: RequestTarget;
    /** Of the request as it reached us. */
    scheme: "http" | "https";
    /** Request fields that end here. */
    dropped: readonly string[];
    /** match-request */
    route: RoutePlan;
    params: Readonly<Record<string, string>>;
    /** Normalised. */
    path: string;
    deadlineAtMs: number;
    /** strip-fields: what goes on inside. */
    fields: RequestFields;
    /** The client's own, as far as it is known. */
    connection: ClientConnection;
    /** allow-upgrade: what the connection is to change to; undefined: nothing. */
    upgrade: string | undefined;
    /** bound-body */
    body: ReadableStream | Uint8Array | null;
    /** Its part of what the isolate may hold of bodies; undefined: there is no body. */
    holding: { readonly held: HeldBytes; readonly share: Share } | undefined;
    /** What is found out of the body while it passes: a length that was not stated, an edit that cannot be made. */
    watched: WatchedBody | undefined;
    /** authenticate */
    identity: Identity;
    /** What is added to the answer, whatever that will be; taken by answer-fields. */
    answerFields: [name: string, value: string][] | undefined;
    /** route-traffic: where it goes instead of the route's own target; undefined: nowhere else. */
    variant: Variant | undefined;
    /** The fault that was injected, for the log. */
    fault: string | undefined;
    /** reshape: with what the upstream is asked instead; undefined: as the client asked. */
    reshaped: Reshaped | undefined;
    /** validate: what it has to do with the answer; undefined: nothing. */
    validated: { leave(c: Context<GatewayEnv>): Soon<void> } | undefined;
    /** tell-identity: the context of the transaction token */
    context: TxnContext | undefined;
    /** policies: what code has left for the code inside it. */
    codeValues: Readonly<Record<string, unknown>> | undefined;
    /** policies: code has changed what upstreams are asked, and nobody knows by what. */
    changedByCode: true | undefined;
    /** forward: the upstream's answer itself, which nobody may change; see `answer-headers.ts`. */
    passedOn: Response | undefined;
    /** Which target of an upstream answered, or failed last, and how many requests went out for it. */
    called: { readonly upstream: string; readonly target: string; readonly attempts: number } | undefined;
    /** idempotency: the answer is that of an earlier request. */
    replayed: true | undefined;
    /** cache: what it did; undefined: the route has none. */
    cacheUse: CacheUse | undefined;
    /** cache: takes what the answer was made of out of the stores again; undefined: nobody reads it, or it is not stored. */
    takeBack: (() => void) | undefined;
    /** cache: the answer's content is as the upstream encoded it, and is not to be encoded again; undefined: the platform sees to it. */
    isRaw: true | undefined;
  };
}
