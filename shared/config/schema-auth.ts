/** What a route asks of whoever calls it. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { claimName, flag, list, mode, name, scope, text } from "./fields.ts";
import { decision } from "./schema-decisions.ts";

const max = limits.document;

const tooMany = { error: `a list of at most ${max.authNamesMax}` };
const claimValue = z.union([text("a text", /^[\s\S]{0,1024}$/), z.number({ error: "a number" }), flag]);

/** What an identity must have. */
export const demands = {
  scopes: z
    .array(scope)
    .max(max.authNamesMax, tooMany)
    .optional()
    .describe("Scopes that the identity must have, all of them."),
  claims: z
    .record(claimName, z.union([claimValue, list(claimValue).max(max.authNamesMax, tooMany)]))
    .optional()
    .describe("Claims that the identity must have, each with one of these values."),
  groups: list(text("the name of a group", /^.{1,256}$/))
    .max(max.authNamesMax, tooMany)
    .optional()
    .describe("Groups of which the identity must be in one."),
};

export const auth = z.union([
  name("the name of an identity provider"),
  z.strictObject({
    any: list(name("the name of an identity provider"))
      .max(max.authNamesMax, tooMany)
      .optional()
      .describe("Providers of which one must accept the credentials; the first that does names the identity."),
    all: list(name("the name of an identity provider"))
      .max(max.authNamesMax, tooMany)
      .optional()
      .describe("Providers that must all accept; the first names the subject."),
    optional: flag.optional().describe("Whoever sends no credentials passes as anonymous; bad ones are refused still."),
    ...demands,
    when: text("an expression in CEL", /\S/)
      .optional()
      .describe("Expression in CEL over `identity` and `request` that must be true."),
    decision: decision.optional().describe("Decision point that must permit the request; asked last."),
    mode: mode
      .optional()
      .describe(
        "`shadow`: nobody is refused, so the route is open: whoever is not let in passes as who was proven, or as anonymous, and is counted and logged. Default: enforce.",
      ),
  }),
]);

export type AuthConfig = z.infer<typeof auth>;
