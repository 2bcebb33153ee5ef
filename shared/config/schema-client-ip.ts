/** Whose word on the client's address is believed. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { headerName, list, network } from "./fields.ts";

const { proxiesMax } = limits.clientIp;

export const clientIp = z.strictObject({
  trustedProxies: list(network)
    .max(proxiesMax, { error: `a list of at most ${proxiesMax}` })
    .describe("Addresses and networks of the load balancers and proxies before the gateway."),
  header: headerName
    .optional()
    .describe(
      "What they say the client's address in: x-forwarded-for (default) and forwarded (RFC 7239) are read from the right past every trusted address; any other field holds one address, such as cf-connecting-ip or true-client-ip.",
    ),
});

export type ClientIpConfig = z.infer<typeof clientIp>;
