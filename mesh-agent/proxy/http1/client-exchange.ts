/** One request on its way out over HTTP/1.1, from the moment that it is asked for: it may wait for its connection. */
import type { Sent } from "../../../shared/errors.ts";
import type { FieldList } from "../../../shared/http/field-list.ts";
import { limits } from "../../../shared/limits.ts";
import { type DeadlineWatch, requestDeadlines, type Watched } from "../deadline-watch.ts";
import {
  type BodyReader,
  type BodyWriter,
  type ClientExchange,
  ExchangeError,
  type FailReason,
  type RequestHead,
  type ResponseHead,
} from "../engine.ts";
import type { SocketStream } from "../socket-stream.ts";
import { lastChunk, requestHead, type SentFraming } from "./head-writer.ts";
import type { SocketOutput } from "./socket-output.ts";

/** Methods whose requests mean a body, so that its absence is stated (RFC 9110 section 8.6). */
const EXPECTS_BODY = new Set(["POST", "PUT", "PATCH"]);

/** Where an exchange is at: first its pool, then its connection. */
export interface ExchangeHost {
  /** The exchange is over by its own will or time: forget it, and what carries it. */
  drop(exchange: Http1ClientExchange): void;
  /** A callback that was missing is there. */
  wake(): void;
}

export class Http1ClientExchange implements ClientExchange, BodyWriter, Watched {
  readonly method: string;
  /** Protocol that it asks to change to. */
  readonly upgrade: string | undefined;
  sent: Sent = "none";
  /** It goes over a connection that nobody has used. */
  wantsFresh = false;
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly #head: Buffer;
  readonly #framing: SentFraming;
  #left: number;
  #host: ExchangeHost;
  #output: SocketOutput | undefined;
  /** Parts that were written before there was a connection. */
  #early: (string | Buffer)[] | undefined;
  #earlyBytes = 0;
  #bodyStarted = false;
  #ended: boolean;
  #dead = false;
  #failure: ExchangeError | undefined;
  #informCallback: ((status: number, fields: FieldList) => void) | undefined;
  #responseCallback: ((head: ResponseHead, body: BodyReader) => void) | undefined;
  #failCallback: ((error: ExchangeError) => void) | undefined;
  #drainCallback: (() => void) | undefined;
  #drainMissed = false;
  #stream: SocketStream | undefined;

  /** @throws TypeError when the head cannot be sent */
  constructor(head: RequestHead, host: ExchangeHost) {
    const { method, bodyLength } = head;
    this.method = method;
    this.upgrade = head.upgrade;
    this.#host = host;
    this.#framing =
      bodyLength === "stream" ? "chunked" : bodyLength > 0 || EXPECTS_BODY.has(method) ? bodyLength : "none";
    this.#left = bodyLength === "stream" ? 0 : bodyLength;
    this.#ended = bodyLength === 0;
    this.#head = requestHead(method, head.target, head.fields, this.#framing, head.upgrade);
  }

  get body(): BodyWriter {
    return this.#stream ?? this;
  }

  /** The request is written whole. */
  get isRequestOver(): boolean {
    return this.#ended;
  }

  get canTakeResponse(): boolean {
    return this.#responseCallback !== undefined;
  }

  // --- towards the connection ---

  /** It has a connection now: the head and what was written leave with the end of this turn. */
  attach(host: ExchangeHost, output: SocketOutput): void {
    this.#host = host;
    this.#output = output;
    output.add(this.#head);
    const early = this.#early;
    if (early === undefined) return;
    this.#early = undefined;
    for (const part of early) output.add(part);
    if (!output.isBlocked) this.#tellDrained();
  }

  /** Bytes of it are about to leave. */
  flushed(): void {
    this.sent = this.#bodyStarted ? "body" : "head";
  }

  drained(): void {
    this.#tellDrained();
  }

  inform(status: number, fields: FieldList): void {
    if (!this.#dead) this.#informCallback?.(status, fields);
  }

  respond(head: ResponseHead, body: BodyReader): void {
    requestDeadlines.disarm(this);
    if (!this.#dead) this.#responseCallback?.(head, body);
  }

  /** The peer speaks the other protocol now. */
  switchTo(head: ResponseHead, stream: SocketStream): void {
    this.#stream = stream;
    this.respond(head, stream);
  }

  /** Ends it; `onFail` follows, nothing else. */
  fail(kind: FailReason, reason: string, cause?: unknown, isStale = false): void {
    if (this.#dead) return;
    this.kill();
    this.#failure = new ExchangeError(kind, this.sent, reason, cause, isStale);
    this.#deliverFailure();
  }

  /** No callback is called from now on; what is still written is thrown away. */
  kill(): void {
    this.#dead = true;
    this.#early = undefined;
    requestDeadlines.disarm(this);
  }

  onDeadline(): void {
    const host = this.#host;
    this.fail("timeout", "no answer in time");
    host.drop(this);
  }

  // --- towards the stack ---

  write(chunk: Buffer): boolean {
    if (this.#dead || this.#ended || chunk.length === 0) return true;
    this.#bodyStarted = true;
    if (this.#framing === "chunked") {
      this.#put(`${chunk.length.toString(16)}\r\n`);
      this.#put(chunk);
      return this.#put("\r\n");
    }
    if (chunk.length > this.#left) {
      this.#misuse("the request is longer than its length");
      return true;
    }
    this.#left -= chunk.length;
    return this.#put(chunk);
  }

  #put(part: string | Buffer): boolean {
    if (this.#output !== undefined) return this.#output.add(part);
    this.#early ??= [];
    this.#early.push(part);
    this.#earlyBytes += part.length;
    return this.#earlyBytes < limits.http.outputBytesMax;
  }

  end(trailers?: FieldList): void {
    if (this.#dead || this.#ended) return;
    if (this.#left > 0) {
      this.#misuse("the request is shorter than its length");
      return;
    }
    if (this.#framing === "chunked") this.#put(lastChunk(trailers));
    this.#ended = true;
  }

  #misuse(reason: string): void {
    this.fail("protocol", reason);
    this.#host.drop(this);
  }

  onDrain(callback: () => void): void {
    this.#drainCallback = callback;
    if (this.#drainMissed) queueMicrotask(() => this.#tellDrained());
  }

  #tellDrained(): void {
    this.#drainMissed = this.#drainCallback === undefined;
    if (!this.#dead && !this.#ended) this.#drainCallback?.();
  }

  onInform(callback: (status: number, fields: FieldList) => void): void {
    this.#informCallback = callback;
  }

  onResponse(callback: (head: ResponseHead, body: BodyReader) => void): void {
    this.#responseCallback = callback;
    if (this.sent !== "none") queueMicrotask(() => this.#host.wake());
  }

  onFail(callback: (error: ExchangeError) => void): void {
    this.#failCallback = callback;
    if (this.#failure !== undefined) queueMicrotask(() => this.#deliverFailure());
  }

  /** Answers over HTTP/1.1 are watched by who passes them on. */
  idleAfter(): void {}

  abort(_reason: string): void {
    if (this.#dead) return;
    this.kill();
    this.#host.drop(this);
  }

  #deliverFailure(): void {
    const failure = this.#failure;
    if (failure === undefined || this.#failCallback === undefined) return;
    this.#failure = undefined;
    this.#failCallback(failure);
  }
}
