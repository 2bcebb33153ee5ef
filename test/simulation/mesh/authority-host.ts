/** The certificate authority under the virtual clock: identities, rotations of its root and of keys, each acknowledged by agents. */
import { limits } from "../../../shared/limits.ts";
import {
  type AuthorityEvent,
  type AuthorityState,
  believedRoots,
  lookAgainMs,
  mustRenew,
} from "../../../shared/policy/authority-rotation.ts";
import { refuseWorkload } from "../../../shared/policy/denial.ts";
import type { JoinTokenState } from "../../../shared/policy/issuance.ts";
import { type KeyRing, type KeyRingSettings, keyIn, ringDueAt } from "../../../shared/policy/key-ring.ts";
import type { Leaf, Proof, Trust } from "./messages.ts";
import type { AuthorityNode, HubNode, Laggards, World } from "./nodes.ts";
import { DurableNode, EPOCH_MS } from "./virtual-node.ts";

export const TRUST_DOMAIN = "mesh.test";

/** Shorter than the real ones, in which nothing but time happens. */
export const RING_SETTINGS: KeyRingSettings = {
  everyMs: 86_400_000,
  waitMaxMs: 30_000,
  keptMs: 20_000,
  keptMinMs: 10_000,
  keysMax: 16,
};
const { lookEveryMs } = limits.keyRotation;
const LOOK_MOST_MS = 2_000;

export class AuthorityHost extends DurableNode<World> implements AuthorityNode {
  /** Stored, all of it. */
  readonly ring: KeyRing = { keys: [{ kid: "key-0", state: "current", sinceMs: 0 }] };
  readonly state: AuthorityState = { root: "root-0" };
  readonly tokens = new Map<string, JoinTokenState>();
  /** `SERVICE/INSTANCE`. */
  readonly denied = new Set<string>();
  readonly #leaves: Leaf[] = [];
  readonly issuerNotAfterMs: number;
  #changedAtMs = 1;
  #made = 0;

  constructor(world: World, name: string) {
    super(world, name);
    const { random } = world;
    this.issuerNotAfterMs = EPOCH_MS + (random() < 0.2 ? 600_000 : limits.certificate.issuerLifetimeMs);
  }

  protected load(): void {}

  trust(): Trust {
    const { state, denied } = this;
    return {
      id: `${state.root}.${this.#changedAtMs}`,
      changedAtMs: this.#changedAtMs,
      roots: believedRoots(state),
      keys: this.ring.keys.map(({ kid }) => kid),
      ...(mustRenew(state) && { issuer: state.root }),
      ...(denied.size > 0 && { denied: [...denied] }),
    };
  }

  get currentKey(): string {
    return keyIn(this.ring, "current")?.kid ?? "";
  }

  addToken(id: string, service: string, lifetimeMs: number): void {
    this.tokens.set(id, { service, expiresAtMs: this.nowMs + lifetimeMs, usedAtMs: 0 });
  }

  /** @param reply undefined: refused */
  issue(instance: string, proof: Proof, reply: (leaf: Leaf | undefined) => void): void {
    const { steps, network, config } = this.world;
    const token = proof.kind === "token" ? this.tokens.get(proof.id) : undefined;
    const refused = proof.kind === "token" && steps.refuseJoin(token, proof.macIsGood, this.nowMs) !== undefined;
    const service = proof.kind === "token" ? token?.service : proof.service;
    if (refused || service === undefined) {
      reply(undefined);
      return;
    }
    network.call<boolean>({
      ...{ from: this, to: config, act: `ask whether ${service} is declared` },
      handle: (answer) => answer(config.isDeclared(service)),
      onEnd: (isDeclared) => reply(isDeclared === true ? this.#sign(service, instance, proof) : undefined),
    });
  }

  #sign(service: string, instance: string, proof: Proof): Leaf | undefined {
    const { steps, rules, draw } = this.world;
    const { nowMs } = this;
    const denied = { services: [], serials: [], instances: [...this.denied], keys: [] };
    if (refuseWorkload(denied, { service, instance }) !== undefined) return undefined;
    if (proof.kind === "token") {
      const token = this.tokens.get(proof.id);
      if (steps.refuseJoin(token, true, nowMs) !== undefined || token === undefined) return undefined;
      this.tokens.set(proof.id, { ...token, usedAtMs: nowMs });
    }
    const random = Uint8Array.from({ length: 16 }, () => draw() & 0xff);
    const terms = steps.leafTerms(TRUST_DOMAIN, service, this.issuerNotAfterMs, nowMs, random);
    const leaf = { service, instance, root: this.state.root, ...terms };
    this.#leaves.push(leaf);
    rules.issued(leaf, proof);
    this.mayCrash();
    return leaf;
  }

