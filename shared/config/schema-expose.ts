/** `expose` of a service: its agents face the outside themselves. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { host, list, network, text } from "./fields.ts";
import { clientIp } from "./schema-client-ip.ts";
import { legacyRateLimitHeaders } from "./schema-limits.ts";
import { identityHeaders } from "./schema-outward.ts";

const listen = text(
  "an address such as 0.0.0.0:8443 or [::]:8443",
  /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]{1,253}):\d{1,5}$/,
).refine((value) => Number(value.slice(value.lastIndexOf(":") + 1)) <= 65_535, { error: "a port up to 65535" });

const { proxiesMax } = limits.clientIp;

/**
 * A route is the same thing here as at the gateway; what of it an agent cannot do `check-expose.ts` says.
 * @param route of the gateway
 * @param cors of the gateway
 */
export function exposeSchema<Route extends z.ZodType, Cors extends z.ZodType>(route: Route, cors: Cors) {
  return z.strictObject({
    listen: listen.optional().describe("Address of the public TLS listener, unless its agent is given `--expose`."),
    hosts: list(host).describe("Host names that are served; ports are not compared."),
    cors: cors.optional(),
    clientIp: clientIp
      .optional()
      .describe("Whose word on the client's address is believed. Absent: nobody's, the client is who connects."),
    proxyProtocol: list(network)
      .max(proxiesMax, { error: `a list of at most ${proxiesMax}` })
      .optional()
      .describe(
        "Addresses and networks of load balancers whose connections begin with a header of the PROXY protocol, which says whose they are.",
      ),
    identityHeaders: identityHeaders.optional().describe("Headers that tell the application who asks."),
    legacyRateLimitHeaders: legacyRateLimitHeaders.optional(),
    routes: list(route),
  });
}
