/** The config store under the virtual clock: versions, leases of isolates, and the publication of what is live. */
import { limits } from "../../../shared/limits.ts";
import type { CanaryRollout } from "../../../shared/policy/canary-rollout.ts";
import { newCounterWindow } from "../../../shared/policy/counter-window.ts";
import { type Lease, liveLeases } from "../../../shared/policy/lease.ts";
import { type CanaryChange, CanaryHost, type CanaryOrder } from "./canary-host.ts";
import type { LeaseAsk, LeaseGrant, MeshPlan, Publication, StoredVersion, Told, Trust } from "./messages.ts";
import type { ConfigNode, World } from "./nodes.ts";
import { DurableNode } from "./virtual-node.ts";

const { control } = limits;
const LEASE = { leaseMs: limits.gateway.planLeaseMs, slackMs: control.gatewayLeaseSlackMs };

export class ConfigHost extends DurableNode<World> implements ConfigNode {
  /** Stored, all of it. */
  versions: StoredVersion[] = [];
  readonly canary = new CanaryHost(this);
  /** Versions that are not live whatever their number: canaries, and those that were rolled back. */
  readonly withheld = new Set<number>();
  #published = 0;
  readonly #leases = new Map<string, Lease>();
  readonly #counted = newCounterWindow();

  protected load(): void {}

  get live(): StoredVersion | undefined {
    return this.versions.findLast(({ version }) => !this.withheld.has(version));
  }

  leases(): Lease[] {
    return liveLeases([...this.#leases.values()], this.nowMs);
  }

  /**
   * @param reply with the number of the version, once hubs were told or failed to be; 0: a canary is running
   * @param canary how it is tried before it is live
   */
  apply(plan: MeshPlan, reply: (version: number) => void, canary?: CanaryOrder): void {
    const { live } = this;
    if (this.canary.open !== undefined || live?.plan.hash === plan.hash) {
      reply(this.canary.open === undefined ? (live?.version ?? 0) : 0);
      return;
    }
    const version = this.versions.length + 1;
    const appliedAtMs = this.world.steps.appliedAtMs(live?.appliedAtMs, this.nowMs);
    if (this.world.habits.storesVersions) this.versions.push({ version, appliedAtMs, plan });
    else this.#forgetful(version, { version, appliedAtMs, plan }, reply);
    this.say(() => `has version ${version}: ${describe(plan)}`);
    if (canary !== undefined && live !== undefined) {
      this.withheld.add(version);
      this.canary.begin({ version, appliedAtMs, plan }, live.version, canary);
    }
    this.#tell(() => reply(version));
  }

  /** @param reply false: there is nothing to change */
  changeCanary(change: CanaryChange, reply: (isChanged: boolean) => void): void {
    const isChanged = this.canary.change(change);
    if (isChanged) this.#tell(() => reply(true));
    else reply(false);
  }

  canaryEnded({ version, state }: CanaryRollout): void {
    if (this.world.habits.isReleased(state.phase)) this.withheld.delete(version);
    this.world.rules.lookAtVersions();
    this.#tell(() => undefined);
  }

  /** Hands the hubs what they lack, now or, should that fail, later. */
  #tell(then: () => void): void {
    const waitMs = this.canary.open === undefined ? control.publishRetryMs : limits.canary.lookEveryMs;
    this.setAlarm(this.nowMs + waitMs);
    this.mayCrash();
    this.#tryPublish(then);
  }

  #tryPublish(then: (isTold: boolean) => void): void {
    this.#publish((isPublished) => {
      if (!isPublished) {
        then(false);
        return;
      }
      this.canary.tell((isTold) => {
        if (isTold && !this.#owes) this.deleteAlarm();
        then(isTold);
      });
    });
  }

  get #owes(): boolean {
    const isPublished = this.#published >= (this.live?.version ?? 0);
    return !isPublished || !this.canary.isTold || this.canary.open !== undefined;
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
    const { canary: held, counted } = asked;
    const lease = steps.renewedLease({ isolate: asked.isolate, version, canary: held }, nowMs, LEASE);
    this.#leases.set(asked.isolate, lease);
    rules.leased(asked.isolate, version);
    this.mayCrash();
    if (counted !== undefined && steps.addReport(this.#counted, asked.isolate, counted, nowMs).counted)
      this.canary.counted(counted.series);
    const now = this.live;
    if (now === undefined) {
      reply({ version: 0, counted: counted?.seq });
      return;
    }
    const canary = this.canary.grant(held);
    const plan = steps.leaseNeedsPlan(lease, now.version) ? { plan: now.plan } : {};
    reply({ version: now.version, ...plan, canary, counted: counted?.seq });
  }

  isDeclared(service: string): boolean {
    return [this.live, this.#tried].some((one) => one?.plan.callable.has(service) === true);
  }

  /** The version of the canary that runs. */
  get #tried(): StoredVersion | undefined {
    const { open } = this.canary;
    return open && this.versions[open.version - 1];
  }

  publication(reply: (told: Told | undefined) => void): void {
    const { live } = this;
    if (live === undefined) reply(undefined);
    else
      this.#withTrust((trust) => {
        if (trust !== undefined) reply({ publication: { ...live, trust }, canary: this.canary.news });
      });
  }

  protected onAlarm(done: () => void): void {
    this.#tryPublish((isTold) =>
      this.canary.look((dueAtMs = Number.POSITIVE_INFINITY) => {
        const nextAtMs = isTold ? dueAtMs : Math.min(dueAtMs, this.nowMs + control.publishRetryMs);
        if (Number.isFinite(nextAtMs)) this.setAlarm(nextAtMs);
        done();
      }),
    );
  }

  /** Hands the live version to the hubs unless they have it. @param then gets whether they have */
  #publish(then: (isPublished: boolean) => void): void {
    const { live } = this;
    if (live === undefined || this.#published >= live.version) {
      then(true);
      return;
    }
    this.#withTrust((trust) => {
      if (trust === undefined) {
        then(false);
        return;
      }
      const publication: Publication = { ...live, trust };
      this.world.eachHub<true>(
        this,
        `publish ${live.version}`,
        (hub, reply) => {
          hub.publish(publication);
          reply(true);
        },
        (answers) => {
          if (answers !== undefined) this.#published = Math.max(this.#published, live.version);
          then(answers !== undefined);
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
