import { isShortKeepAlive } from "../../shared/policy/idle-time.ts";
import type { Log } from "../telemetry/log.ts";

/** Warns once when the application closes idle connections so soon that callers with more patience run into the end. */
export function keepAliveLint(log: Log): (event: "said" | "closed", ms: number) => void {
  let isTold = false;
  return (event, ms) => {
    if (isTold || !isShortKeepAlive(ms)) return;
    isTold = true;
    const seconds = Number((ms / 1_000).toFixed(1));
    const how = event === "said" ? "says that it keeps idle connections for" : "closed a connection that was idle for";
    const sentence =
      `the application ${how} ${seconds} s (Node's default is 5 s): load balancers and proxies that reach it past this agent ` +
      "keep theirs for longer and lose requests; let it keep them for 65 s or more, with Node server.keepAliveTimeout = 65_000. " +
      "Calls through the mesh lose nothing";
    log.event("app_keep_alive_short", sentence, { keepAliveMs: Math.round(ms), observed: event });
  };
}
