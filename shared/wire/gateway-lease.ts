/**
 * `POST /v1/gateway/lease`, role `gateway`: one isolate of the gateway says what it serves and gets what it should serve.
 * The lease lives `leaseMs`; "live" in `status` and `apply --wait` means an unexpired one.
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";
import type { GatewayPlan } from "../plan/plan.ts";
import type { ToldTap } from "../policy/tap-source.ts";
import type { ToldCanary } from "./canary.ts";
import { missingSecretsSchema } from "./condition.ts";
import { counterReportSchema } from "./counters.ts";
import { hopKeySchema } from "./hop-key.ts";
import { revocationListSchema } from "./revocations.ts";

const jwk = z.looseObject({ kty: z.string(), kid: z.string() });

/** What is known of the mesh's ingress agents: a revision of their registry. */
const ingressRevision = {
  epoch: z.string().check(z.maxLength(limits.wire.idCharsMax)),
  revision: z.int().check(z.minimum(0)),
};

export const leaseRequestSchema = z.object({
  /** Random id of the isolate. */
  isolate: z.string().check(z.minLength(8), z.maxLength(limits.wire.idCharsMax)),
  /** Version that it decides by; 0: only the one it was deployed with. */
  version: z.int().check(z.minimum(0)),
  /** Hash of its plan: a control plane that was made anew counts anew, and one number can mean two plans. */
  hash: z.optional(z.string().check(z.maxLength(limits.wire.idCharsMax))),
  /** Revision of the revocations that it holds; absent: 0, which is none. */
  revocations: z.optional(z.int()),
  /** `kid` of the signing key that it holds; absent: none. */
  signingKey: z.optional(z.string().check(z.maxLength(limits.wire.idCharsMax))),
  /** The same of the hop key. */
  hopKey: z.optional(z.string().check(z.maxLength(limits.wire.idCharsMax))),
  /** What it calls ingress agents by; absent: their fixed address. Naming a revision acknowledges what left before it. */
  ingress: z.optional(z.object(ingressRevision)),
  /** What it counted since the last report that was taken. */
  counted: z.optional(counterReportSchema),
  refused: z.optional(
    z.object({
      version: z.int(),
      hash: z.optional(z.string().check(z.maxLength(limits.wire.idCharsMax))),
      reason: z.string().check(z.maxLength(limits.wire.refusalCharsMax)),
    }),
  ),
  /** Secrets of its plan that it lacks; absent: none. Said with each lease, so that nothing has to be remembered. */
  missingSecrets: z.optional(missingSecretsSchema),
  /** The canary that it holds, and the share that it gives it; `refused`: why it does not hold this one. */
  canary: z.optional(
    z.object({
      version: z.int(),
      hash: z.string().check(z.maxLength(limits.wire.idCharsMax)),
      share: z.int().check(z.minimum(0), z.maximum(limits.canary.sharesMax)),
      refused: z.optional(z.string().check(z.maxLength(limits.wire.refusalCharsMax))),
    }),
  ),
});
export type LeaseRequest = z.infer<typeof leaseRequestSchema>;

export const leaseAnswerSchema = z.object({
  leaseMs: z.number(),
  /** Version that should be live; 0: nothing was applied yet. */
  version: z.int(),
  /** Absent when the isolate already has it. */
  plan: z.optional(
    z.object({
      /** SHA-256 of the canonical JSON of the face, hex. */
      hash: z.string(),
      gateway: z.custom<GatewayPlan>((value) => typeof value === "object" && value !== null && "routes" in value),
    }),
  ),
  /** The whole list. Absent when the isolate already has it. */
  revocations: z.optional(revocationListSchema),
  /** Private JWK that Txn-Tokens are signed with. Absent when the isolate already has it. */
  signingKey: z.optional(jwk),
  /** Absent when the isolate already has it. */
  hopKey: z.optional(hopKeySchema),
  /** A second version; absent: there is none, and one that is held is dropped. It is read by those who take it: `toldCanarySchema`. */
  canary: z.optional(z.custom<ToldCanary>((value) => typeof value === "object" && value !== null)),
  /**
   * Where ingress agents are, as `HOST:PORT`; none: at the fixed address. Absent when the isolate already has it, and where no ingress
   * agent says where it is.
   */
  ingress: z.optional(z.object({ ...ingressRevision, addresses: z.array(z.string()) })),
  /** Taps that are open, which are read by those who take them: `toldTapsSchema`. Absent: no news of any. */
  taps: z.optional(z.custom<readonly ToldTap[]>(Array.isArray)),
  /** Number of the last report that was taken. Absent: none was sent. */
  counted: z.optional(z.int()),
});
export type LeaseAnswer = z.infer<typeof leaseAnswerSchema>;
