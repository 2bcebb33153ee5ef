/** A request that a cache answers, from the look into the stores to its answer. */
import { collapseKeyOf } from "../../../shared/cache/cache-key.ts";
import { type CacheStatus, cacheStatus } from "../../../shared/cache/cache-status.ts";
import { beginCollapse, endCollapse } from "../../../shared/cache/collapse.ts";
import { softPurged } from "../../../shared/cache/freshness.ts";
import { lookUp } from "../../../shared/cache/look-up.ts";
import { softPurgedAt } from "../../../shared/cache/purges.ts";
import { isAnsweredFromCache } from "../../../shared/cache/route-cache.ts";
import type { StoredHead } from "../../../shared/cache/stored-head.ts";
import type {
  CacheKeys,
  ForwardReason,
  ForwardVerdict,
  HitVerdict,
  StaleVerdict,
  Verdict,
} from "../../../shared/cache/verdict.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { askOrigin } from "./ask-origin.ts";
import type { Soon } from "./cache-store.ts";
import { answerOfHead, type ServedAnswer } from "./client-answer.ts";
import type { Turn } from "./collapser.ts";
import { type CacheExchange, keyOf, type StoredAs } from "./exchange-of.ts";

const bounds = limits.cacheCollapse;
const NONE: readonly StoredHead[] = [];
const NO_IDS: readonly string[] = [];

export class CachedExchange {
  readonly #exchange: CacheExchange;
  readonly #nowMs = Date.now();
  /** Heads whose bodies turned out to be gone. */
  #gone = NO_IDS;
  /** Why it would have gone to the upstream, had it not waited for another request. */
  #waited: ForwardReason | undefined;

  constructor(exchange: CacheExchange) {
    this.#exchange = exchange;
  }

  /**
   * At once where memory has it.
   * @throws SelvageError when neither the stores nor the upstream have an answer
   */
  answer(): Soon<Response> {
    const { edge, ctx, request, settings } = this.#exchange;
    if (!isAnsweredFromCache(request.method, settings)) return this.#forward(unanswered(request.method), undefined);
    const mayServe = edge.purges.isFresh(ctx, this.#nowMs);
    if (mayServe !== true) return this.#answerLater(mayServe);
    const looked = this.#lookUp();
    if (looked instanceof Promise || looked.kind === "forward" || looked.kind === "unavailable")
      return this.#answerLater(mayServe, looked);
    const served = this.#serve(looked);
    if (served instanceof Promise) return served.then((response) => response ?? this.#answerLater(mayServe));
    return served ?? this.#answerLater(mayServe);
  }

  /** @param found what was looked up before */
  async #answerLater(fresh: Soon<boolean>, found?: Soon<Verdict>): Promise<Response> {
    const mayServe = fresh instanceof Promise ? await fresh : fresh;
    for (let looked = found; ; looked = undefined) {
      looked ??= mayServe ? this.#lookUp() : this.#judge(NONE);
      const verdict = looked instanceof Promise ? await looked : looked;
      if (verdict.kind === "unavailable") throw this.#failed(new SelvageError("not_stored", "only-if-cached"), {});
      if (verdict.kind === "forward") {
        const turn = mayServe ? await this.#turnFor(verdict) : undefined;
        if (turn?.kind !== "look") return this.#forward(verdict, turn);
        this.#waited ??= verdict.why;
        continue;
      }
      const served = this.#serve(verdict);
      const response = served instanceof Promise ? await served : served;
      if (response !== undefined) return response;
    }
  }

  /** @returns undefined: its body is gone, and what remains is to be judged anew */
  #serve(verdict: HitVerdict | StaleVerdict): Soon<Response | undefined> {
    const finish = (served: ServedAnswer | undefined): Response | undefined => {
      if (served === undefined) {
        this.#gone = [...this.#gone, verdict.head.id];
        return undefined;
      }
      this.#tellStored(verdict.head);
      if (verdict.kind === "stale") this.#revalidate(verdict);
      this.#exchange.tell(this.#waited === undefined ? verdict.kind : "collapsed", served.bytes);
      return served.response;
    };
    const hit = this.#hit(verdict.head);
    return hit instanceof Promise ? hit.then(finish) : finish(hit);
  }

  /** At once where memory has what serves. */
  #lookUp(): Soon<Verdict> {
    const { keys } = this.#exchange;
    if (keys === undefined) return this.#judge(NONE);
    const own = this.#near(keys.own);
    const near = keys.shared === undefined ? own : [...own, ...this.#near(keys.shared)];
    const verdict = this.#judge(near);
    return isFinal(verdict) ? verdict : this.#lookFurther(keys, near);
  }

  /** What memory has of a key. */
  #near(key: string): readonly StoredHead[] {
    const { edge, reach } = this.#exchange;
    const found = edge.store.find(key, () => true, reach, this.#nowMs);
    return found instanceof Promise ? NONE : found;
  }

