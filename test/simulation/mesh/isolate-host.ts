/** A gateway isolate under the virtual clock: what `workers/gateway/authority/plan-lease.ts` does with requests and promises. */
import { limits } from "../../../shared/limits.ts";
import type { LeaseGrant } from "./messages.ts";
import type { IsolateNode, World } from "./nodes.ts";
import { VirtualNode } from "./virtual-node.ts";

const { gateway } = limits;

export class IsolateHost extends VirtualNode<World> implements IsolateNode {
  version = 0;
  hash = "";
  key = "";
  /** When it last heard which key it is to sign with, a time of the world. */
  keyHeardAtMs = 0;
  /** Its lease began with an answer that was asked for then; a time of the world. */
  leasedAtMs = Number.NEGATIVE_INFINITY;
  #leaseStartMs = 0;
  #leaseEndMs = 0;
  #refreshingSinceMs = 0;
  #retryAtMs = 0;
  #calls = 0;
  #takenCall = 0;

  /** Requests come, each of which looks at the lease. */
  serve(): void {
    this.#take(this.nowMs);
    this.later(100 + this.world.random() * 700, () => this.serve());
  }

  #take(nowMs: number): void {
    if (this.version === 0 && this.world.lastGood !== undefined && this.world.random() < 0.3) {
      const { version, hash } = this.world.lastGood;
      this.#hold(version, hash);
    }
    if (nowMs < this.#leaseEndMs && nowMs >= this.#leaseStartMs) {
      if (nowMs * 2 >= this.#leaseStartMs + this.#leaseEndMs) this.#refresh(nowMs);
    } else this.#refresh(nowMs);
  }

  #refresh(nowMs: number): void {
    const sinceMs = nowMs - this.#refreshingSinceMs;
    const isRefreshing = this.#refreshingSinceMs !== 0 && sinceMs >= 0 && sinceMs < gateway.planCallMs;
    const waits = nowMs < this.#retryAtMs && nowMs >= this.#retryAtMs - gateway.planRetryMs;
    if (isRefreshing || waits) return;
    this.#refreshingSinceMs = nowMs;
    this.#ask((answer, isNew) => {
      this.#refreshingSinceMs = 0;
      if (answer === undefined) this.#retryAtMs = this.nowMs + gateway.planRetryMs * (0.5 + this.world.random() / 2);
      else {
        this.#retryAtMs = 0;
        if (isNew) this.#ask(() => undefined);
      }
    });
    this.#askKey();
  }

  #ask(done: (answer: LeaseGrant | undefined, isNew: boolean) => void): void {
    const sentAtMs = this.nowMs;
    const sentAtWorldMs = this.world.events.nowMs;
    const call = ++this.#calls;
    const { network, config } = this.world;
    const asked = { isolate: this.name, version: this.version, hash: this.hash };
    const endMs = sentAtWorldMs + gateway.planCallMs;
    network.call<LeaseGrant>({
      ...{ from: this, to: config, act: "lease" },
      handle: (reply) => config.lease(asked, reply),
      onEnd: (answer) => {
        const isLate = this.world.events.nowMs > endMs;
        if (answer === undefined || isLate) {
          done(undefined, false);
          return;
        }
        const isOvertaken = this.world.habits.isOvertaken(call, this.#takenCall);
        const isNew = !isOvertaken && this.#accept(answer);
        if (!isOvertaken) {
          this.#takenCall = call;
          this.#leaseStartMs = sentAtMs;
          this.#leaseEndMs = sentAtMs + gateway.planLeaseMs;
          this.leasedAtMs = sentAtWorldMs;
        }
        done(answer, isNew);
      },
    });
  }

  #accept({ version, plan }: LeaseGrant): boolean {
    if (plan === undefined || (version === this.version && plan.hash === this.hash)) return false;
    this.#hold(version, plan.hash);
    const { lastGood } = this.world;
    if (lastGood === undefined || lastGood.atMs < this.nowMs)
      this.world.lastGood = { version, hash: plan.hash, atMs: this.nowMs };
    return true;
  }

  #hold(version: number, hash: string): void {
    const before = this.version;
    this.version = version;
    this.hash = hash;
    this.say(() => `decides by version ${version}`);
    this.world.rules.isolateTook(this, before);
  }

  #askKey(): void {
    const { network, authority } = this.world;
    const call = ++this.#keyCalls;
    network.call<string>({
      ...{ from: this, to: authority, act: "gateway key" },
      handle: (reply) => reply(authority.currentKey),
      onEnd: (key) => {
        if (key === undefined || call < this.#keyTaken) return;
        this.#keyTaken = call;
        this.key = key;
        this.keyHeardAtMs = this.world.events.nowMs;
        this.world.rules.keyTaken(this);
      },
    });
  }
  #keyCalls = 0;
  #keyTaken = 0;
}
