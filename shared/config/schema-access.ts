/** `access` of a service. */
import * as z from "zod";
import { flag, list, method, scope, serviceName } from "./fields.ts";
import { claims, path } from "./schema-traffic.ts";

const MODES = ["enforce", "shadow"] as const;

const accessRule = z.strictObject({
  from: z
    .union([z.literal("*"), serviceName])
    .describe("Calling service by its SPIFFE ID, `gateway`, or `*` for any of the trust domain."),
  methods: list(method).optional().describe("Default: every method."),
  paths: list(path).optional().describe("Paths without query; with a final `/*` and all below. Default: every path."),
  scopes: z.array(scope).optional().describe("Scopes that the end user must have, all of them."),
  claims: claims.optional().describe("What the end user's transaction token must say: `sub`, or `tctx.NAME`."),
  mode: z
    .enum(MODES, { error: `one of ${MODES.join(", ")}` })
    .optional()
    .describe(
      "`shadow`: whom it names passes whatever it says; what it would refuse is counted and logged. Default: enforce.",
    ),
  audit: flag.optional().describe("Whether each of its decisions is a line of the log. Default: false."),
});

export const access = z.array(accessRule);
export type AccessConfig = z.infer<typeof accessRule>;
