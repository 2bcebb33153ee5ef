/**
 * The second of two plans that an agent may hold: a canary, or after its promotion the plan before it. It stays on disk with the
 * first one, and for a while after its end, since requests that were decided by it may be under way.
 */
import { limits } from "../../shared/limits.ts";
import type { KnownPlan } from "./known-plan.ts";
import type { StateFile } from "./state-file.ts";

export interface SecondPlanOptions {
  readonly file: StateFile<KnownPlan>;
  /** Its time is over. */
  readonly onDropped: () => void;
  readonly onTrouble: (message: string) => void;
}

export class SecondPlan {
  plan: KnownPlan | undefined;
  readonly #options: SecondPlanOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SecondPlanOptions) {
    this.#options = options;
  }

  /** As it was on disk. */
  restore(plan: KnownPlan | undefined): void {
    this.plan = plan;
  }

  /** @param isOver it is kept for requests under way alone */
  hold(plan: KnownPlan, isOver: boolean): void {
    this.#stop();
    this.plan = plan;
    const { file, onTrouble } = this.#options;
    file.save(plan).catch((error: Error) => onTrouble(`the second plan is not on disk: ${error.message}`));
    if (isOver) this.release();
  }

  /** There is none any more: what is held ends with its requests. */
  release(): void {
    if (this.plan === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.drop();
      this.#options.onDropped();
    }, limits.canary.keptMs).unref();
  }

  /** At once. */
  drop(): void {
    this.#stop();
    this.plan = undefined;
    this.#options.file.remove();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
