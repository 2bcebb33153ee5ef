/** How the stages of the chain run. Which there are, and in which order, stands in `app.ts`. */
import type { Context, ErrorHandler, Handler, MiddlewareHandler } from "hono";
import type { GatewayEnv } from "./exchange.ts";

type Soon<Value> = Value | Promise<Value>;

/**
 * A stage that looks at a request on its way in, at the answer on its way out, or at both. Most have nothing to wait for: they
 * are plain calls, which cost a request next to nothing.
 */
export interface PassedStage {
  /** Refuses by throwing, answers by returning a response, of which stages inside then see nothing; else it lets pass. */
  readonly enter?: (c: Context<GatewayEnv>) => Soon<Response | undefined>;
  /** What became of a request that was let pass; whatever was thrown inside is an answer by then. */
  readonly leave?: (c: Context<GatewayEnv>) => Soon<void>;
}

/** A stage that stands around those inside it, as any middleware of Hono. */
export interface AroundStage {
  /** Whether a request needs it at all. */
  readonly needs: (c: Context<GatewayEnv>) => boolean;
  readonly around: MiddlewareHandler<GatewayEnv>;
}

export type Stage = PassedStage | AroundStage;

/**
 * One handler of all stages.
 * @param stages the first is the outermost
 * @param problems makes an answer of what a stage throws, at that stage, so that those around it see an answer like any other
 */
export function runStages(stages: readonly Stage[], problems: ErrorHandler<GatewayEnv>): Handler<GatewayEnv> {
  const run = new StageRun(stages, problems);
  return async (c) => {
    await run.from(c, 0);
    return c.res;
  };
}

class StageRun {
  readonly #stages: readonly Stage[];
  readonly #problems: ErrorHandler<GatewayEnv>;

  constructor(stages: readonly Stage[], problems: ErrorHandler<GatewayEnv>) {
    this.#stages = stages;
    this.#problems = problems;
  }

  /** A request through this stage and those inside it. Never fails. */
  async from(c: Context<GatewayEnv>, first: number): Promise<void> {
    let at = first;
    try {
      for (; at < this.#stages.length; at++) {
        const stage = this.#stages[at] as Stage;
        if ("around" in stage) {
          if (!stage.needs(c)) continue;
          await this.#around(c, stage, at + 1);
          break;
        }
        const entering = stage.enter?.(c);
        const answer = entering instanceof Promise ? await entering : entering;
        if (answer === undefined) continue;
        c.res = answer;
        break;
      }
    } catch (cause) {
      await this.#fail(c, cause);
    }
    for (at--; at >= first; at--) {
      const stage = this.#stages[at] as Stage;
      if ("around" in stage || stage.leave === undefined) continue;
      try {
        const leaving = stage.leave(c);
        if (leaving instanceof Promise) await leaving;
      } catch (cause) {
        await this.#fail(c, cause);
      }
    }
  }

  async #around(c: Context<GatewayEnv>, { around }: AroundStage, inner: number): Promise<void> {
    const answer = await around(c, () => this.from(c, inner));
    if (answer !== undefined && !c.finalized) c.res = answer;
  }

  async #fail(c: Context<GatewayEnv>, cause: unknown): Promise<void> {
    c.res = await this.#problems(cause instanceof Error ? cause : new Error(String(cause)), c);
  }
}
