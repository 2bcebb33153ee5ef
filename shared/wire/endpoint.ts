import * as z from "zod/mini";
import { limits } from "../limits.ts";

/** One instance of a service that can be called: the address of its agent's inbound listener. */
export const endpointSchema = z.object({
  /** Name of the instance, unique in the trust domain and stable over reconnects of its agent. */
  instance: z.string().check(z.minLength(1), z.maxLength(limits.wire.instanceCharsMax)),
  host: z.string().check(z.minLength(1), z.maxLength(limits.wire.hostCharsMax)),
  port: z.int().check(z.minimum(1), z.maximum(65535)),
  /** Labels that subsets select by, such as `{ version: "v1" }`. */
  labels: z.record(z.string(), z.string()),
});
export type Endpoint = z.infer<typeof endpointSchema>;
