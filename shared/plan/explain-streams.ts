/** What would become of a request for a WebSocket, and what bounds a stream. */
import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import { publicOrigin } from "../http/page-request.ts";
import { parseRequestTarget } from "../http/request-target.ts";
import { limits } from "../limits.ts";
import { judgeUpgrade, WEBSOCKET_VERSION } from "../policy/edge-upgrade.ts";
import { type ExplainRequest, type ExplainStep, headerOf, step } from "./explain-step.ts";
import type { GatewayPlan, RoutePlan } from "./plan.ts";

export function explainUpgrade(
  gateway: GatewayPlan,
  route: RoutePlan,
  at: Path,
  request: ExplainRequest,
): ExplainStep[] {
  const offered = headerOf(request, "upgrade");
  if (offered === undefined) return [];
  const target = parseRequestTarget(`http://${request.host}/`);
  const ownOrigin = target === undefined ? "" : publicOrigin(target, "http");
  const field = (name: string): string | undefined => headerOf(request, name) ?? ASSUMED.get(name);
  const verdict = judgeUpgrade({ offered, method: request.method, field, ownOrigin }, route.upgrades, gateway.cors);
  const place: Path = [...at, "upgrades"];
  if (verdict === undefined) return [step("upgrade", "skip", `the offer of ${offered} is passed over`, place)];
  if ("refused" in verdict) return [step("upgrade", "deny", verdict.refused.reason, place, verdict.refused.code)];
  return [step("upgrade", "pass", `may change to a WebSocket, which ${boundsOf(route)}`, place)];
}

/** What every client says, and nobody who asks a question. */
const ASSUMED: ReadonlyMap<string, string> = new Map([
  ["sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="],
  ["sec-websocket-version", WEBSOCKET_VERSION],
]);

function boundsOf({ streamIdleMs, upgradedMax, timeoutMs }: RoutePlan): string {
  const idleMs = streamIdleMs ?? limits.front.tunnelIdleMs;
  return [
    `has to be open within ${formatDuration(timeoutMs)}`,
    idleMs === 0 ? "may stand still for ever" : `may stand still for ${formatDuration(idleMs)} behind a front`,
    ...(upgradedMax === undefined ? [] : [`is one of ${upgradedMax} at a front`]),
  ].join(", ");
}
