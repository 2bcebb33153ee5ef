/** What a limit counts by. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { claimName, headerName, text, whole } from "./fields.ts";

const max = limits.rateLimit;
const words = ["identity", "ip", "consumer", "plan", "all"] as const;
const parameterName = text("the name of a parameter", /^[^\s{}]{1,128}$/);

export const keySource = z.strictObject({
  header: headerName.optional().describe("Value of a request field."),
  claim: claimName.optional().describe("Claim of the identity; dots lead into its members."),
  path: parameterName.optional().describe("Parameter of the route's path."),
  query: parameterName.optional().describe("Parameter of the query, where it occurs once."),
  cookie: text("the name of a cookie", /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/)
    .optional()
    .describe("Cookie, where it occurs once."),
  cel: text("an expression in CEL", /\S/)
    .optional()
    .describe("Expression in CEL over `identity` and `request` that gives a text, a number or a truth value."),
  ip: z
    .strictObject({
      v4: whole(1, 32).optional().describe("Leading bits of an IPv4 address that count. Default: 32."),
      v6: whole(1, 128).optional().describe("Leading bits of an IPv6 address that count. Default: 64."),
    })
    .optional()
    .describe("The client's address, by networks of other sizes."),
});

const word = z.enum(words, { error: `${words.slice(0, -1).join(", ")} or ${words.at(-1)}` });
const keyPart = z.union([word, keySource]);

export const limitKey = z
  .union([
    word,
    keySource,
    z
      .array(keyPart)
      .min(1, { error: "a list of at least one" })
      .max(max.keyPartsMax, { error: `a list of at most ${max.keyPartsMax}` }),
  ])
  .describe("Whose requests are counted together; of a list, those that have all of its values in common.");

export type LimitKeyConfig = z.infer<typeof limitKey>;
export type KeyPartConfig = z.infer<typeof keyPart>;
