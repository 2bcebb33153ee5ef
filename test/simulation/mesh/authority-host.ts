/** The certificate authority under the virtual clock: identities, rotations of its root and of keys, each acknowledged by agents. */

import { join as joinBounds } from "../../../shared/limits/join.ts";
import { limits } from "../../../shared/limits.ts";
import {
  type AuthorityEvent,
  type AuthorityState,
  believedRoots,
  lookAgainMs,
  mustRenew,
} from "../../../shared/policy/authority-rotation.ts";
import { type Denied, refuseWorkload } from "../../../shared/policy/denial.ts";
import { type JoinTokenState, USUAL_LIVES } from "../../../shared/policy/issuance.ts";
import { issuersOf, refuseEnded } from "../../../shared/policy/joining.ts";
import { type KeyRing, type KeyRingSettings, keyIn, ringDueAt } from "../../../shared/policy/key-ring.ts";
import { JoiningDesk } from "./joining-desk.ts";
import type { Challenge, Leaf, MeshPlan, Proof, Trust } from "./messages.ts";
import type { AuthorityNode, HubNode, Laggards, Workload, World } from "./nodes.ts";
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
  readonly desk: JoiningDesk;
  /** `SERVICE` or `SERVICE/INSTANCE`. */
  readonly denied = new Set<string>();
  readonly #leaves: Leaf[] = [];
  readonly issuerNotAfterMs: number;
  #changedAtMs = 1;
  #made = 0;

  constructor(world: World, name: string) {
    super(world, name);
    this.desk = new JoiningDesk(world.steps);
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

  /** Good once, by this clock alone. */
  challenge(): Challenge {
    return { id: `challenge-${this.world.draw()}`, endsAtMs: this.nowMs + joinBounds.challengeMs };
  }

  /** @param reply undefined: refused */
  issue(instance: string, proof: Proof, reply: (leaf: Leaf | undefined) => void): void {
    if (proof.kind === "platform") {
      this.#judge(instance, proof, reply, JUDGED_MAX);
      return;
    }
    const who = this.#whoIs(instance, proof);
    if (who === undefined) reply(undefined);
    else this.#issueTo(who, proof, reply);
  }

  /** By the rules of the live version, and by those of the next one when that is live meanwhile. */
  #judge(
    instance: string,
    proof: Extract<Proof, { kind: "platform" }>,
    reply: (leaf: Leaf | undefined) => void,
    left: number,
  ): void {
    this.#askRules((asked) => {
      const service = asked && this.#serviceOf(proof, asked.plan.join);
      if (asked === undefined || service === undefined || left === 0) {
        // Who does not hear from the config store says nothing.
        if (asked !== undefined) reply(undefined);
        return;
      }
      const joins = (): void =>
        this.#askRules((now) => {
          if (now === undefined) return;
          if (this.world.steps.isOutdated(asked.version, now.version)) this.#judge(instance, proof, reply, left - 1);
          else if (this.#refuses(proof) !== undefined) reply(undefined);
          else this.#issueTo({ service, instance }, proof, reply);
        });
      // Keys of issuers are fetched meanwhile, unless they are known.
      this.later(this.world.random() < 0.3 ? this.world.random() * KEYS_MS : 0, joins);
    });
  }

  #askRules(then: (live: { readonly version: number; readonly plan: MeshPlan } | undefined) => void): void {
    const { network, config } = this.world;
    network.call<{ readonly version: number; readonly plan: MeshPlan } | undefined>({
      ...{ from: this, to: config, act: "ask for the rules" },
      handle: (answer) => answer(config.live),
      onEnd: then,
    });
  }

  /** The signature is good. */
  #serviceOf({ token: { claims } }: Extract<Proof, { kind: "platform" }>, join: MeshPlan["join"]): string | undefined {
    const names = issuersOf(join.issuers, claims, this.nowMs);
    if (typeof names === "string") return undefined;
    return names.flatMap((name) => this.world.steps.judgeJoin(join, name, claims).matched?.service ?? [])[0];
  }

  #whoIs(instance: string, proof: Exclude<Proof, { kind: "platform" }>): Workload | undefined {
    if (this.#refuses(proof) !== undefined) return undefined;
    if (proof.kind === "renewal") return { service: proof.service, instance };
    if (proof.kind === "key") return this.desk.key(proof.key);
    const service = this.tokens.get(proof.id)?.service;
    return service === undefined ? undefined : { service, instance };
  }

  /** Asked at first, and again in the turn in which the certificate is given. */
  #refuses(proof: Proof): string | undefined {
    const { steps } = this.world;
    const { desk, nowMs } = this;
    switch (proof.kind) {
      case "token":
        return steps.refuseJoin(this.tokens.get(proof.id), proof.macIsGood, nowMs);
      case "renewal":
        return nowMs < proof.tokenEndsMs ? undefined : "its token has ended";
      case "platform":
        return (
          refuseEnded("token", endOf(proof.token.claims), nowMs) ??
          steps.refuseReuse(desk.usedBy(proof.token.id), proof.key, false)
        );
      case "key":
        return steps.refuseKey(desk.key(proof.key), joinBounds.keyLifetimeMs, nowMs);
    }
  }

  #issueTo({ service, instance }: Workload, proof: Proof, reply: (leaf: Leaf | undefined) => void): void {
    const { network, config } = this.world;
    network.call<boolean>({
      ...{ from: this, to: config, act: `ask whether ${service} is declared` },
      handle: (answer) => answer(config.isDeclared(service)),
      onEnd: (isDeclared) => reply(isDeclared === true ? this.#sign(service, instance, proof) : undefined),
    });
  }

  #sign(service: string, instance: string, proof: Proof): Leaf | undefined {
    const { steps, rules } = this.world;
    const { nowMs, desk } = this;
    const denied = deniedOf(this.denied);
    if (steps.refuseWorkload(denied, { service, instance }) !== undefined) return undefined;
    if (this.#refuses(proof) !== undefined) return undefined;
    if (proof.kind === "key" || proof.kind === "platform") {
      const { challenge, key } = proof;
      if (desk.usedBy(challenge.id) !== undefined || nowMs >= challenge.endsAtMs) return undefined;
      desk.use(challenge.id, key, challenge.endsAtMs, nowMs);
      if (proof.kind === "platform") desk.use(proof.token.id, key, endOf(proof.token.claims), nowMs);
      desk.keepKey({ id: key, service, instance, isProven: true }, nowMs);
    } else {
      const token = proof.kind === "token" ? this.tokens.get(proof.id) : undefined;
      if (proof.kind === "token" && token !== undefined) this.tokens.set(proof.id, { ...token, usedAtMs: nowMs });
      if (proof.key !== undefined) desk.keepKey({ id: proof.key, service, instance, isProven: false }, nowMs);
    }
    const leaf = this.#make(service, instance, nowMs);
    rules.issued(leaf, proof);
    this.mayCrash();
    return leaf;
  }

  #make(service: string, instance: string, nowMs: number): Leaf {
    const { steps, draw } = this.world;
    const random = Uint8Array.from({ length: 16 }, () => draw() & 0xff);
    const terms = steps.leafTerms(TRUST_DOMAIN, service, this.issuerNotAfterMs, nowMs, random);
    const tokenEndsMs = nowMs + USUAL_LIVES.tokenMs;
    const leaf = { service, instance, root: this.state.root, ...terms, tokenEndsMs };
    this.#leaves.push(leaf);
    return leaf;
  }

  /** Identities from before the world begins. @param ageMs how long ago they were issued */
  issueBefore(service: string, instance: string, key: string, ageMs: number): Leaf {
    const nowMs = this.nowMs - ageMs;
    this.desk.keepKey({ id: key, service, instance, isProven: true }, nowMs);
    return this.#make(service, instance, nowMs);
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

  /** @param whom `SERVICE` or `SERVICE/INSTANCE` */
  deny(whom: string): void {
    this.denied.add(whom);
    this.#changed();
  }

  isDenied(who: Workload): boolean {
    return refuseWorkload(deniedOf(this.denied), who) !== undefined;
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

/** How often somebody is judged whose rules have changed meanwhile. */
const JUDGED_MAX = 3;

/** For so long keys may be fetched: of several issuers, for each twice. */
const KEYS_MS = 20_000;

/** Tolerated difference between clocks of the platform and of the control plane: about as much as these are off. */
export const TOKEN_SKEW_MS = 180_000;

const endOf = ({ exp }: Readonly<Record<string, unknown>>): number => Number(exp) * 1_000 + TOKEN_SKEW_MS;

export function deniedOf(names: Iterable<string>): Denied {
  const [instances, services] = [
    [...names].filter((one) => one.includes("/")),
    [...names].filter((one) => !one.includes("/")),
  ];
  return { services, instances, serials: [], keys: [] };
}
