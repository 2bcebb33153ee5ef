/** Reports of what isolates count. A kind or counter that is not known here is counted all the same: the other side may be newer. */
import * as z from "zod/mini";
import { limits } from "../limits.ts";

const { eventsMax, labelCharsMax, labelsMax, nameCharsMax, reportExemplarsMax, reportSeriesMax } = limits.counters;

const name = z.string().check(
  z.regex(/^[A-Za-z]\w*$/),
  z.maxLength(nameCharsMax),
  z.refine((value) => !(value in Object.prototype)),
);
/** Without line ends, which part labels in `seriesKey`. */
const label = z.string().check(z.regex(/^[\x20-\x7e]*$/), z.maxLength(labelCharsMax));
const count = z.int().check(z.minimum(1));

const series = z.object({
  kind: name,
  labels: z.readonly(z.array(label).check(z.maxLength(labelsMax))),
  counts: z.record(name, count).check(z.refine((counts) => Object.keys(counts).length <= eventsMax)),
});

const exemplar = z.object({
  route: label,
  traceId: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  spanId: z.string().check(z.regex(/^[0-9a-f]{16}$/)),
  ms: z.number().check(z.minimum(0)),
  atMs: z.int().check(z.minimum(0)),
});

export const counterReportSchema = z.object({
  seq: z.int().check(z.minimum(1)),
  series: z.readonly(z.array(series).check(z.maxLength(reportSeriesMax))),
  exemplars: z.exactOptional(z.readonly(z.array(exemplar).check(z.maxLength(reportExemplarsMax)))),
});
