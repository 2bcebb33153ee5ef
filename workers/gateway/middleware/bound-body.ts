import type { MiddlewareHandler } from "hono";
import { SelvageError } from "../../../shared/errors.ts";
import { closeShare, type HeldBytes, openShare } from "../../../shared/policy/held-bytes.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

/**
 * Keeps request bodies within the route's bound: by their stated length before anything is read, else by counting. Those that a
 * later stage holds whole share what the isolate has for them.
 * @param held what the isolate holds of bodies
 */
export function boundBody(held: HeldBytes): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const { body, headers, method } = c.req.raw;
    const bytesMax = c.get("route").bodyBytesMax;
    const stated = headers.get("content-length");
    if (stated !== null && !(Number(stated) <= bytesMax))
      throw new SelvageError("body_too_large", `body of ${stated} bytes, the route takes ${bytesMax}`);
    if (body === null || method === "GET" || method === "HEAD") {
      c.set("body", null);
      return next();
    }
    const share = openShare(held, c.get("deadlineAtMs"), c.get("arrivedAtMs"));
    c.set("holding", { held, share });
    try {
      if (stated === null) return await passCounted(bytesMax, body, (counted) => c.set("body", counted), next);
      c.set("body", body);
      await next();
    } finally {
      closeShare(held, share);
    }
  };
}

/** The count may end the body after the call began: whatever the upstream made of half a body is not the answer. */
async function passCounted(
  bytesMax: number,
  body: ReadableStream,
  give: (counted: ReadableStream) => void,
  next: () => Promise<void>,
): Promise<void> {
  const tooLarge = new SelvageError("body_too_large", `streamed body, the route takes ${bytesMax} bytes`, {
    sent: "body",
  });
  let bytes = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) controller.error(tooLarge);
      else controller.enqueue(chunk);
    },
  });
  give(body.pipeThrough(counter));
  await next();
  if (bytes > bytesMax) throw tooLarge;
}
