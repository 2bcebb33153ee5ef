/** How far a version has come: who serves it, who does not yet, who refuses it. */
import type { Status } from "../shared/wire/admin.ts";
import { ago } from "./output.ts";

export interface Laggard {
  /** `gateway 3fa9` or `agent orders-v1-1`. */
  readonly who: string;
  readonly why: string;
}

export interface Rollout {
  readonly gateways: { readonly current: number; readonly all: number };
  readonly agents: { readonly current: number; readonly all: number };
  readonly refused: readonly Laggard[];
  readonly waiting: readonly Laggard[];
  /** Newer version that was made live meanwhile. */
  readonly replacedBy?: number;
}

/** Counts gateway isolates whose lease lives, and agents that are connected; others get the version when they come. */
export function rolloutOf(status: Status, version: number): Rollout {
  const gateways = status.gateways.filter(({ leaseEndsInMs }) => leaseEndsInMs > 0);
  const agents = status.agents.filter(({ state }) => state !== "offline");
  const all = [
    ...gateways.map((gateway) => ({
      ...gateway,
      who: `gateway ${gateway.isolate}`,
      hint: `its lease ends in ${ago(gateway.leaseEndsInMs)}`,
    })),
    ...agents.map((agent) => ({
      ...agent,
      who: `agent ${agent.instance} of ${agent.service}`,
      hint: `last heard ${ago(agent.lastSeenMsAgo)} ago`,
    })),
  ];
  const lagging = all.filter(({ state }) => state !== "current");
  const refused = lagging.filter(({ state }) => state === "refused");
  const waiting = lagging.filter(({ state }) => state !== "refused");
  const isCurrent = ({ state }: { state: string }): boolean => state === "current";
  return {
    gateways: { current: gateways.filter(isCurrent).length, all: gateways.length },
    agents: { current: agents.filter(isCurrent).length, all: agents.length },
    refused: refused.map(({ who, reason }) => ({ who, why: reason ?? "no reason given" })),
    waiting: waiting.map(({ who, version: has, hint }) => ({ who, why: `still at version ${has}, ${hint}` })),
    ...(status.version > version && { replacedBy: status.version }),
  };
}

/** Whether nobody has to be waited for. */
export function isComplete({ refused, waiting }: Rollout): boolean {
  return refused.length === 0 && waiting.length === 0;
}

/** `2 of 3 gateways, 6 of 7 agents` */
export function describeRollout({ gateways, agents }: Rollout): string {
  return `${gateways.current} of ${gateways.all} gateways, ${agents.current} of ${agents.all} agents`;
}
