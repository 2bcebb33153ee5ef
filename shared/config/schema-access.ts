/** `access` of a service. */
import * as z from "zod";
import { trustDomainOf } from "../identity/spiffe-id.ts";
import { flag, list, method, scope, serviceName, text } from "./fields.ts";
import { claims, path } from "./schema-traffic.ts";

const MODES = ["enforce", "shadow"] as const;

/** Of another trust domain. */
const spiffeId = text("a SPIFFE ID such as spiffe://partner.example/service/billing", /^spiffe:\/\//).refine(
  (value) => trustDomainOf(value) !== undefined,
  { error: "a SPIFFE ID such as spiffe://partner.example/service/billing" },
);

const accessRule = z.strictObject({
  from: z
    .union([z.literal("*"), serviceName, spiffeId])
    .describe(
      "Calling service, `gateway`, `*` for any of the trust domain, or the SPIFFE ID of a workload of `mesh.federation`.",
    ),
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
