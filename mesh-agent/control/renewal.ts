/** Renews the certificate in time, and again and again when that fails; the one in use is never given up for it. */
import { limits } from "../../shared/limits.ts";
import { type AgentIdentity, certificateFacts, renewAtMs } from "../tls/identity.ts";
import { backoffMs } from "./backoff.ts";
import { waitAfterRenewalMs } from "./renewal-time.ts";

export interface RenewalOptions {
  readonly identity: () => AgentIdentity;
  /** Asks for another one. */
  readonly reissue: () => Promise<AgentIdentity>;
  readonly onRenewed: (identity: AgentIdentity) => void;
  readonly onTrouble: (reason: string) => void;
  /** At least 0, below 1. */
  readonly random: () => number;
}

/** Longest wait that a Node timer can hold. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export class Renewal {
  readonly #options: RenewalOptions;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #running = false;
  /** Asked for a new certificate before its time, and not got it yet. */
  #hurried = false;
  #stopped = false;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  start(): void {
    const { identity, random } = this.#options;
    this.#dueAtMs = renewAtMs(certificateFacts(identity().certificates), random());
    this.#schedule(this.#dueAtMs - Date.now());
  }

  /**
   * The control plane can be reached again: what failed need not wait for its pause to end, and what became due while
   * the machine slept, which timers do not count, is noticed.
   */
  nudge(): void {
    if (this.#failures > 0) this.#soon(limits.certificate.renewBackoffBaseMs);
    else if (!this.#hurried) this.start();
  }

  /**
   * A new one before it is due, such as when the one in use is worth nothing any more: soon, though not from all agents in one
   * moment.
   * @param withinMs the time over which they spread it
   */
  hurry(withinMs: number = limits.certificate.renewBackoffBaseMs): void {
    if (this.#hurried && withinMs > limits.certificate.renewBackoffBaseMs) return;
    this.#hurried = true;
    this.#soon(withinMs);
  }

  #soon(withinMs: number): void {
    this.#schedule(this.#options.random() * withinMs);
  }

  /** A connection failed: what became due while the machine slept is asked for; what failed keeps its pause. */
  notice(): void {
    if (this.#failures === 0 && Date.now() >= this.#dueAtMs) this.#schedule(0);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped || this.#running) return;
    const waitMs = Math.min(TIMER_MAX_MS, Math.max(0, inMs));
    this.#timer = setTimeout(() => void this.#run(), waitMs);
  }

  async #run(): Promise<void> {
    const { reissue, onRenewed, onTrouble, random } = this.#options;
    this.#running = true;
    try {
      const renewed = await reissue();
      this.#running = false;
      this.#failures = 0;
      this.#hurried = false;
      if (this.#stopped) return;
      const waitMs = waitAfterRenewalMs(certificateFacts(renewed.certificates), Date.now(), random());
      this.#dueAtMs = Date.now() + waitMs;
      this.#schedule(waitMs);
      onRenewed(renewed);
    } catch (error) {
      this.#running = false;
      this.#failures++;
      onTrouble((error as Error).message);
      const { renewBackoffBaseMs, renewBackoffMaxMs } = limits.certificate;
      this.#schedule(backoffMs(this.#failures, renewBackoffBaseMs, renewBackoffMaxMs, random()));
    }
  }
}
