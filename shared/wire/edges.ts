/** What agents and hubs say of calls by edge of the mesh. */
import * as z from "zod/mini";
import { limits } from "../limits.ts";
import { counterReportSchema } from "./counters.ts";

/** From agents. It is sent again until it is answered. */
export const edgesMessage = z.object({
  type: z.literal("edges"),
  /** Random id of this run of the agent, whose reports are numbered from 1. */
  run: z.string().check(z.regex(/^[0-9a-f]+$/), z.maxLength(limits.wire.idCharsMax)),
  counted: counterReportSchema,
});
export type EdgesMessage = z.infer<typeof edgesMessage>;

/** From hubs: the report of this number is counted. */
export const edgesHeardMessage = z.object({ type: z.literal("edges"), seq: z.int().check(z.minimum(1)) });
