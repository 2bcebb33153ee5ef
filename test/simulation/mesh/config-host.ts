/** The config store under the virtual clock: versions, leases of isolates, and the publication of what is live. */
import { limits } from "../../../shared/limits.ts";
import { type Lease, liveLeases } from "../../../shared/policy/lease.ts";
import type { LeaseAsk, LeaseGrant, MeshPlan, Publication, StoredVersion, Trust } from "./messages.ts";
import type { ConfigNode, World } from "./nodes.ts";
import { DurableNode } from "./virtual-node.ts";

const { control } = limits;
const LEASE = { leaseMs: limits.gateway.planLeaseMs, slackMs: control.gatewayLeaseSlackMs };

export class ConfigHost extends DurableNode<World> implements ConfigNode {
  /** Stored, all of it. */
  versions: StoredVersion[] = [];
  #published = 0;
  readonly #leases = new Map<string, Lease>();

  protected load(): void {}

  get live(): StoredVersion | undefined {
    return this.versions.at(-1);
  }

  leases(): Lease[] {
    return liveLeases([...this.#leases.values()], this.nowMs);
  }

  /** @param reply with the number of the version, once hubs were told or failed to be */
  apply(plan: MeshPlan, reply: (version: number) => void): void {
    const { live } = this;
    if (live?.plan.hash === plan.hash) {
      reply(live.version);
      return;
    }
    const version = (live?.version ?? 0) + 1;
    const appliedAtMs = this.world.steps.appliedAtMs(live?.appliedAtMs, this.nowMs);
    if (this.world.habits.storesVersions) this.versions.push({ version, appliedAtMs, plan });
    else this.#forgetful(version, { version, appliedAtMs, plan }, reply);
    this.say(() => `has version ${version}: ${describe(plan)}`);
    this.setAlarm(this.nowMs + control.publishRetryMs);
    this.mayCrash();
    this.#publish(() => reply(version));
  }

  /** What a store does that acknowledges too early. */
  #forgetful(version: number, row: StoredVersion, reply: (version: number) => void): void {
    reply(version);
    this.mayCrash();
    this.versions.push(row);
  }

  lease(asked: LeaseAsk, reply: (grant: LeaseGrant) => void): void {
    const { steps, rules } = this.world;
    const { live, nowMs } = this;
    const here = { version: live?.version ?? 0, hash: live?.plan.hash };
    const version = steps.versionHere(asked, here);
    const lease = steps.renewedLease({ isolate: asked.isolate, version }, nowMs, LEASE);
    this.#leases.set(asked.isolate, lease);
    rules.leased(asked.isolate, version);
    this.mayCrash();
    if (live === undefined) reply({ version: 0 });
    else if (!steps.leaseNeedsPlan(lease, live.version)) reply({ version: live.version });
    else reply({ version: live.version, plan: { hash: live.plan.hash } });
  }

  isDeclared(service: string): boolean {
    return this.live?.plan.callable.has(service) === true;
  }

  publication(reply: (told: Publication | undefined) => void): void {
    const { live } = this;
    if (live === undefined) reply(undefined);
    else
      this.#withTrust((trust) => {
        if (trust !== undefined) reply({ ...live, trust });
      });
  }

  protected onAlarm(done: () => void): void {
    this.setAlarm(this.nowMs + control.publishRetryMs);
    this.#publish(done);
  }

  /** Hands the live version to the hubs unless they have it; the alarm stays until that has succeeded. */
  #publish(then: () => void): void {
    const { live } = this;
    if (live === undefined || this.#published >= live.version) {
      this.deleteAlarm();
      then();
      return;
    }
    this.#withTrust((trust) => {
      if (trust === undefined) {
        then();
        return;
      }
      this.world.eachHub<true>(
        this,
        `publish ${live.version}`,
        (hub, reply) => {
          hub.publish({ ...live, trust });
          reply(true);
        },
        (answers) => {
          if (answers !== undefined) {
            this.#published = Math.max(this.#published, live.version);
            if (this.live?.version === live.version) this.deleteAlarm();
          }
          then();
        },
      );
    });
  }

  #withTrust(then: (trust: Trust | undefined) => void): void {
    const { network, authority } = this.world;
    network.call<Trust>({
      ...{ from: this, to: authority, act: "ask for the trust bundle" },
      handle: (reply) => reply(authority.trust()),
      onEnd: then,
    });
  }
}

const describe = ({ callable }: MeshPlan): string =>
  [...callable].map(([service, names]) => `${service} calls ${names.join(",") || "nobody"}`).join("; ");