  async #lookFurther({ own, shared }: CacheKeys, near: readonly StoredHead[]): Promise<Verdict> {
    const { edge, reach } = this.#exchange;
    // What memory has of a key is among what is found further away.
    let others = shared === undefined ? NONE : near.filter((head) => head.shared !== true);
    let verdict = this.#judge(near);
    for (const key of shared === undefined ? [own] : [shared, own]) {
      const isEnough = (found: readonly StoredHead[]): boolean => isFinal(this.#judge([...others, ...found]));
      const found = await edge.store.find(key, isEnough, reach, this.#nowMs);
      verdict = this.#judge([...others, ...found]);
      if (isFinal(verdict)) return verdict;
      others = found;
    }
    return verdict;
  }

  #judge(found: readonly StoredHead[]): Verdict {
    const { edge, keys, request, settings } = this.#exchange;
    const { log } = edge.purges;
    let heads = found;
    if (this.#gone.length > 0) heads = heads.filter(({ id }) => !this.#gone.includes(id));
    if (!heads.every(({ purge }) => purge === log.number))
      heads = heads.map((head) => {
        const purgedAtMs = softPurgedAt(log, head);
        return purgedAtMs === undefined ? head : softPurged(head, purgedAtMs);
      });
    return lookUp(keys, heads, request, settings, Date.now());
  }

  #turnFor(verdict: ForwardVerdict): Soon<Turn | undefined> {
    const { edge, keys, request, settings, deadlineAtMs } = this.#exchange;
    if (!verdict.collapsible || keys === undefined || settings.collapse === "none") return undefined;
    const endMs = Math.min(this.#nowMs + bounds.waitMs, deadlineAtMs);
    return edge.collapser.enter(
      collapseKeyOf(keys, request, settings, verdict),
      settings.collapse === "everywhere",
      endMs,
    );
  }

  async #forward(verdict: ForwardVerdict, turn: Turn | undefined): Promise<Response> {
    try {
      const asked = await askOrigin(this.#exchange, verdict, turn, this.#exchange.deadlineAtMs);
      if (asked.kind === "upstream") {
        if (asked.head !== undefined) this.#tellStored(asked.head);
        return this.#passOn(asked.response, asked.status);
      }
      const ttlMs = asked.head.freshUntilMs - Date.now();
      const served = await answerOfHead(this.#exchange, asked.head, { ...asked.status, ttlMs });
      if (served !== undefined) {
        this.#tellStored(asked.head);
        for (const cookie of asked.cookies) served.response.headers.append("set-cookie", cookie);
        this.#exchange.tell(asked.failed ? "error" : "revalidated", served.bytes);
        return served.response;
      }
    } catch (cause) {
      throw this.#failed(cause, { fwd: verdict.why });
    }
    // What the upstream has confirmed is gone meanwhile: it is asked for whole.
    return this.#forward({ ...verdict, held: NONE, collapsible: false }, undefined);
  }

  /** One at a time of each answer, whoever found it stale: that request has its answer already. */
  #revalidate({ head: { id: key }, revalidation }: StaleVerdict): void {
    const { edge, ctx, timeoutMs } = this.#exchange;
    const token = crypto.randomUUID();
    if (beginCollapse(edge.revalidations, key, token, bounds, Date.now()) !== "lead") return;
    const deadlineAtMs = Date.now() + timeoutMs;
    const asked = askOrigin(this.#exchange, revalidation, undefined, deadlineAtMs).then(
      (answer) => (answer.kind === "upstream" ? answer.response.body?.cancel() : undefined),
      // It is asked for again by the next request.
      () => undefined,
    );
    const ended = (): void => endCollapse(edge.revalidations, key, token, "failed", bounds, Date.now());
    ctx.waitUntil(asked.then(ended, ended));
  }

  #hit(head: StoredHead): Soon<ServedAnswer | undefined> {
    const ttlMs = head.freshUntilMs - Date.now();
    const waited = this.#waited;
    const status = waited === undefined ? { hit: true, ttlMs } : { fwd: waited, collapsed: true, ttlMs };
    return answerOfHead(this.#exchange, head, status);
  }

  #tellStored(head: StoredAs): void {
    const { keys } = this.#exchange;
    if (keys !== undefined) this.#exchange.tellStored(keyOf(keys, head), head);
  }

  #passOn(response: Response, status: CacheStatus): Response {
    const { headers } = response;
    headers.set("cache-status", cacheStatus(status, headers.get("cache-status")));
    this.#exchange.tell(status.stored === true ? "miss" : "pass", 0);
    return response;
  }

  /** The answer is made elsewhere then, and says what the cache has to do with it, too. */
  #failed<Cause>(cause: Cause, status: CacheStatus): Cause {
    this.#exchange.tellFailure(cacheStatus(status));
    this.#exchange.tell("pass", 0);
    return cause;
  }
}

/** Whether what else is stored further away makes no difference. */
const isFinal = (verdict: Verdict): boolean =>
  verdict.kind === "hit" || (verdict.kind === "forward" && verdict.way === "pass");

/** A method that the route does not answer from its cache: an unsafe one still makes stored answers invalid. */
const unanswered = (method: string): ForwardVerdict => ({
  kind: "forward",
  why: method === "GET" || method === "HEAD" || method === "QUERY" ? "bypass" : "method",
  way: "pass",
  held: NONE,
  collapsible: false,
});
