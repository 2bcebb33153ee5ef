import type { Cursor } from "./cursor.ts";

/** The endpoints of a service where the document lists all of them: none registers, none is found. Undefined: it does not. */
export function agentlessEndpoints(service: Cursor): Cursor[] | undefined {
  const discovery = service.get("discovery");
  const reach = discovery.get("reach");
  const list = discovery.get("static");
  return list.exists && reach.exists && reach.text !== "agent" ? list.items : undefined;
}
