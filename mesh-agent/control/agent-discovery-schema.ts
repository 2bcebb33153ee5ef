/** What an agent accepts of a plan on where endpoints are found. */
import * as z from "zod/mini";
import type { DiscoverySettings } from "../../shared/discovery/settings.ts";

const port = z.int().check(z.minimum(1), z.maximum(65535));
const durationMs = z.number().check(z.nonnegative());
const optionalText = z.exactOptional(z.string());

const source = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("static"),
    endpoints: z.array(z.object({ host: z.string(), port, labels: z.record(z.string(), z.string()) })),
  }),
  z.object({
    kind: z.literal("dns"),
    name: z.string(),
    type: z.enum(["a", "srv"]),
    port: z.exactOptional(port),
    everyMs: durationMs.check(z.positive()),
    servers: z.exactOptional(z.array(z.string())),
  }),
  z.object({
    kind: z.literal("kubernetes"),
    service: z.string(),
    namespace: z.string(),
    port: z.union([z.string(), port]),
    api: optionalText,
    tokenFile: optionalText,
    caFile: optionalText,
  }),
  z.object({
    kind: z.literal("consul"),
    service: z.string(),
    address: z.string(),
    datacenter: optionalText,
    tag: optionalText,
    tokenFile: optionalText,
    caFile: optionalText,
  }),
]);

const reach = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("plain") }),
  z.object({ kind: z.literal("tls"), name: z.string(), caFile: optionalText }),
  z.object({ kind: z.literal("spiffe"), id: z.string() }),
]);

export const discoverySchema: z.ZodMiniType<DiscoverySettings> = z.object({
  source,
  reach: z.exactOptional(reach),
  host: optionalText,
  allow: z.exactOptional(z.array(z.string())),
  keepMs: durationMs,
  keepEmptyMs: durationMs,
});
