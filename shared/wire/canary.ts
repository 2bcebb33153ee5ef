/**
 * Canaries of a version, role `admin`:
 *
 *   POST /v1/config/versions   ApplyRequest with `canary`: the new version gets a share of the requests instead of becoming live
 *   GET  /v1/canary            { canary: CanaryStatus | null } the one that runs, else the last one
 *   POST /v1/canary            CanaryChange -> { canary: CanaryStatus }
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";
import type { GatewayPlan } from "../plan/plan.ts";
import type { CanaryChoice, CanaryKey } from "../policy/canary-choice.ts";
import type { CanaryCounts, CanaryPhase } from "../policy/version-canary.ts";

const { sharesMax, stepsMax, everyMsMin, everyMsMax, headerCharsMax } = limits.canary;

const share = z.int().check(z.minimum(0), z.maximum(sharesMax));
const header = z.string().check(z.regex(/^[a-z0-9!#$%&'*+.^_`|~-]+$/), z.maxLength(headerCharsMax));

export const canaryRequestSchema = z.object({
  /** Shares of 10,000 requests, one after the other; each is more than the one before. */
  steps: z.array(share).check(
    z.minLength(1),
    z.maxLength(stepsMax),
    z.refine((steps) => steps.every((one, at) => at === 0 || one > (steps[at - 1] ?? 0)), "each step must be more"),
  ),
  /** After so long the next step follows, after the last one the promotion. Absent: nothing follows by itself. */
  everyMs: z.optional(z.int().check(z.minimum(everyMsMin), z.maximum(everyMsMax))),
  /** Share of failed requests that ends it, 0 to 1. */
  maxErrors: z.optional(z.number().check(z.minimum(0), z.maximum(1))),
  /** By what clients stay on one side; absent: their address. */
  by: z.optional(z.union([z.literal("ip"), z.literal("trace"), z.object({ header })])),
  /** Requests with this field get the version whatever the share. */
  match: z.optional(z.object({ header, value: z.string().check(z.maxLength(headerCharsMax)) })),
});
export type CanaryRequest = z.infer<typeof canaryRequestSchema>;

/** What an isolate is told of a canary with its lease. */
export const toldCanarySchema = z.object({
  version: z.int(),
  /** SHA-256 of the canonical JSON of its face for gateways, hex. */
  hash: z.string(),
  /** Of 10,000 requests, that it decides. */
  share,
  by: z.union([z.literal("ip"), z.literal("trace"), z.object({ header })]),
  match: z.optional(z.object({ header, value: z.string() })),
  /** Absent when the isolate already has it. */
  gateway: z.optional(z.custom<GatewayPlan>((value) => typeof value === "object" && value !== null)),
});
export type ToldCanary = z.infer<typeof toldCanarySchema>;

export const canaryChangeSchema = z.object({
  act: z.union([z.literal("promote"), z.literal("abort"), z.literal("set")]),
  /** Of `set`: the share from now on, which ends the steps. */
  share: z.optional(share),
  author: z.string().check(z.maxLength(limits.wire.authorCharsMax)),
  reason: z.optional(z.string().check(z.maxLength(limits.wire.changeReasonCharsMax))),
});
export type CanaryChange = z.infer<typeof canaryChangeSchema>;

/** Requests that two versions decided, those of the canary since its step began. */
export interface CanarySides {
  readonly canary: CanaryCounts;
  readonly stable: CanaryCounts;
}

export interface CanaryStatus {
  readonly version: number;
  /** The version that has the other requests. */
  readonly stable: number;
  readonly phase: CanaryPhase;
  /** Of 10,000 requests, that gateways are told now. */
  readonly share: number;
  readonly steps: readonly number[];
  /** Index of the step; -1: somebody set the share. */
  readonly step: number;
  /** When the next step follows if the budget holds; absent: when somebody says so. */
  readonly nextAtMs?: number;
  readonly everyMs?: number;
  readonly maxErrors: number;
  readonly by: CanaryKey;
  readonly match?: CanaryChoice["match"];
  readonly author: string;
  readonly startedAtMs: number;
  readonly changedAtMs: number;
  /** Why it ended. */
  readonly reason: string;
  /** Live gateways and connected agents that do not have it; the first by name. */
  readonly missing: { readonly count: number; readonly named: readonly string[] };
  readonly counts: CanarySides;
  readonly routes: readonly (CanarySides & { readonly route: string })[];
}
