/**
 * Records of past requests, kept in the control plane.
 *
 *   GET    /v1/records?route=NAME&because=drawn&limit=N   RecordsAnswer, newest first
 *   GET    /v1/records/TRACE-ID                           TraceRecord; 404: nothing of it is kept
 *   DELETE /v1/records                                    204: nothing is kept any more
 *   POST   /v1/records/report      RecordsReport          RecordsTaken; roles `gateway` and `agent`: what a source has kept
 */
import * as z from "zod/mini";
import type { AccessLogEntry } from "../http/access-log.ts";
import { records as bounds } from "../limits/records.ts";
import type { KeptBecause, RequestRecord } from "../policy/request-record.ts";

export interface RecordsAnswer {
  readonly records: readonly RequestRecord[];
  /** Kept, but beyond the limit of the question. */
  readonly leftOut: number;
}

/** All that is kept of one trace. */
export interface TraceRecord {
  readonly traceId: string;
  /** At the gateway; empty: it kept none. */
  readonly records: readonly RequestRecord[];
  /** At agents, by time. */
  readonly hops: readonly AccessLogEntry[];
}

/** As a trace's id stands in `traceparent`. */
export const TRACE_ID = "[0-9a-f]{32}";

const BECAUSE = ["asked", "failed", "drawn"] as const satisfies readonly KeptBecause[];
const because = z.enum(BECAUSE);
const name = z.string().check(z.maxLength(bounds.routeCharsMax));

export const recordsQuerySchema = z.object({
  route: z.optional(name),
  because: z.optional(because),
  limit: z._default(
    z.string().check(
      z.regex(/^\d{1,4}$/),
      z.refine((text) => Number(text) >= 1 && Number(text) <= bounds.answerMax),
    ),
    String(bounds.answer),
  ),
});

/** Of which the control plane reads what it judges by; the rest is for people. */
const entryShape = {
  ...{
    time: z.string().check(z.maxLength(bounds.timeCharsMax)),
    traceId: z.string().check(z.regex(new RegExp(`^${TRACE_ID}$`))),
  },
  ...{
    method: z.string(),
    path: z.string(),
    spanId: z.string(),
    service: z.string(),
    status: z.number(),
    durationMs: z.number(),
    plan: z.number(),
    route: z.optional(name),
  },
};
const kept = z.looseObject({
  because,
  entry: z.looseObject({ ...entryShape, hop: z.literal("gateway") }),
  request: z.looseObject({ headers: z.array(z.tuple([z.string(), z.string()])) }),
  decisions: z.array(z.looseObject({ stage: z.string(), verdict: z.string(), text: z.string() })),
});
const hop = z.looseObject({ ...entryShape, hop: z.enum(["ingress", "outbound", "inbound", "expose"]) });

const count = z.int().check(z.minimum(0));
export const recordsReportSchema = z.object({
  /** By the plan of whoever reports. */
  keepMs: z.int().check(z.minimum(bounds.keepMsMin), z.maximum(bounds.keepMsMax)),
  perRoute: z.int().check(z.minimum(1), z.maximum(bounds.perRouteMax)),
  /** Kept by the source, and not reported since the last report that was taken. */
  dropped: count,
  records: z
    .array(
      z.object({
        /** How many requests it stands for. */
        weight: z.number().check(z.minimum(1), z.maximum(1e12)),
        record: z.custom<RequestRecord>((one) => kept.safeParse(one).success),
      }),
    )
    .check(z.maxLength(bounds.ofReportMax)),
  hops: z.array(z.custom<AccessLogEntry>((one) => hop.safeParse(one).success)).check(z.maxLength(bounds.hopsOfReport)),
});
export type RecordsReport = z.infer<typeof recordsReportSchema>;

export const recordsTakenSchema = z.object({
  /** Drawn requests that are kept, of those that were reported. */
  drawn: count,
});
export type RecordsTaken = z.infer<typeof recordsTakenSchema>;
