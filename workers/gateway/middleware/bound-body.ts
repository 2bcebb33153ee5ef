import { SelvageError } from "../../../shared/errors.ts";
import { closeShare, type HeldBytes, openShare } from "../../../shared/policy/held-bytes.ts";
import { countedBody } from "../upstream/counted-body.ts";
import type { Stage } from "../upstream/stages.ts";

/**
 * Keeps request bodies within the route's bound: by their stated length before anything is read, else by counting. Those that a
 * later stage holds whole share what the isolate has for them.
 * @param held what the isolate holds of bodies
 */
export function boundBody(held: HeldBytes): Stage {
  return {
    enter: (c) => {
      const method = c.get("method");
      const bytesMax = c.get("route").bodyBytesMax;
      const stated = c.get("head").get("content-length");
      if (stated !== undefined && !(Number(stated) <= bytesMax))
        throw new SelvageError("body_too_large", `body of ${stated} bytes, the route takes ${bytesMax}`);
      const body = method === "GET" || method === "HEAD" ? null : c.req.raw.body;
      c.set("body", body);
      if (body === null) return undefined;
      c.set("holding", { held, share: openShare(held, c.get("deadlineAtMs"), c.get("arrivedAtMs")) });
      if (stated !== undefined) return undefined;
      const counted = countedBody(body, bytesMax);
      c.set("watched", counted);
      c.set("body", counted.body);
      return undefined;
    },
    leave: (c) => {
      const holding = c.get("holding");
      if (holding === undefined) return;
      closeShare(held, holding.share);
      // What watches it may end the body after the call began: whatever the upstream made of half a body is not the answer.
      const fault = c.get("watched")?.fault;
      if (fault !== undefined) throw fault;
    },
  };
}
