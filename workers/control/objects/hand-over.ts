import { limits } from "../../../shared/limits.ts";
import { dropSession } from "../../../shared/policy/agent-sessions.ts";
import { hubOf } from "../../../shared/policy/hub-shards.ts";
import type { HubState } from "../../../shared/policy/hub-state.ts";
import type { Env } from "../env.ts";
import { hubCount, hubName } from "../upstream/hubs.ts";
import { within } from "../upstream/within.ts";
import type { AgentSockets } from "./agent-sockets.ts";
import { closeCodes } from "./hub-messages.ts";
import type { HubStore } from "./hub-store.ts";

/**
 * Agents of another hub, by the number of hubs: whoever is connected is sent there, whoever is away is remembered there.
 * @param index place of this hub; undefined: there are fewer by now
 */
export async function handOver(
  env: Env,
  index: number | undefined,
  { sessions }: HubState,
  store: HubStore,
  sockets: AgentSockets,
): Promise<void> {
  const count = hubCount(env);
  const others = Object.entries(sessions.instances).filter(([key]) => hubOf(key, count) !== index);
  for (const [, { connected, connection }] of others)
    if (connected) sockets.close(connection, closeCodes.moved, "another hub has this agent");
  // One that drains stays until its registry was told by this hub that it is gone.
  const away = others.filter(([, { connected, visible, phase }]) => !connected && !visible && phase !== "draining");
  for (const [hub, group] of Map.groupBy(away, ([key]) => hubOf(key, count))) {
    try {
      const given = env.HUB.getByName(hubName(hub)).adopt(group.map(([, known]) => known));
      await within(given, limits.control.objectCallMs, hubName(hub));
      for (const [key] of group) {
        dropSession(sessions, key);
        store.putInstance(key, undefined);
      }
    } catch (error) {
      console.warn(JSON.stringify({ kind: "error", act: "hand-over", reason: String(error) }));
    }
  }
}
