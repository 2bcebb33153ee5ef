/** A gateway isolate under the virtual clock: what `workers/gateway/authority/plan-lease.ts` does with requests and promises. */
import { limits } from "../../../shared/limits.ts";
import { acknowledgeReport, takeReport } from "../../../shared/policy/counters.ts";
import { type Client, IsolateCanary, isOfCanary, VersionCounts } from "./isolate-canary.ts";
import type { LeaseGrant, MeshPlan } from "./messages.ts";
import type { IsolateNode, World } from "./nodes.ts";
import { VirtualNode } from "./virtual-node.ts";

const { gateway } = limits;

export class IsolateHost extends VirtualNode<World> implements IsolateNode {
  version = 0;
  plan: MeshPlan | undefined;
  key = "";
  /** A second version that takes a share of the requests. */
  canary: IsolateCanary | undefined;
  readonly #counts = new VersionCounts();
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
    if (this.world.hasRequests) this.#decide();
    this.later(100 + this.world.random() * 700, () => this.serve());
  }

  #take(nowMs: number): void {
    if (this.version === 0 && this.world.lastGood !== undefined && this.world.random() < 0.3) {
      const { version, plan } = this.world.lastGood;
      this.#hold(version, plan);
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
        // What was counted while an older report was on its way.
        else if (answer.counted !== undefined && this.#counts.counters.urgent) this.#ask(() => undefined);
      }
    });
    this.#askKey();
  }

  #ask(done: (answer: LeaseGrant | undefined, isNew: boolean) => void): void {
    const sentAtMs = this.nowMs;
    const sentAtWorldMs = this.world.events.nowMs;
    const call = ++this.#calls;
    const { network, config } = this.world;
    const { version, canary: held } = this;
    const counted = takeReport(this.#counts.counters, this.nowMs);
    const asked = { isolate: this.name, version, hash: this.plan?.hash ?? "", canary: held?.reported, counted };
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
        if (answer.counted !== undefined) acknowledgeReport(this.#counts.counters, answer.counted);
        const isOvertaken = this.world.habits.isOvertaken(call, this.#takenCall);
        const isNew = !isOvertaken && this.#accept(answer, sentAtWorldMs);
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

  #accept({ version, plan, canary }: LeaseGrant, askedAtMs: number): boolean {
    const before = this.canary?.told;
    this.canary = canary && IsolateCanary.take(canary, this.canary);
    if (canary === undefined) this.#counts.forget();
    this.world.rules.canaries.isolateTold(this, canary, askedAtMs);
    const isNews = this.canary?.told !== before;
    if (plan === undefined || (version === this.version && plan.hash === this.plan?.hash)) return isNews;
    this.#hold(version, plan);
    const { lastGood } = this.world;
    if (lastGood === undefined || lastGood.atMs < this.nowMs) this.world.lastGood = { version, plan, atMs: this.nowMs };
    return true;
  }

  #hold(version: number, plan: MeshPlan): void {
    const before = this.version;
    this.version = version;
    this.plan = plan;
    this.say(() => `decides by version ${version}`);
    this.world.rules.isolateTook(this, before);
  }

  /** Some requests, one of which goes on into the mesh. */
  #decide(): void {
    for (let left = REQUESTS; left > 0 && this.plan !== undefined; left--) {
      const version = this.#decideOne({
        clientIp: `10.1.0.${this.world.draw() % 200}`,
        traceId: `${this.world.draw()}`,
        asks: this.world.random() < 0.05,
      });
      if (left === 1) this.world.send(this, version);
    }
    if (this.canary !== undefined) this.#reportSoon();
  }

  #decideOne(client: Client): number {
    const { canary, version, plan, world } = this;
    const { steps, rules, random } = world;
    const isTried = canary?.face !== undefined && isOfCanary(steps.choosesCanary, canary.terms, client);
    const decides = isTried ? canary.terms.version : version;
    const isError = random() < ((isTried ? canary.face?.failing : plan?.failing) ?? 0);
    if (canary === undefined) return decides;
    this.#counts.add(decides, isError);
    rules.canaries.drew(canary, client, isTried);
    return decides;
  }

  #reportSoon(): void {
    if (this.#isReporting) return;
    this.#isReporting = true;
    this.later(limits.counters.urgentAfterMs, () => {
      this.#isReporting = false;
      if (this.canary !== undefined) this.#counts.counters.urgent = true;
      if (this.#counts.counters.urgent) this.#refresh(this.nowMs);
    });
  }
  #isReporting = false;

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

/** That come at once. */
const REQUESTS = 6;
