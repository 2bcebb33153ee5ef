/** What Consul says of a service's instances: https://developer.hashicorp.com/consul/api-docs/health, and its blocking queries. */
import * as z from "zod/mini";
import { ZONE_LABEL } from "../policy/zones.ts";
import type { NamedEndpoint } from "./admit.ts";
import { WEIGHT_LABEL } from "./dns-records.ts";

const entrySchema = z.object({
  Node: z.object({ Address: z.string() }),
  Service: z.object({
    ID: z.string(),
    /** Empty: that of the node. */
    Address: z.string(),
    Port: z.int(),
    Meta: z.nullish(z.record(z.string(), z.string())),
    Weights: z.nullish(z.object({ Passing: z.int() })),
    Locality: z.nullish(z.object({ Zone: z.nullish(z.string()) })),
  }),
});

/**
 * The instances of an answer to `/v1/health/service`. Labels are the `Meta` of each, its weight and, where it has a locality, its zone.
 * @throws RangeError where it is no such answer
 */
export function readConsulEntries(answer: unknown): NamedEndpoint[] {
  const parsed = z.array(entrySchema).safeParse(answer);
  if (!parsed.success) throw new RangeError("the answer is no list of a service's instances");
  return parsed.data.map(({ Node, Service }) => {
    const { ID, Address, Port, Meta, Weights, Locality } = Service;
    const zone = Locality?.Zone;
    return {
      name: ID,
      host: Address === "" ? Node.Address : Address,
      port: Port,
      labels: {
        ...(Weights && { [WEIGHT_LABEL]: String(Math.max(1, Weights.Passing)) }),
        ...Meta,
        ...(zone && { [ZONE_LABEL]: zone }),
      },
    };
  });
}

/**
 * The index that the next question names, by the field `X-Consul-Index`. One that went back, as after a restore of Consul's state, begins
 * anew; so does one that is none.
 * @returns 0: the next question is answered at once
 */
export function nextConsulIndex(before: number, field: string | undefined): number {
  const index = field !== undefined && /^\d{1,15}$/.test(field) ? Number(field) : 0;
  return index < before ? 0 : index;
}
