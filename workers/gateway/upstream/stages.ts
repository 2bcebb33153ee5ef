/** How the stages of the chain run. Which there are, and in which order, stands in `app.ts`. */
import type { Soon } from "../cache/cache-store.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";

/**
 * A stage that looks at a request on its way in, at the answer on its way out, or at both. Most have nothing to wait for: they
 * are plain calls, which cost a request next to nothing.
 */
export interface PassedStage {
  /** What its wait is called in traces; absent: it does not wait, or says so itself. */
  readonly span?: string;
  /** Refuses by throwing, answers by returning a response, of which stages inside then see nothing; else it lets pass. */
  readonly enter?: (c: Context<GatewayEnv>) => Soon<Response | undefined>;
  /** What became of a request that was let pass; whatever was thrown inside is an answer by then. */
  readonly leave?: (c: Context<GatewayEnv>) => Soon<void>;
}

/** A stage that stands around those inside it. */
export interface AroundStage {
  /** What its wait for those inside is called in traces; absent: it does not wait. */
  readonly span?: string;
  /** Whether a request needs it at all. */
  readonly needs: (c: Context<GatewayEnv>) => boolean;
  /** @returns the answer, unless those inside have made it: `next` ends when they have */
  readonly around: (c: Context<GatewayEnv>, next: () => Promise<undefined>) => Promise<Response | undefined>;
}

export type Stage = PassedStage | AroundStage;

/** Makes an answer of what a stage throws. */
export type Problems = (error: Error, c: Context<GatewayEnv>) => Response;

/**
 * One function of all stages. A request for which no stage has to wait is answered at once, without a promise.
 * @param stages the first is the outermost
 * @param problems makes an answer of what a stage throws, at that stage, so that those around it see an answer like any other
 */
export function runStages(stages: readonly Stage[], problems: Problems): (c: Context<GatewayEnv>) => Soon<Response> {
  const run = new StageRun(stages, problems);
  return (c) => {
    const running = run.from(c, 0);
    return running === undefined ? c.res : running.then(() => c.res);
  };
}

/** A stage of either kind. All have the same members, so that they are found at once. */
type Step = { readonly [Member in keyof (PassedStage & AroundStage)]: (PassedStage & AroundStage)[Member] | undefined };

const stepOf = (stage: Stage): Step => ({
  ...{ span: undefined, enter: undefined, leave: undefined, needs: undefined, around: undefined },
  ...stage,
});

class StageRun {
  readonly #stages: readonly Step[];
  readonly #problems: Problems;

  constructor(stages: readonly Stage[], problems: Problems) {
    this.#stages = stages.map(stepOf);
    this.#problems = problems;
  }

  /** A request through this stage and those inside it. Never fails. */
  from(c: Context<GatewayEnv>, first: number): Promise<void> | undefined {
    return this.#enter(c, first, first);
  }

  /** @param first of those that are left afterwards */
  #enter(c: Context<GatewayEnv>, first: number, next: number): Promise<void> | undefined {
    let at = next;
    try {
      for (; at < this.#stages.length; at++) {
        const entering = this.#call(c, at);
        if (entering instanceof Promise) return this.#enterLater(c, first, at, entering);
        if (entering === undefined) continue;
        if (entering !== PASSED) c.res = entering;
        break;
      }
    } catch (cause) {
      return this.#fail(c, first, at, cause);
    }
    return this.#leave(c, first, at);
  }

  #call(c: Context<GatewayEnv>, at: number): Soon<Entered> {
    const { enter, needs, around } = this.#stages[at] as Step;
    if (enter !== undefined) return enter(c);
    return around !== undefined && needs?.(c) === true ? this.#around(c, around, at) : undefined;
  }

  async #around(c: Context<GatewayEnv>, around: AroundStage["around"], at: number): Promise<Entered> {
    const over = waitOf(c, this.#stages[at]?.span);
    let answer: Response | undefined;
    try {
      answer = await around(c, async () => {
        over?.();
        await this.from(c, at + 1);
        return undefined;
      });
    } finally {
      over?.();
    }
    return c.finalized || answer === undefined ? PASSED : answer;
  }

  async #enterLater(c: Context<GatewayEnv>, first: number, at: number, entering: Promise<Entered>): Promise<void> {
    let answer: Entered;
    const { span, enter } = this.#stages[at] as Step;
    const over = enter && waitOf(c, span);
    try {
      answer = await entering;
    } catch (cause) {
      over?.();
      return this.#fail(c, first, at, cause);
    }
    over?.();
    if (answer === undefined) return this.#enter(c, first, at + 1);
    if (answer !== PASSED) c.res = answer;
    return this.#leave(c, first, at);
  }

  /** @param end the stage after the last one that is left */
  #leave(c: Context<GatewayEnv>, first: number, end: number): Promise<void> | undefined {
    for (let at = end - 1; at >= first; at--) {
      const { leave } = this.#stages[at] as Step;
      if (leave === undefined) continue;
      try {
        const leaving = leave(c);
        if (leaving instanceof Promise) return this.#leaveLater(c, first, at, leaving);
      } catch (cause) {
        return this.#fail(c, first, at, cause);
      }
    }
    return undefined;
  }

  async #leaveLater(c: Context<GatewayEnv>, first: number, at: number, leaving: Promise<void>): Promise<void> {
    try {
      await leaving;
    } catch (cause) {
      return this.#fail(c, first, at, cause);
    }
    return this.#leave(c, first, at);
  }

  /** The stages around the one that failed see the problem's answer. */
  #fail(c: Context<GatewayEnv>, first: number, at: number, cause: unknown): Promise<void> | undefined {
    c.res = this.#problems(cause instanceof Error ? cause : new Error(String(cause)), c);
    return this.#leave(c, first, at);
  }
}

/** @returns ends it; undefined: nobody records it */
function waitOf(c: Context<GatewayEnv>, span: string | undefined): (() => void) | undefined {
  return span === undefined ? undefined : c.get("trace").wait?.(span);
}

/** The stages inside have made the answer already. */
const PASSED = Symbol("passed");
type Entered = Response | typeof PASSED | undefined;
