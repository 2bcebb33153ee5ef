/** When an agent asks for its next certificate: what `mesh-agent/control/renewal.ts` does with timers and promises. */
import { backoffMs } from "../../../mesh-agent/control/backoff.ts";
import { waitAfterRenewalMs } from "../../../mesh-agent/control/renewal-time.ts";
import { renewAtMs } from "../../../mesh-agent/tls/identity.ts";
import { limits } from "../../../shared/limits.ts";
import type { Leaf } from "./messages.ts";
import { type Holder, reissue } from "./reissue.ts";

/** What it needs of the agent. */
interface Renewing extends Holder {
  renewed(leaf: Leaf): void;
  renewalFailed(): void;
}

const { renewBackoffBaseMs, renewBackoffMaxMs } = limits.certificate;
const TIMER_MAX_MS = 2 ** 31 - 1;

export class AgentRenewal {
  readonly #agent: Renewing;
  #failures = 0;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #isRunning = false;
  #isHurried = false;
  #timer = 0;

  constructor(agent: Renewing) {
    this.#agent = agent;
  }

  start(): void {
    const { leaf, nowMs, world } = this.#agent;
    if (leaf === undefined) return;
    this.#dueAtMs = renewAtMs(leaf, world.random());
    this.#schedule(this.#dueAtMs - nowMs);
  }

  /** The control plane can be reached again. */
  nudge(): void {
    if (this.#failures > 0) this.#soon();
    else if (!this.#isHurried) this.start();
  }

  /** The time for it came while timers stood still. */
  overslept(): void {
    this.#dueAtMs = Number.NEGATIVE_INFINITY;
  }

  /** A connection failed: what became due while the machine slept is asked for; what failed keeps its pause. */
  notice(): void {
    if (this.#failures === 0 && this.#agent.nowMs >= this.#dueAtMs) this.#schedule(0);
  }

  hurry(): void {
    if (this.#isHurried) return;
    this.#isHurried = true;
    this.#soon();
  }

  #soon(): void {
    this.#schedule(this.#agent.world.random() * renewBackoffBaseMs);
  }

  #schedule(inMs: number): void {
    const timer = ++this.#timer;
    if (this.#isRunning) return;
    const waitMs = Math.min(TIMER_MAX_MS, Math.max(0, inMs));
    this.#agent.later(waitMs, () => {
      if (timer === this.#timer) this.#run();
    });
  }

  #run(): void {
    const agent = this.#agent;
    this.#isRunning = true;
    reissue(agent, (answer) => {
      if (answer?.leaf !== undefined) this.#tellHub(answer.leaf);
      this.#ended(answer?.leaf);
    });
  }

  /** The control plane does, beside its answer. */
  #tellHub({ notAfterMs }: Leaf): void {
    const { service, instance, world } = this.#agent;
    const { network, authority } = world;
    const hub = world.hubFor(this.#agent);
    const handle = (done: (value: true) => void): void => {
      hub.renewed(service, instance, notAfterMs);
      done(true);
    };
    network.call<true>({ from: authority, to: hub, act: "renewed", handle });
  }

  #ended(leaf: Leaf | undefined): void {
    this.#isRunning = false;
    if (leaf !== undefined) {
      this.#failures = 0;
      this.#isHurried = false;
      const { nowMs, world } = this.#agent;
      const waitMs = waitAfterRenewalMs(leaf, nowMs, world.random());
      this.#dueAtMs = nowMs + waitMs;
      this.#schedule(waitMs);
      this.#agent.renewed(leaf);
      return;
    }
    this.#failures++;
    this.#agent.renewalFailed();
    const { random } = this.#agent.world;
    this.#schedule(backoffMs(this.#failures, renewBackoffBaseMs, renewBackoffMaxMs, random()));
  }
}
