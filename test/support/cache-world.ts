/** A cache of its decisions and a plain map, before an origin that is a function: time stands still but where a test moves it. */
import { answerFrom, notModifiedFields } from "../../shared/cache/answer-from.ts";
import { cacheKeysOf } from "../../shared/cache/cache-key.ts";
import type { CacheRequest, UpstreamAnswer } from "../../shared/cache/cache-request.ts";
import { forwardEdits } from "../../shared/cache/forward-edits.ts";
import { judgeAnswer, staleInstead } from "../../shared/cache/judge-answer.ts";
import { lookUp } from "../../shared/cache/look-up.ts";
import type { CacheSettings } from "../../shared/cache/settings.ts";
import type { StoredHead } from "../../shared/cache/stored-head.ts";
import type { CacheKeys, ForwardVerdict, Judgement, Verdict } from "../../shared/cache/verdict.ts";

export type Pairs = readonly (readonly [name: string, value: string])[];

/** As a platform reads them: no case, lines of one name joined but for `Set-Cookie`. */
export function fieldSet(pairs: Pairs): CacheRequest["fields"] {
  const headers = new Headers();
  for (const [name, value] of pairs) headers.append(name, value);
  return headers;
}

export function cacheRequest(changes: Partial<Omit<CacheRequest, "fields">> & { fields?: Pairs } = {}): CacheRequest {
  const { fields = [], ...others } = changes;
  return {
    method: "GET",
    scheme: "https",
    authority: "shop.example",
    host: "shop.example",
    route: "orders",
    source: "service orders",
    path: "/orders",
    query: "",
    hasContent: false,
    partition: "",
    authorized: false,
    ...others,
    fields: fieldSet(fields),
  };
}

export interface OriginAnswer {
  readonly status: number;
  readonly fields: Pairs;
  readonly body: string;
}

/** What reaches the origin. */
export interface OriginRequest {
  readonly request: CacheRequest;
  readonly fields: CacheRequest["fields"];
  readonly query: string;
}

export type Origin = (asked: OriginRequest, nowMs: number) => OriginAnswer | "unreachable";

export interface WorldAnswer {
  readonly status: number;
  readonly fields: Pairs;
  readonly body: string;
  readonly verdict: Verdict;
  readonly judgement?: Judgement;
  readonly ageSeconds?: number;
  /** The stored answer that served. */
  readonly head?: StoredHead;
}

interface Stored {
  head: StoredHead;
  readonly body: string;
}

export class CacheWorld {
  readonly stored = new Map<string, Stored[]>();
  readonly #origin: Origin;
  readonly #settings: CacheSettings;
  #ids = 0;
  nowMs = Date.UTC(2026, 10, 21, 12);
  /** Requests that the origin saw. */
  asked: OriginRequest[] = [];

  constructor(origin: Origin, settings: CacheSettings = {}) {
    this.#origin = origin;
    this.#settings = settings;
  }

  get heads(): StoredHead[] {
    return [...this.stored.values()].flat().map(({ head }) => head);
  }

  send(request: CacheRequest): WorldAnswer {
    const keys = cacheKeysOf(request, this.#settings);
    const verdict = lookUp(keys, this.#find(keys), request, this.#settings, this.nowMs);
    if (verdict.kind === "unavailable") return { status: 504, fields: [], body: "", verdict };
    if (verdict.kind === "forward") return this.#ask(keys, request, verdict);
    const answer = this.#serve(verdict.head, request, verdict);
    if (verdict.kind === "stale") this.#ask(keys, request, verdict.revalidation);
    return answer;
  }

  #find(keys: CacheKeys | undefined): StoredHead[] {
    return this.#lists(keys)
      .flat()
      .map(({ head }) => head)
      .filter(({ keepUntilMs }) => keepUntilMs > this.nowMs);
  }

  #lists(keys: CacheKeys | undefined): Stored[][] {
    const names = keys === undefined ? [] : [keys.own, ...(keys.shared === undefined ? [] : [keys.shared])];
    return names.map((name) => this.stored.get(name) ?? []);
  }

  #ask(keys: CacheKeys | undefined, request: CacheRequest, verdict: ForwardVerdict): WorldAnswer {
    const { remove, set, query } = forwardEdits(verdict, request, this.#settings);
    const fields = new Headers([...request.fields].map(([name, value]): [string, string] => [name, value]));
    for (const name of remove) fields.delete(name);
    for (const [name, value] of set) fields.set(name, value);
    const asked: OriginRequest = { request, fields, query };
    this.asked.push(asked);
    const came = this.#origin(asked, this.nowMs);
    if (came === "unreachable") {
      const stale = staleInstead(verdict, this.nowMs);
      if (stale !== undefined) return this.#serve(stale, request, verdict);
      return { status: 502, fields: [], body: "", verdict };
    }
    const answer: UpstreamAnswer = { status: came.status, fields: fieldSet(came.fields) };
    const times = { requestedAtMs: this.nowMs, receivedAtMs: this.nowMs };
    const origin = { id: `id${++this.#ids}`, purge: 0, ...times };
    const judgement = judgeAnswer(answer, { keys, request, verdict, settings: this.#settings, origin });
    const served = judgement.head === undefined ? undefined : this.#serve(judgement.head, request, verdict, judgement);
    this.#act(keys, judgement, came.body);
    if (judgement.serve === "again") return this.#ask(keys, request, { ...verdict, held: [] });
    if (served !== undefined) return served;
    if (judgement.notModified === true)
      return { status: 304, fields: notModifiedFields(answer.fields, true), body: "", verdict, judgement };
    return { status: came.status, fields: [...answer.fields], body: came.body, verdict, judgement };
  }

  #act(keys: CacheKeys | undefined, { updates, removes, store, invalidates }: Judgement, body: string): void {
    for (const list of this.#lists(keys))
      for (const update of updates) for (const one of list) if (one.head.id === update.id) one.head = update;
    this.#drop(({ id }) => removes.includes(id));
    if (invalidates !== undefined)
      this.#drop(
        ({ host, target, tags }) =>
          (host === invalidates.host && invalidates.targets.includes(target)) ||
          tags.some((tag) => invalidates.tags.includes(tag)),
      );
    if (store === undefined || keys === undefined) return;
    const name = store.key === "own" ? keys.own : (keys.shared ?? keys.own);
    this.#drop(({ id }) => store.replaces.includes(id));
    const whole: Stored = { head: { ...store.head, bodyBytes: body.length }, body };
    this.stored.set(name, [...(this.stored.get(name) ?? []), whole]);
  }

  #drop(isGone: (head: StoredHead) => boolean): void {
    for (const [name, list] of this.stored)
      this.stored.set(
        name,
        list.filter(({ head }) => !isGone(head)),
      );
  }

  #serve(head: StoredHead, request: CacheRequest, verdict: Verdict, judgement?: Judgement): WorldAnswer {
    const { status, fields, body, ageSeconds } = answerFrom(head, request, this.nowMs);
    const content = [...this.stored.values()].flat().find((one) => one.head.id === head.id)?.body ?? "";
    const text = body === "none" ? "" : body === "whole" ? content : content.slice(body.first, body.last + 1);
    return { status, fields, body: text, verdict, ageSeconds, head, ...(judgement !== undefined && { judgement }) };
  }
}
