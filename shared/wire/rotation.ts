/**
 * Replacing the keys that gateways hold, role `admin`:
 *
 *   POST /v1/keys/rotate   RotateRequest -> RotateAnswer (202), 409 `rotation_refused` while another one is under way
 *
 * `GET /v1/status` tells how far it is.
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";

export const rotateRequestSchema = z
  .object({
    /** `signing`: of Txn-Tokens. `hop`: of the proofs that requests to the ingress carry. */
    key: z.enum(["signing", "hop"]),
    /** The new key is current at once, also where agents do not have it yet. */
    now: z.optional(z.boolean()),
    /** Only with `now`: what any other key signed is refused at once. */
    revoke: z.optional(z.boolean()),
    author: z.string().check(z.maxLength(limits.wire.authorCharsMax)),
  })
  .check(z.refine(({ now, revoke }) => now === true || revoke !== true, "revoke needs now"));
export type RotateRequest = z.infer<typeof rotateRequestSchema>;

export interface RotateAnswer {
  readonly kid: string;
}

/** Keys of one kind that agents believe, and who holds them. */
export interface KeyRingStatus {
  readonly kind: RotateRequest["key"];
  readonly keys: readonly {
    readonly kid: string;
    /** `next`: waits until every agent has it. `retired`: still believed. */
    readonly state: "next" | "current" | "retired";
    readonly sinceMs: number;
    /** Gateways with a live lease that hold it. */
    readonly gateways: number;
  }[];
  /** Agents that the next key waits for: how many, and the first names as `SERVICE/INSTANCE`. */
  readonly waitingFor: { readonly count: number; readonly named: readonly string[] };
}
