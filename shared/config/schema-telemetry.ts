/** `telemetry`: what gateway and agents tell of requests, and whom. */
import * as z from "zod";
import { records as kept } from "../limits/records.ts";
import { telemetry as max } from "../limits/telemetry.ts";
import { duration, flag, headerName, headerValue, text, url, whole } from "./fields.ts";

const entries = <T extends z.ZodType>(of: T) =>
  of.refine((value) => Object.keys(value as object).length <= max.attributesMax, {
    error: `a mapping of at most ${max.attributesMax}`,
  });

const otlp = z.strictObject({
  endpoint: url
    .optional()
    .describe(
      "A receiver of OTLP/HTTP; traces go to /v1/traces below it, the others alike. Absent: agents take it from their environment.",
    ),
  headers: entries(z.record(headerName, headerValue))
    .optional()
    .describe("Fields of each request, such as `authorization`. Values may hold `${secret:NAME}`."),
  compression: z.enum(["gzip", "none"], { error: "gzip or none" }).optional().describe("Of requests. Default: none."),
  timeout: duration(1, max.timeoutMsMax).optional().describe("For one request to the receiver. Default: 10s."),
});

const percentage = () =>
  text("a percentage such as 1% or 0.1%", /^(?:100|\d{1,2}(?:\.\d{1,4})?)%$/, (given) =>
    typeof given === "number" && given >= 0 && given <= 100 ? `${given}%` : undefined,
  );

const traces = z.strictObject({
  sample: percentage().optional().describe("Share of the traces begun here that is kept whole. Default: 1%."),
  errors: z
    .enum(["always", "sampled"], { error: "always or sampled" })
    .optional()
    .describe("`always` (default): a hop that sees a failure keeps its spans, whatever the share."),
  slow: duration(1, max.slowMsMax).optional().describe("A hop that takes longer keeps its spans. Default: none."),
  trustClients: flag
    .optional()
    .describe("Whether a client's `traceparent` says what is sampled. Default: false, it names the trace alone."),
  clientAddress: flag.optional().describe("Whether spans tell `client.address`. Default: false."),
});

const metrics = z.strictObject({
  every: duration(max.metricsEveryMsMin, max.metricsEveryMsMax)
    .optional()
    .describe("How often agents, and the control plane for all gateways, send what they count. Default: 60s."),
});

const logs = z.strictObject({
  sample: percentage().optional().describe("Share of the requests that a log record is sent of. Default: 1%."),
  errors: z
    .enum(["always", "sampled"], { error: "always or sampled" })
    .optional()
    .describe("`always` (default): of requests that failed a record is sent, whatever the share."),
  clients: flag
    .optional()
    .describe("Whether records tell who asked: `client.address` and `enduser.id`. Default: false."),
});

const hidden = z.array(text("a name", new RegExp(`^[^\\p{Cc}]{1,${kept.hiddenCharsMax}}$`, "u"))).max(kept.hiddenMax);

const records = z.union(
  [
    z.literal("off"),
    z.strictObject({
      perRoute: whole(1, kept.perRouteMax)
        .optional()
        .describe(`Requests of each route that are kept by chance. Default: ${kept.perRoute}.`),
      keep: duration(kept.keepMsMin, kept.keepMsMax).optional().describe("How long a record is kept. Default: 24h."),
      hide: z
        .strictObject({
          headers: hidden.optional().describe("Headers whose values are hidden, beside those of credentials."),
          query: hidden.optional().describe("Parameters whose values are hidden, beside those of credentials."),
          claims: hidden.optional().describe("Claims that are left out, beside those that say something of a person."),
        })
        .optional()
        .describe("Names in any case."),
    }),
  ],
  { error: "off, or a mapping with perRoute, keep or hide" },
);

export const telemetry = z.strictObject({
  otlp: otlp.optional(),
  resource: entries(
    z.record(
      text("the name of an attribute such as deployment.environment.name", /^[A-Za-z][\w.-]{0,99}$/),
      text("a text without control characters", /^[^\p{Cc}]{1,1024}$/u),
    ),
  )
    .optional()
    .describe("Attributes of everything that is told. `service.namespace` is the document's name by default."),
  traces: traces.optional().describe("Spans of requests. Absent: none."),
  metrics: metrics.optional().describe("Metrics that are sent, beside `/metrics`. Absent: none."),
  logs: logs.optional().describe("Log records of requests, and of agents' troubles. Absent: none."),
  serverTiming: flag
    .optional()
    .describe("Whether answers of the gateway say in `Server-Timing` what took how long. Default: false."),
  records: records
    .optional()
    .describe("Past requests that are kept for `explain --trace` and for replays. `off`: none. Absent: as usual."),
});

export type TelemetryConfig = z.infer<typeof telemetry>;
