import type { Listener, ListenerOptions } from "../proxy/listener.ts";
import type { Log } from "../telemetry/log.ts";
import { listenError } from "./ports.ts";

/**
 * Opens a listener that logs what it refuses before it is a request.
 * @param what its name, for people
 * @throws when the port cannot be had, with a sentence for people
 */
export async function openListener<O extends ListenerOptions>(
  what: string,
  options: O,
  create: (options: O) => Promise<Listener>,
  log: Log,
): Promise<Listener> {
  try {
    return await create({
      ...options,
      onRefused: ({ code, reason }, { address }) =>
        log.line({ time: new Date().toISOString(), kind: "refused", listener: what, code, reason, address }),
    });
  } catch (error) {
    throw listenError(error, what, options.listen);
  }
}
