/** One request while code of the user's own has it. */
import { SelvageError } from "../../../shared/errors.ts";
import type { codeMeans } from "../upstream/code-means.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Forwarder } from "../upstream/forward-request.ts";
import { within } from "../upstream/wait.ts";

/** After the time of a route is over: what code may take to see that what it waits for has ended, and to make an answer of that. */
const FINISH_WITHIN_MS = 100;

/** What code goes out by, and is held to. */
export type CodeCaller = Forwarder & typeof codeMeans;

export class CodeExchange {
  readonly c: Context<GatewayEnv>;
  readonly caller: CodeCaller;
  /** Ends calls that are still running when nobody waits for them any more. */
  readonly stop = new AbortController();
  /** File of the code that failed. */
  failedIn: string | undefined;
  /** What reading the request's body failed with: whatever code makes of it, it is the client's fault or the time's. */
  bodyFault: SelvageError | undefined;
  /** Calls and lines so far. */
  calls = 0;
  lines = 0;
  /** What the stages inside have answered, as code got it; undefined: nothing has gone there. */
  inner: Response | undefined;
  /** Whether code has put other content in the place of theirs; that of HEAD is gone when the answer is whole. */
  hasReplaced = false;
  #isOver = false;
  #inside: Promise<unknown> | undefined;
  readonly #next: (() => Promise<unknown>) | undefined;

  /** @param next the stages inside, of policies; ends when they have made the answer, and never fails */
  constructor(c: Context<GatewayEnv>, caller: CodeCaller, next?: () => Promise<unknown>) {
    this.c = c;
    this.caller = caller;
    this.#next = next;
  }

  /** Whether the request has gone on, or is over: nothing of it can be changed any more. */
  get isGone(): boolean {
    return this.#isOver || this.#inside !== undefined;
  }

  /** @throws when code goes on after its request has been answered */
  refuseLate(): void {
    if (this.#isOver) throw new Error("the request has been answered already");
  }

  /** The stages inside make the answer. */
  async pass(): Promise<Response> {
    this.refuseLate();
    if (this.#next === undefined) throw new Error("a handler has nothing inside it");
    this.#inside = this.#next();
    await this.#inside;
    this.refuseLate();
    return this.c.res;
  }

  /**
   * What code comes to within the route's time. The stages inside and its calls have the same time, and say themselves when it is over.
   * @throws SelvageError code_timeout, code_failed, and whatever a call of the code ended with
   */
  async run<Answer>(code: () => Promise<Answer>): Promise<Answer> {
    try {
      const running = code().then((answer) => ({ answer }));
      const leftMs = Math.max(0, this.c.get("deadlineAtMs") - Date.now());
      const done = (await within(running, leftMs)) ?? (await this.#finish(running));
      if (done === undefined)
        throw new SelvageError("code_timeout", "the code did not answer in time", { sent: "body" });
      return done.answer;
    } catch (cause) {
      this.stop.abort();
      throw this.#faultOf(cause);
    } finally {
      this.#isOver = true;
    }
  }

  async #finish<Done>(running: Promise<Done>): Promise<Done | undefined> {
    if (this.#inside === undefined && this.calls === 0) return undefined;
    await this.#inside;
    return within(running, FINISH_WITHIN_MS);
  }

  #faultOf(cause: unknown): unknown {
    if (this.bodyFault !== undefined) return this.bodyFault;
    if (cause instanceof SelvageError) return cause;
    const text = cause instanceof Error ? (cause.stack ?? cause.message) : `it threw ${String(cause)}`;
    return codeFault(this.failedIn ?? "the code", text, cause);
  }
}

/** @param sent what the code did is not known */
export const codeFault = (file: string, reason: string, cause?: unknown): SelvageError =>
  new SelvageError("code_failed", `${file}: ${reason}`, { sent: "body", ...(cause !== undefined && { cause }) });
