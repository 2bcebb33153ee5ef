/** `federation` of the mesh, and its `identity`: other trust domains, and another issuer for the own one. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { duration, text } from "./fields.ts";

const { refreshMinMs, refreshMaxMs, partnersMax } = limits.federation;

/** A key that others refer to, so none of a built-in member. */
const partnerDomain = text("a trust domain such as partner.example", /^[a-z0-9._-]{1,255}$/, (given) =>
  typeof given === "string" ? given.toLowerCase() : undefined,
).refine((value) => !(value in Object.prototype), { error: "a name that is not a built-in word of JavaScript" });

const partner = z.strictObject({
  bundle: text("a URL such as https://mesh.partner.example/v1/bundle", /^https?:\/\/\S+$/).describe(
    "Where its SPIFFE bundle is served (profile `https_web`): https, or http on loopback.",
  ),
  refresh: duration(refreshMinMs, refreshMaxMs)
    .optional()
    .describe("How often it is fetched. Default: as the bundle says, else 5m."),
});

const { idCharsMax } = limits.federation;

export const meshIdentity = z.strictObject({
  spiffe: z
    .strictObject({
      id: text("a template such as spiffe://shop.internal/ns/prod/sa/{service}", /^spiffe:\/\//)
        .max(idCharsMax, { error: `at most ${idCharsMax} characters` })
        .describe("SPIFFE IDs of its workloads: `{service}` is the segment that names the service, `*` any segment."),
      gateway: text("a SPIFFE ID such as spiffe://shop.internal/ns/edge/sa/ingress", /^spiffe:\/\//)
        .max(idCharsMax, { error: `at most ${idCharsMax} characters` })
        .optional()
        .describe("SPIFFE ID of the gateway's ingress. Absent: no ingress has an SVID of this issuer."),
      ...partner.shape,
    })
    .describe("An outside issuer of the own trust domain, such as SPIRE: its SVIDs are good in the mesh, too."),
});

export const federation = z
  .record(partnerDomain, partner)
  .refine((all) => Object.keys(all).length <= partnersMax, { error: `at most ${partnersMax} trust domains` });
