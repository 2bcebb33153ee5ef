/** Isolates before one service whose agent sheds load and tells it, for `queue-world.ts`. */
import {
  type ConcurrencySettings,
  enterUpstream,
  leaveUpstream,
  loadOf,
  newShedding,
  type Priority,
  type SheddingTicket,
} from "../../shared/policy/load-shedding.ts";
import { hearLoad, newUpstreamLoad, refusesByLoad } from "../../shared/policy/upstream-load.ts";
import type { Admission } from "./queue-world.ts";

const PRIORITIES: readonly Priority[] = ["high", "normal", "low"];

interface Tickets {
  readonly edge: SheddingTicket;
  readonly agent: SheddingTicket;
}

/** Where requests were refused, by level. */
export interface RefusedWhere {
  readonly atEdge: number[];
  readonly atAgent: number[];
}

/** @returns what makes the isolates of one world, and a count that grows with their refusals */
export function withAgent(settings: ConcurrencySettings): {
  readonly isolate: () => Admission<Tickets>;
  readonly refused: RefusedWhere;
} {
  const agent = newShedding(settings);
  const refused: RefusedWhere = { atEdge: [0, 0, 0], atAgent: [0, 0, 0] };
  const count = (where: number[], level: number): undefined => {
    where[level] = (where[level] ?? 0) + 1;
  };
  const isolate = (): Admission<Tickets> => {
    const state = newShedding(settings);
    const load = newUpstreamLoad();
    return {
      enter: (level, nowMs) => {
        const priority = PRIORITIES[level] ?? "low";
        if (refusesByLoad(load, priority, nowMs)) return count(refused.atEdge, level);
        const edge = enterUpstream(state, priority, "r", nowMs, settings).ticket;
        if (edge === undefined) return count(refused.atEdge, level);
        const { ticket } = enterUpstream(agent, priority, "r", nowMs, settings);
        if (ticket !== undefined) return { edge, agent: ticket };
        hearLoad(load, loadOf(agent, nowMs), nowMs);
        leaveUpstream(state, edge, "failed", nowMs, settings);
        return count(refused.atAgent, level);
      },
      leave: (tickets, _level, _tookMs, nowMs) => {
        leaveUpstream(agent, tickets.agent, "answered", nowMs, settings);
        hearLoad(load, loadOf(agent, nowMs), nowMs);
        leaveUpstream(state, tickets.edge, "answered", nowMs, settings);
      },
    };
  };
  return { isolate, refused };
}
