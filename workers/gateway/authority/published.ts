/**
 * What issuers publish, such as key sets and the addresses of their endpoints: fetched by the first request that needs it,
 * again beside the requests, and in use while the issuer is away. Requests share results, never promises.
 */
import { type KeySetTimes, keySetUse, newKeySetTimes, takeKeyMiss } from "../../../shared/auth/key-set-use.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { until } from "../upstream/wait.ts";

type Wait = Pick<ExecutionContext, "waitUntil">;

interface Issue<Value> {
  readonly times: KeySetTimes;
  value: Value | undefined;
  /** As published: another text is another value. */
  text: string;
  /** When the fetch that runs now began; 0: none runs. */
  fetchingSinceMs: number;
  failure: string;
}

export class Published<Source extends { readonly name: string }, Value> {
  readonly #issues = new Map<string, Issue<Value>>();
  readonly #load: (source: Source, signal: AbortSignal) => Promise<string>;
  readonly #read: (text: string, source: Source) => Value;

  /**
   * @param load fetches the text
   * @param read makes the value of it; throws for what cannot be used, and the value before stays
   */
  constructor(
    load: (source: Source, signal: AbortSignal) => Promise<string>,
    read: (text: string, source: Source) => Value,
  ) {
    this.#load = load;
    this.#read = read;
  }

  /** From memory where there is a usable value. @throws SelvageError issuer_unavailable */
  valueOf(source: Source, ctx: Wait, nowMs: number): Value | Promise<Value> {
    return this.valueInUse(source, ctx, nowMs) ?? this.#awaitValue(source, this.#issue(source.name), ctx, nowMs);
  }

  /** A value that is usable without waiting, and undefined where there is none. */
  valueInUse(source: Source, ctx: Wait, nowMs: number): Value | undefined {
    const issue = this.#issue(source.name);
    const use = keySetUse(issue.times, nowMs);
    if (use === "fetch" || use === "none") return undefined;
    if (use === "refresh" && !isFetching(issue, nowMs)) ctx.waitUntil(this.#fetch(source, issue, nowMs));
    return issue.value;
  }

  /**
   * After a value turned out not to have what was looked for: a newer one, or undefined while asking again is not due.
   * @param missed the value that does not have it; another request may have found a newer one since
   */
  async valueAfterMiss(source: Source, missed: Value, ctx: Wait, nowMs: number): Promise<Value | undefined> {
    const issue = this.#issue(source.name);
    if (issue.value !== missed) return issue.value;
    if (isFetching(issue, nowMs)) await until(() => !isFetching(issue, Date.now()), limits.identity.jwksWaitMs);
    else if (takeKeyMiss(issue.times, nowMs)) await this.#startFetch(source, issue, ctx, nowMs);
    return issue.value === missed ? undefined : issue.value;
  }

  async #awaitValue(source: Source, issue: Issue<Value>, ctx: Wait, nowMs: number): Promise<Value> {
    if (isFetching(issue, nowMs)) await until(() => !isFetching(issue, Date.now()), limits.identity.jwksWaitMs);
    else if (keySetUse(issue.times, nowMs) === "fetch") await this.#startFetch(source, issue, ctx, nowMs);
    const use = keySetUse(issue.times, nowMs);
    if (issue.value === undefined || use === "fetch" || use === "none")
      throw new SelvageError("issuer_unavailable", `${source.name}: ${issue.failure}`);
    return issue.value;
  }

  #issue(name: string): Issue<Value> {
    const known = this.#issues.get(name);
    if (known !== undefined) return known;
    const issue = {
      times: newKeySetTimes(),
      value: undefined,
      text: "",
      fetchingSinceMs: 0,
      failure: "not fetched yet",
    };
    this.#issues.set(name, issue);
    return issue;
  }

  /** The fetch outlives its request, since others may be waiting for the result. */
  #startFetch(source: Source, issue: Issue<Value>, ctx: Wait, nowMs: number): Promise<void> {
    const fetched = this.#fetch(source, issue, nowMs);
    ctx.waitUntil(fetched);
    return fetched;
  }

  /** Never fails: the value in use stays when the issuer does not give another. */
  async #fetch(source: Source, issue: Issue<Value>, nowMs: number): Promise<void> {
    issue.fetchingSinceMs = nowMs;
    issue.times.attemptedAtMs = nowMs;
    try {
      const text = await this.#load(source, AbortSignal.timeout(limits.identity.jwksWaitMs));
      if (text !== issue.text || issue.value === undefined) {
        issue.value = this.#read(text, source);
        issue.text = text;
      }
      issue.times.fetchedAtMs = Date.now();
    } catch (error) {
      issue.failure = error instanceof Error ? error.message : String(error);
      console.warn(JSON.stringify({ kind: "issuer", issuer: source.name, reason: issue.failure }));
    } finally {
      issue.fetchingSinceMs = 0;
    }
  }
}

function isFetching(issue: Issue<unknown>, nowMs: number): boolean {
  return issue.fetchingSinceMs !== 0 && nowMs - issue.fetchingSinceMs < limits.identity.jwksWaitMs;
}