  /** Identities from before the world begins. @param ageMs how long ago they were issued */
  issueBefore(service: string, instance: string, ageMs: number): Leaf {
    const random = Uint8Array.from({ length: 16 }, () => this.world.draw() & 0xff);
    const nowMs = this.nowMs - ageMs;
    const terms = this.world.steps.leafTerms(TRUST_DOMAIN, service, this.issuerNotAfterMs, nowMs, random);
    const leaf = { service, instance, root: this.state.root, ...terms };
    this.#leaves.push(leaf);
    return leaf;
  }

  rotateKey(): void {
    const kid = `key-${++this.#made}`;
    const made = { type: "made", kid, now: false, revoke: false } as const;
    if (this.world.steps.stepKeyRing(this.ring, made, this.nowMs, RING_SETTINGS).changed) this.#changed();
  }

  rotateRoot(): void {
    this.#order({ type: "begin", kind: "root", root: `root-${++this.#made}` });
  }

  /** An operator does not wait any longer. */
  force(whom: "away" | "all"): void {
    const { rotation } = this.state;
    if (rotation !== undefined) this.#order({ type: "force", step: rotation.step, whom });
  }

  deny(instance: string): void {
    this.denied.add(instance);
    this.#changed();
  }

  protected onAlarm(done: () => void): void {
    this.setAlarm(this.nowMs + limits.control.publishRetryMs);
    this.#turn();
    done();
  }

  #order(event: AuthorityEvent): void {
    if (this.world.steps.stepAuthority(this.state, event, this.nowMs).changed) this.#changed();
  }

  #changed(): void {
    this.#changedAtMs = Math.max(this.nowMs, this.#changedAtMs + 1);
    const trust = this.trust();
    this.say(() => `trust is ${trust.id}: roots ${trust.roots}, keys ${trust.keys}, issuer ${trust.issuer ?? "any"}`);
    this.setAlarm(this.nowMs + limits.control.publishRetryMs);
    this.mayCrash();
    this.#turn();
  }

  /** Tells agents, asks who has not acknowledged it, goes on where nobody is waited for. */
  #turn(): void {
    const trust = this.trust();
    this.#tell(trust, () =>
      this.world.eachHub<Laggards>(
        this,
        "laggards",
        (hub, reply) => reply(hub.laggards(trust.id)),
        (answers) => {
          if (answers === undefined) return;
          const sum = { live: 0, away: 0 };
          for (const [, { live, away }] of answers) {
            sum.live += live;
            sum.away += away;
          }
          this.#tick(trust, sum);
        },
      ),
    );
  }

  /** Its newest certificate. */
  newestOf(name: string): Leaf | undefined {
    return this.#leaves.findLast(({ service, instance }) => `${service}/${instance}` === name);
  }

  #tick(trust: Trust, { live, away }: Laggards): void {
    if (trust.changedAtMs !== this.#changedAtMs) return;
    const { steps, rules } = this.world;
    const { nowMs } = this;
    const before = this.currentKey;
    const waitedMs = nowMs - (keyIn(this.ring, "next")?.sinceMs ?? nowMs);
    this.say(() => `waits for ${live} there, ${away} away, ${this.#leavesLeft()} certificates`);
    const tick = { type: "tick", lagging: live + away } as const;
    const ring = steps.stepKeyRing(this.ring, tick, nowMs, RING_SETTINGS);
    if (this.currentKey !== before) rules.keyPromoted(this.currentKey, waitedMs);
    const rotation = steps.stepAuthority(this.state, { type: "tick", live, away, leaves: this.#leavesLeft() }, nowMs);
    if (rotation.changed || ring.dropped.length > 0) this.#changed();
    else {
      const dueAtMs = ringDueAt(this.ring, nowMs, RING_SETTINGS, lookEveryMs);
      this.setAlarm(Math.min(dueAtMs, nowMs + lookAgainMs(this.state, nowMs, lookEveryMs, LOOK_MOST_MS)));
    }
  }

  /** Certificates of the root that goes which are the newest of their holder. */
  #leavesLeft(): number {
    const { rotation } = this.state;
    if (rotation?.step !== "renew") return 0;
    const newest = new Map(this.#leaves.map((leaf) => [`${leaf.service}/${leaf.instance}`, leaf]));
    return [...newest.values()].filter(({ root, notAfterMs }) => root === rotation.other && notAfterMs > this.nowMs)
      .length;
  }

  #tell(trust: Trust, then: () => void): void {
    const told = (hub: HubNode, reply: (done: true) => void): void => {
      hub.trust(trust);
      reply(true);
    };
    this.world.eachHub<true>(this, "tell trust", told, (answers) => {
      if (answers !== undefined) then();
    });
  }
}
