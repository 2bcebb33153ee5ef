import { findClientAddress } from "../../../shared/http/client-ip.ts";
import type { Stage } from "../upstream/stages.ts";

/** Whose address counts as the client's: who is connected to us, or whom the proxies that the plan trusts name. */
export function findClient(): Stage {
  return {
    enter: (c) => {
      const head = c.get("head");
      const found = findClientAddress(c.get("clientIp"), (name) => head.get(name), c.get("held").clientIp);
      c.set("clientIp", found.address);
      return undefined;
    },
  };
}
