/** A request whose protocol is not known yet: keeps what it is told until it can be sent, then passes everything on. */
import type { Sent } from "../../shared/errors.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import { limits } from "../../shared/limits.ts";
import { type DeadlineWatch, requestDeadlines, type Watched } from "./deadline-watch.ts";
import {
  type BodyReader,
  type BodyWriter,
  type ClientExchange,
  type ClientPool,
  ExchangeError,
  type FailReason,
  type RequestHead,
  type ResponseHead,
} from "./engine.ts";

export class WaitingExchange implements ClientExchange, BodyWriter, Watched {
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly head: RequestHead;
  #idleMs: number | undefined;
  readonly #leave: (exchange: WaitingExchange) => void;
  #real: ClientExchange | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #end: { readonly trailers: FieldList | undefined } | undefined;
  #dead = false;
  #failure: ExchangeError | undefined;
  #informCallback: ((status: number, fields: FieldList) => void) | undefined;
  #responseCallback: ((head: ResponseHead, body: BodyReader) => void) | undefined;
  #failCallback: ((error: ExchangeError) => void) | undefined;
  #drainCallback: (() => void) | undefined;

  /** @param leave it need not be sent any more */
  constructor(head: RequestHead, leave: (exchange: WaitingExchange) => void) {
    this.head = head;
    this.#leave = leave;
  }

  get body(): BodyWriter {
    return this.#real?.body ?? this;
  }

  get sent(): Sent {
    return this.#real?.sent ?? "none";
  }

  /** The protocol is known. */
  sendBy(pool: ClientPool): void {
    const leftMs = this.deadlineMs - performance.now();
    requestDeadlines.disarm(this);
    if (this.#dead) return;
    let real: ClientExchange;
    try {
      real = pool.send(this.head, Math.max(1, leftMs));
    } catch (error) {
      this.fail("protocol", (error as Error).message, error);
      return;
    }
    this.#real = real;
    if (this.#idleMs !== undefined) real.idleAfter(this.#idleMs);
    real.onFail((error) => this.#failCallback?.(error));
    if (this.#informCallback !== undefined) real.onInform(this.#informCallback);
    if (this.#responseCallback !== undefined) real.onResponse(this.#responseCallback);
    this.#replay(real.body);
  }

  #replay(body: BodyWriter): void {
    const waits = this.#bytes >= limits.http.outputBytesMax;
    let flows = true;
    for (const chunk of this.#chunks) flows = body.write(chunk) && flows;
    this.#chunks = [];
    if (this.#drainCallback !== undefined) body.onDrain(this.#drainCallback);
    if (this.#end !== undefined) body.end(this.#end.trailers);
    else if (waits && flows) queueMicrotask(() => this.#drainCallback?.());
  }

  /** Ends it; `onFail` follows, nothing else. */
  fail(kind: FailReason, reason: string, cause?: unknown): void {
    if (this.#dead) return;
    this.#kill();
    this.#failure = new ExchangeError(kind, "none", reason, cause);
    this.#deliverFailure();
  }

  #kill(): void {
    this.#dead = true;
    this.#chunks = [];
    requestDeadlines.disarm(this);
  }

  onDeadline(): void {
    this.#leave(this);
    this.fail("timeout", "no answer in time");
  }

  write(chunk: Buffer): boolean {
    if (this.#real !== undefined) return this.#real.body.write(chunk);
    if (this.#dead || this.#end !== undefined) return true;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    return this.#bytes < limits.http.outputBytesMax;
  }

  onDrain(callback: () => void): void {
    this.#drainCallback = callback;
    this.#real?.body.onDrain(callback);
  }

  end(trailers?: FieldList): void {
    if (this.#real !== undefined) this.#real.body.end(trailers);
    else this.#end ??= { trailers };
  }

  onInform(callback: (status: number, fields: FieldList) => void): void {
    this.#informCallback = callback;
    this.#real?.onInform(callback);
  }

  onResponse(callback: (head: ResponseHead, body: BodyReader) => void): void {
    this.#responseCallback = callback;
    this.#real?.onResponse(callback);
  }

  onFail(callback: (error: ExchangeError) => void): void {
    this.#failCallback = callback;
    if (this.#failure !== undefined) queueMicrotask(() => this.#deliverFailure());
  }

  idleAfter(idleMs: number): void {
    this.#idleMs = idleMs;
    this.#real?.idleAfter(idleMs);
  }

  abort(reason: string): void {
    if (this.#real !== undefined) this.#real.abort(reason);
    else if (!this.#dead) {
      this.#leave(this);
      this.#kill();
    }
  }

  #deliverFailure(): void {
    const failure = this.#failure;
    if (failure === undefined || this.#failCallback === undefined) return;
    this.#failure = undefined;
    this.#failCallback(failure);
  }
}
