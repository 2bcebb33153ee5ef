/** Calls between objects and of agents and isolates: each takes its time; with faults some are lost, late or made twice. */
import { limits } from "../../../shared/limits.ts";
import type { DurableNode, NodeWorld, VirtualNode } from "./virtual-node.ts";

export interface VirtualCall<T> {
  readonly from: VirtualNode;
  readonly to: DurableNode;
  /** For the trace. */
  readonly act: string;
  /** At the other end. */
  readonly handle: (reply: (value: T) => void) => void;
  /** The answer, also one that comes after the time limit. */
  readonly onAnswer?: (value: T) => void;
  /** The answer, or undefined: none came in time. Once. */
  readonly onEnd?: (value: T | undefined) => void;
}

export interface NetworkWorld extends Pick<NodeWorld, "events" | "faults"> {
  /** From 0 up to below 1. */
  readonly random: () => number;
}

export class Network {
  readonly #world: NetworkWorld;
  /** Until when two nodes do not reach each other, times of the world. */
  readonly #cuts = new Map<string, number>();

  constructor(world: NetworkWorld) {
    this.#world = world;
  }

  call<T>({ from, to, act, handle, onAnswer, onEnd }: VirtualCall<T>): void {
    const { life } = from;
    let isAnswered = false;
    let isOver = false;
    const end = (value: T | undefined): void => {
      if (isOver) return;
      isOver = true;
      onEnd?.(value);
    };
    const reply = (value: T): void => {
      if (this.#loses(from, to)) return;
      this.#world.events.at(this.#world.events.nowMs + this.tripMs(), () =>
        from.run(life, () => {
          if (isAnswered) return;
          isAnswered = true;
          onAnswer?.(value);
          end(value);
        }),
      );
    };
    from.later(limits.control.objectCallMs, () => {
      if (!isOver) from.say(() => `${act} to ${to.name} is given up`);
      end(undefined);
    });
    const copies = this.#world.faults.isHit("twice") ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#loses(from, to)) {
        from.say(() => `${act} to ${to.name} is lost`);
        if (this.#world.random() < 0.5) from.later(this.tripMs(), () => end(undefined));
        continue;
      }
      this.#world.events.at(this.#world.events.nowMs + this.tripMs(), () => {
        if (!to.serve(() => handle(reply)) && this.#world.random() < 0.5) from.run(life, () => end(undefined));
      });
    }
  }

  /** Of one way. */
  tripMs(): number {
    const { random, faults } = this.#world;
    return faults.isHit("late") ? 200 + random() * 7_000 : 0.5 + random() * 8;
  }

  /** They do not reach each other for a while. */
  cut(a: VirtualNode, b: VirtualNode, ms: number): void {
    this.#cuts.set(pair(a, b), this.#world.events.nowMs + ms);
  }

  heal(): void {
    this.#cuts.clear();
  }

  /** @returns a time of the world; in the past when they reach each other */
  cutUntilMs(a: VirtualNode, b: VirtualNode): number {
    const apart = this.#cuts.size === 0 ? 0 : (this.#cuts.get(pair(a, b)) ?? 0);
    return Math.max(a.cutUntilMs, b.cutUntilMs, apart);
  }

  #loses(a: VirtualNode, b: VirtualNode): boolean {
    const isLost = this.#world.faults.isHit("lost") || this.cutUntilMs(a, b) > this.#world.events.nowMs;
    if (isLost) for (const node of [a, b]) node.troubled();
    return isLost;
  }
}

const pair = (a: VirtualNode, b: VirtualNode): string =>
  a.name < b.name ? `${a.name} ${b.name}` : `${b.name} ${a.name}`;
