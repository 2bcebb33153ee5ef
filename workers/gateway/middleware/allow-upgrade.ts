import { SelvageError } from "../../../shared/errors.ts";
import { STREAM } from "../../../shared/http/header-names.ts";
import { publicOrigin } from "../../../shared/http/page-request.ts";
import { judgeUpgrade, WEBSOCKET_VERSION } from "../../../shared/policy/edge-upgrade.ts";
import { formatStreamBounds } from "../../../shared/wire/stream-bounds.ts";
import { answerHeaders } from "../upstream/answer-headers.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";

/**
 * Lets a request go on as one for a WebSocket where its route takes one and its page may ask. The platform passes the frames on
 * itself: from the answer on, nothing of them is seen here. What bounds a stream is the front's business, which is told so.
 */
export function allowUpgrade(): Stage {
  return {
    enter: (c) => {
      const offered = c.get("head").get("upgrade");
      return offered === undefined ? undefined : judge(c, offered);
    },
    leave: (c) => {
      const { name, streamIdleMs, upgradedMax } = c.get("route");
      if (streamIdleMs === undefined && upgradedMax === undefined) return;
      const bounds = formatStreamBounds({ route: name, idleMs: streamIdleMs, upgradedMax });
      if (bounds !== undefined && hasFront(c)) answerHeaders(c).set(STREAM, bounds);
    },
  };
}

function judge(c: Context<GatewayEnv>, offered: string): undefined {
  const head = c.get("head");
  const ownOrigin = publicOrigin(c.get("target"), c.get("connection").scheme);
  const request = { offered, method: c.req.raw.method, field: (name: string) => head.get(name), ownOrigin };
  const verdict = judgeUpgrade(request, c.get("route").upgrades, c.get("held").plan.cors);
  if (verdict === undefined) return;
  if ("refused" in verdict) {
    const { code, reason } = verdict.refused;
    if (code === "websocket_version") c.header("sec-websocket-version", WEBSOCKET_VERSION);
    throw new SelvageError(code, reason);
  }
  c.set("upgrade", verdict.protocol);
  c.get("fields").set("upgrade", verdict.protocol);
}

/** Where the address is that of the socket, workerd stands on somebody's machine. */
const hasFront = (c: Context<GatewayEnv>): boolean => c.env.CLIENT_IP === "socket";
