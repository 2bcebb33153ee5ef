/** What the hub and agents say to each other, as text, and what ends a connection. */
import { limits } from "../../../shared/limits.ts";
import type { HubEvent } from "../../../shared/policy/hub-state.ts";
import type { HopKey } from "../../../shared/wire/hop-key.ts";
import { type AgentMessage, agentMessageSchema, RETRY_AFTER_MS } from "../../../shared/wire/hub.ts";
import type { Connection } from "./connection.ts";
import type { Trust } from "./rpc.ts";

/** Close codes, RFC 6455 section 7.4; from 4000 on ours. */
export const closeCodes = {
  policy: 1008,
  tooBig: 1009,
  full: 1013,
  replaced: 4000,
  silent: 4001,
  tokenExpired: 4002,
  moved: 4003,
  denied: 4004,
} as const;

/** When to come again to a hub that has enough to do. */
export const BUSY_MS = 1_000;

/** @param waitMs after which the agent is to try again */
export function comeLater(waitMs: number): Response {
  const headers = { "retry-after": String(Math.ceil(waitMs / 1000)), [RETRY_AFTER_MS]: String(Math.ceil(waitMs)) };
  return new Response(null, { status: 503, headers });
}

export function trustMessage(trust: Trust, hopKeys?: readonly HopKey[]): string {
  const { id, roots, issuer, renewWithinMs, denied, federated, outside } = trust;
  const txnKeys = trust.txnKeys.map((key) => JSON.parse(key));
  const refused = denied && { denied: { services: denied.services, serials: denied.serials } };
  return JSON.stringify({
    ...{ type: "trust", id, roots, txnKeys, issuer, renewWithinMs },
    ...(hopKeys && { hopKeys }),
    ...refused,
    ...(federated && { federated }),
    ...(outside && { outside }),
  });
}

/** A number: the close code that a message deserves; "unknown": of a type that a newer agent may send. */
export function parseMessage(text: string | ArrayBuffer): AgentMessage | "unknown" | number {
  if (typeof text !== "string") return closeCodes.policy;
  if (text.length > limits.control.agentMessageBytesMax) return closeCodes.tooBig;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return closeCodes.policy;
  }
  const message = agentMessageSchema.safeParse(json);
  if (message.success) return message.data;
  const type = typeof json === "object" && json !== null && "type" in json ? json.type : undefined;
  return typeof type === "string" && !KNOWN_TYPES.has(type) ? "unknown" : closeCodes.policy;
}

/** @returns why that agent may not say this; undefined when it may */
export function refuseHello(
  connection: Connection,
  hello: Extract<AgentMessage, { type: "hello" }>,
): string | undefined {
  if (connection.greeted) return "hello was said before";
  if (hello.instance !== connection.instance) return "instance is not the token's";
  if (hello.endpoint === undefined) return undefined;
  if (hello.endpoint.instance !== connection.instance) return "endpoint is not this instance's";
  const labels = Object.entries(hello.endpoint.labels).flat();
  const { labelsMax, labelBytesMax } = limits.control;
  if (labels.length > labelsMax * 2) return "too many labels";
  return labels.some((text) => text.length > labelBytesMax) ? "a label is too long" : undefined;
}

const KNOWN_TYPES: ReadonlySet<string> = new Set<AgentMessage["type"]>([
  "hello",
  "ready",
  "draining",
  "seen",
  "resync",
  "trusts",
  "canary",
  "standing",
  "observed",
  "limits",
  "edges",
  "condition",
  "ack",
  "refuse",
]);

/** What an agent says of a plan, as an event of its hub. @param key as of `instanceKey` */
export function planVerdict(key: string, said: Extract<AgentMessage, { type: "ack" | "refuse" }>): HubEvent {
  const { version } = said;
  return said.type === "ack"
    ? { type: "acknowledged", key, version }
    : { type: "refused", key, version, reason: said.reason };
}
