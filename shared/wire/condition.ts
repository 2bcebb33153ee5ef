/** What programs say of themselves that no counter does: secrets that they lack, and how sources of endpoints do. */
import * as z from "zod/mini";
import { limits } from "../limits.ts";

const { hostCharsMax, secretNameCharsMax } = limits.wire;

/** Names of the plan's secrets that are not there. Values never travel. */
export const missingSecretsSchema = z
  .readonly(z.array(z.string().check(z.regex(/^[A-Za-z0-9_]+$/), z.maxLength(secretNameCharsMax))))
  .check(z.refine((names) => names.length <= limits.gateway.missingSecretsMax));

const count = z.int().check(z.minimum(0));

/** A source of one service's endpoints, as one agent sees it. */
const toldSourceSchema = z.object({
  service: z.string().check(z.maxLength(hostCharsMax)),
  kind: z.enum(["static", "dns", "kubernetes", "consul"]),
  /** That are in use. */
  endpoints: count,
  /** Of its last answer, those that are not called. */
  refused: z.optional(count),
  /** It says that there is nobody; the last good list is still in use. */
  empty: z.optional(z.literal(true)),
  /** Why it does not answer now. */
  error: z.optional(z.string().check(z.maxLength(limits.discovery.reasonCharsMax))),
  /** When it last said what there is, milliseconds since the epoch, where it fails now; absent: it never did. */
  goodAtMs: z.optional(z.number().check(z.minimum(0))),
});

/** From agents; replaces what was said before on the connection. Nothing said: nothing to tell. */
export const conditionMessage = z.object({
  type: z.literal("condition"),
  missingSecrets: missingSecretsSchema,
  sources: z.readonly(z.array(toldSourceSchema).check(z.maxLength(limits.discovery.toldSourcesMax))),
});
export type Condition = Omit<z.infer<typeof conditionMessage>, "type">;
