import type { ClientIpConfig } from "../config/schema-client-ip.ts";
import { type ClientIpSettings, X_FORWARDED_FOR } from "../http/client-ip.ts";
import { sorted } from "./sorted.ts";

export function compileClientIp({ trustedProxies, header = X_FORWARDED_FOR }: ClientIpConfig): ClientIpSettings {
  return {
    trustedProxies: sorted(trustedProxies.map((network) => network.toLowerCase())),
    header: header.toLowerCase(),
  };
}
