/**
 * Taps: live requests, as the gateway and agents see them.
 *
 *   POST   /v1/taps           TapRequest      201 { id }; a tap that reveals needs role `admin`
 *   POST   /v1/taps/ID/read   nothing         TapNews: what came since the last read, which renews the tap's lease
 *   DELETE /v1/taps/ID                        204: it is over
 *   POST   /v1/taps/report    TapsReport      TapsAnswer; roles `gateway` and `agent`: what a source has seen
 *
 * Sources learn of taps by the answers to gateway leases, and by the hub's message `taps`.
 */
import * as z from "zod/mini";
import { taps as bounds } from "../limits/taps.ts";
import type { TapEntry } from "../policy/tap-entry.ts";
import type { TapsAnswer, ToldTap } from "../policy/tap-source.ts";

const value = z.string().check(z.minLength(1), z.maxLength(bounds.valueCharsMax));
const values = z.optional(z.array(value).check(z.minLength(1), z.maxLength(bounds.valuesMax)));
const status = z.int().check(z.minimum(0), z.maximum(599));
const id = z.string().check(z.minLength(1), z.maxLength(bounds.idCharsMax));
const count = z.int().check(z.minimum(0));
const HOPS = ["gateway", "ingress", "outbound", "inbound", "expose"] as const;
const hop = z.enum(HOPS);

const filterSchema = z.strictObject({
  hops: z.array(hop).check(z.minLength(1), z.maxLength(HOPS.length)),
  routes: values,
  services: values,
  methods: values,
  statuses: z.optional(
    z.array(z.object({ from: status, to: status })).check(z.minLength(1), z.maxLength(bounds.valuesMax)),
  ),
  identities: values,
  pathPrefix: z.optional(value),
  minLatencyMs: z.optional(z.number().check(z.minimum(0))),
});

export const tapRequestSchema = z.strictObject({
  filter: filterSchema,
  perSecond: z.int().check(z.minimum(1), z.maximum(bounds.perSecondMax)),
  forMs: z.int().check(z.minimum(1), z.maximum(bounds.forMsMax)),
  joined: z.boolean(),
  reveal: z.boolean(),
});
export type TapRequest = z.infer<typeof tapRequestSchema>;

export const toldTapsSchema: z.ZodMiniType<ToldTap[]> = z
  .array(
    z.object({
      id,
      filter: z.object(filterSchema.shape),
      perSecond: z.int().check(z.minimum(1)),
      leaseMs: z.number(),
      joined: z.boolean(),
      reveal: z.boolean(),
    }),
  )
  .check(z.maxLength(bounds.max));

/** Of which the control plane reads what it judges by; the rest is for people. */
const entrySchema = z.custom<TapEntry>((one) => tappable.safeParse(one).success);
const tappable = z.looseObject({
  ...{ hop, time: z.string(), service: z.string(), traceId: z.string(), spanId: z.string() },
  ...{ method: z.string(), path: z.string(), status, durationMs: z.number() },
});

export const tapsReportSchema = z.object({
  taps: z
    .array(
      z.object({
        ...{ id, seen: count, dropped: count },
        entries: z.array(entrySchema).check(z.maxLength(bounds.queuedMax)),
      }),
    )
    .check(z.maxLength(bounds.max)),
});

export const tapsAnswerSchema: z.ZodMiniType<TapsAnswer> = z.object({
  taps: z.array(z.object({ id, leaseMs: z.number(), traces: z.array(z.string()) })),
});
