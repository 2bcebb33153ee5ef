import { GATEWAY_SERVICE } from "../../../shared/identity/spiffe-id.ts";
import { limits } from "../../../shared/limits.ts";
import { laggardsOf, type SessionsState } from "../../../shared/policy/agent-sessions.ts";
import type { Laggards } from "./rpc.ts";

/** Who of a hub's agents does not have a trust bundle yet. */
export function whoLacks(sessions: SessionsState, trustId: string): Laggards {
  const found = laggardsOf(sessions, trustId);
  const ingresses = found.filter(({ service }) => service === GATEWAY_SERVICE);
  // A hop key waits for these alone: they must be among the names however many others there are.
  const named = [...ingresses, ...found.filter(({ service }) => service !== GATEWAY_SERVICE)];
  return {
    agents: found.length,
    ingresses: ingresses.length,
    live: found.filter(({ connected }) => connected).length,
    known: Object.keys(sessions.instances).length,
    named: named
      .slice(0, limits.keyRotation.namedMax)
      .map(({ service, instance, connected }) => ({ service, instance, connected })),
  };
}
