/** The canary of a version in the config store under the virtual clock: what `workers/control/objects/canary-store.ts` does with promises. */
import type { CanaryChoice } from "../../../shared/policy/canary-choice.ts";
import { type CanaryRollout, canaryDueAt, newsOf, sideOf } from "../../../shared/policy/canary-rollout.ts";
import type { SeriesCounts } from "../../../shared/policy/counters.ts";
import type { HeldCanary, Lease } from "../../../shared/policy/lease.ts";
import { type CanaryEvent, isOpen, newCanary } from "../../../shared/policy/version-canary.ts";
import type { CanaryGrant, CanaryNews, StoredVersion } from "./messages.ts";
import type { HubNode, World } from "./nodes.ts";
import type { DurableNode } from "./virtual-node.ts";

/** What an operator begins one with. */
export type CanaryOrder = CanaryRollout["settings"] & { readonly by: CanaryChoice["by"] };

/** What an operator says of one that runs. */
export type CanaryChange = Extract<CanaryEvent, { type: "set" | "promote" | "abort" }>;

/** What it needs of the config store. */
interface Store extends DurableNode<World> {
  readonly versions: readonly StoredVersion[];
  leases(): Lease[];
  /** Stored together with what was stored before. */
  canaryEnded(rollout: CanaryRollout): void;
}

export class CanaryHost {
  readonly #store: Store;
  /** Stored. */
  rollout: CanaryRollout | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  get open(): CanaryRollout | undefined {
    return this.rollout !== undefined && isOpen(this.rollout.state) ? this.rollout : undefined;
  }

  begin({ version, appliedAtMs, plan }: StoredVersion, stable: number, settings: CanaryOrder): void {
    const state = newCanary(appliedAtMs);
    this.rollout = {
      ...{ version, stable, hash: plan.hash, settings, startedAtMs: appliedAtMs, state, told: "nothing" },
    };
    this.#store.say(() => `tries version ${version}: ${settings.steps}, every ${settings.everyMs} ms`);
    this.#rules.begun(this.rollout);
  }

  grant(held: Pick<HeldCanary, "version" | "hash"> | undefined): CanaryGrant | undefined {
    const { open } = this;
    if (open === undefined) return undefined;
    const { terms, needsFace } = this.#steps.canaryTerms(open, held);
    const { plan } = this.#store.versions[terms.version - 1] as StoredVersion;
    return needsFace ? { ...terms, face: plan } : terms;
  }

  counted(series: readonly SeriesCounts[]): void {
    for (const { labels, counts } of series) {
      const { open } = this;
      if (open === undefined) return;
      const [version, route = ""] = labels;
      const side = sideOf(open, version);
      const { requests = 0, errors = 0, refused = 0 } = counts;
      if (side !== undefined) this.#step({ type: "counted", side, route, requests, errors, refused });
    }
    if (this.open !== undefined) this.#step({ type: "tick" });
  }

  /** @returns false: none is running, or not so far */
  change(change: CanaryChange): boolean {
    return this.open !== undefined && this.#step(change);
  }

  /** Looks who has it, and what the time says. @param then gets when to look again; undefined: there is no need to */
  look(then: (dueAtMs: number | undefined) => void): void {
    const { open } = this;
    const done = (): void => then(this.open && canaryDueAt(this.open, this.#store.nowMs));
    if (open?.state.phase === "preparing" && open.told !== "nothing") this.#lookWhoHasIt(open, done);
    else {
      if (open?.state.phase === "promoting") {
        const missing = this.#steps.withoutAllRequests(open, this.#store.leases());
        this.#step({ type: "heard", of: "promoting", missing });
      } else if (open !== undefined) this.#step({ type: "tick" });
      done();
    }
  }

  #lookWhoHasIt(open: CanaryRollout, done: () => void): void {
    const ask = (hub: HubNode, reply: (lacking: number) => void): void => reply(hub.canaryLaggards(open.version));
    this.#store.world.eachHub<number>(this.#store, "canary laggards", ask, (answers) => {
      const { without } = this.#steps.gatewaysWithout(open, this.#store.leases());
      const lacking = answers?.reduce((sum, [, count]) => sum + count, 0) ?? 1;
      if (this.open === open) this.#step({ type: "heard", of: "preparing", missing: without.length + lacking });
      done();
    });
  }

  get isTold(): boolean {
    return this.rollout === undefined || this.rollout.told === newsOf(this.rollout);
  }

  /** Tells all hubs that it has begun or ended, unless they know. @param then gets whether they do */
  tell(then: (isTold: boolean) => void): void {
    const { rollout, news } = this;
    if (rollout === undefined || news === undefined || this.isTold) {
      then(true);
      return;
    }
    const tell = (hub: HubNode, reply: (done: true) => void): void => {
      hub.canary(news);
      reply(true);
    };
    this.#store.world.eachHub<true>(this.#store, `tell of canary ${rollout.version}`, tell, (answers) => {
      const isSame = rollout === this.rollout && newsOf(rollout) === (news.isOver ? "ended" : "begun");
      if (answers !== undefined && isSame) rollout.told = newsOf(rollout);
      then(answers !== undefined);
    });
  }

  /** What hubs have to know of it. */
  get news(): CanaryNews | undefined {
    if (this.rollout === undefined) return undefined;
    const { version, startedAtMs } = this.rollout;
    const isOver = this.open === undefined;
    const { plan } = this.#store.versions[version - 1] as StoredVersion;
    return { version, startedAtMs, isOver, ...(!isOver && { plan }) };
  }

  #step(event: CanaryEvent): boolean {
    const { rollout } = this;
    if (rollout === undefined) return false;
    const { phase, share } = rollout.state;
    const isKnown = this.#steps.stepCanary(rollout.state, event, this.#store.nowMs, rollout.settings);
    if (rollout.state.phase !== phase || rollout.state.share !== share)
      this.#store.say(() => `canary ${rollout.version} is ${rollout.state.phase} with ${rollout.state.share}`);
    this.#rules.stepped(rollout, phase, event, isKnown);
    if (!isOpen(rollout.state)) this.#store.canaryEnded(rollout);
    return isKnown;
  }

  get #steps() {
    return this.#store.world.steps;
  }

  get #rules() {
    return this.#store.world.rules.canaries;
  }
}
