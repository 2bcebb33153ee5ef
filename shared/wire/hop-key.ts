import * as z from "zod/mini";

/** Key that requests of the gateway to the ingress are proven with, see `shared/auth/hop-proof.ts`. */
export const hopKeySchema = z.object({
  kid: z.string().check(z.regex(/^[\w-]{1,64}$/)),
  /** base64url of 32 random bytes. */
  key: z.string().check(z.length(43)),
});
export type HopKey = z.infer<typeof hopKeySchema>;
