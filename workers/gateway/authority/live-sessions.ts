/** Whether a session lives. Its object knows; an isolate believes what it remembers no longer than `shared/auth` allows. */
import {
  beginConfirmation,
  endConfirmation,
  endSession,
  newSessionMemory,
  recallSession,
  rememberSession,
  revisionFor,
  type SessionChanges,
} from "../../../shared/auth/session-memory.ts";
import { shardOfSession } from "../../../shared/auth/web-session.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import type { Env } from "../env.ts";
import type { OrderedEnds, SessionAnswer, StoredLogout, StoredSession } from "../objects/session-shard.ts";
import { within } from "../upstream/wait.ts";
import type { ProofContext } from "./verifier.ts";

type Call = Pick<ProofContext, "env" | "ctx" | "nowMs">;

export class LiveSessions {
  readonly #memory = newSessionMemory();

  /** A promise only where the object has to be asked. @throws SelvageError sessions_unavailable */
  isAlive(id: string, call: Call): boolean | Promise<boolean> {
    const known = recallSession(this.#memory, id, call.nowMs);
    if (known === undefined) return this.#ask(id, call.env);
    if (known) this.#keepFresh(shardOfSession(id), call);
    return known;
  }

  /** @throws SelvageError sessions_unavailable */
  async open(session: StoredSession, env: Env): Promise<void> {
    await this.#remember(session.id, (since) => stubOf(env, shardOfSession(session.id)).open(session, since));
  }

  /**
   * Refused from now on by this isolate, and by all others when they next hear of its shard.
   * @returns its encrypted ID token, where there is one
   * @throws SelvageError sessions_unavailable
   */
  async end(id: string, env: Env): Promise<string | undefined> {
    const shard = shardOfSession(id);
    const { hint } = await answered(shard, stubOf(env, shard).end(id));
    endSession(this.#memory, id);
    return hint;
  }

  /**
   * @returns whether any object saw the token for the first time
   * @throws SelvageError sessions_unavailable; some may have done it, the others do when the token comes again
   */
  async endOrdered(logout: StoredLogout, shards: readonly number[], env: Env): Promise<boolean> {
    const asked = shards.map((shard) => answered<OrderedEnds>(shard, stubOf(env, shard).endOrdered(logout)));
    const answers = await Promise.all(asked);
    for (const id of answers.flatMap(({ ids }) => ids)) endSession(this.#memory, id);
    return answers.some(({ isNew }) => isNew);
  }

  #ask(id: string, env: Env): Promise<boolean> {
    return this.#remember(id, (since) => stubOf(env, shardOfSession(id)).ask(id, since));
  }

  async #remember(id: string, ask: (since: number) => Promise<SessionAnswer>): Promise<boolean> {
    const sentAtMs = Date.now();
    const answer = await answered(shardOfSession(id), ask(revisionFor(this.#memory, id)));
    return rememberSession(this.#memory, id, answer.alive, answer, sentAtMs);
  }

  /** Beside the request, so that a session in use never waits. */
  #keepFresh(shard: number, { env, ctx, nowMs }: Call): void {
    const since = beginConfirmation(this.#memory, shard, nowMs);
    if (since === undefined) return;
    const sentAtMs = Date.now();
    const end = (changes: SessionChanges | undefined): void =>
      endConfirmation(this.#memory, shard, changes, sentAtMs, Date.now());
    const asked = stubOf(env, shard).confirm(since) as Promise<SessionChanges>;
    ctx.waitUntil(within(asked, limits.login.shardWaitMs).then(end, () => end(undefined)));
  }
}

const stubOf = (env: Env, shard: number) => env.SESSIONS.getByName(`sessions-${shard}`);

async function answered<Answer extends object>(shard: number, asked: Promise<Answer>): Promise<Answer> {
  const answer = await within(asked, limits.login.shardWaitMs).catch((cause: unknown) => {
    throw new SelvageError("sessions_unavailable", `shard ${shard}: ${String(cause)}`, { cause });
  });
  if (answer === undefined) throw new SelvageError("sessions_unavailable", `shard ${shard} did not answer in time`);
  return answer;
}
