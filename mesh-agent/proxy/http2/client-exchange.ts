/** One request on its way out over HTTP/2, from the moment that it is asked for: it may wait for its connection. */
import type { Sent } from "../../../shared/errors.ts";
import { FieldList } from "../../../shared/http/field-list.ts";
import { NOT_SWITCHED } from "../../../shared/http/header-names.ts";
import { limits } from "../../../shared/limits.ts";
import { requestDeadlines } from "../deadline-watch.ts";
import {
  type BodyReader,
  type ClientExchange,
  ExchangeError,
  type FailReason,
  type RequestHead,
  type ResponseHead,
} from "../engine.ts";
import type { ResponseParts } from "./field-block.ts";
import type { FrameOutput } from "./frame-output.ts";
import { requestBlock } from "./hpack-encoder.ts";
import { CANCEL, INTERNAL_ERROR } from "./protocol.ts";
import { Http2Stream, type StreamHost } from "./stream.ts";

/** What an exchange asks of its connection. */
export interface RequestHost extends StreamHost {
  /** Its head leaves now; heads leave in the order of their numbers (RFC 9113 section 5.1.1). */
  begin(exchange: Http2ClientExchange): void;
  /** Of a connection's first header block. */
  startBlock(block: Buffer): Buffer;
  /** It ended before its head left. */
  withdraw(exchange: Http2ClientExchange): void;
}

/** Where an exchange waits for its connection. */
export interface ExchangeWaitingRoom {
  drop(exchange: Http2ClientExchange): void;
}

interface Answer {
  readonly head: ResponseHead;
  readonly body: BodyReader;
}

export class Http2ClientExchange extends Http2Stream implements ClientExchange {
  readonly method: string;
  /** Protocol that it asks to change to, by extended CONNECT. */
  readonly upgrade: string | undefined;
  sent: Sent = "none";
  readonly #room: ExchangeWaitingRoom;
  #connection: RequestHost | undefined;
  #headBlock: Buffer | undefined;
  #headTimed = true;
  #interims = 0;
  #failure: ExchangeError | undefined;
  #answer: Answer | undefined;
  #informCallback: ((status: number, fields: FieldList) => void) | undefined;
  #responseCallback: ((head: ResponseHead, body: BodyReader) => void) | undefined;
  #failCallback: ((error: ExchangeError) => void) | undefined;

  /** @throws TypeError when the head cannot be sent */
  constructor(head: RequestHead, scheme: string, room: ExchangeWaitingRoom) {
    super();
    const { method, bodyLength } = head;
    this.method = method;
    this.upgrade = head.upgrade;
    this.#room = room;
    this.awaitsHead = true;
    if (head.upgrade === undefined) {
      if (bodyLength === 0) this.endWithHead();
      else if (bodyLength !== "stream") this.toSend = bodyLength;
    }
    this.#headBlock = requestBlock(
      head,
      scheme,
      typeof bodyLength === "number" && bodyLength > 0 ? bodyLength : undefined,
    );
  }

  get body(): this {
    return this;
  }

  // --- towards the connection ---

  attach(host: RequestHost): void {
    this.host = host;
    this.#connection = host;
    host.ready(this);
  }

  protected override get headLeft(): boolean {
    return this.#headBlock === undefined;
  }

  protected override sendHead(output: FrameOutput, ends: boolean): void {
    const block = this.#headBlock;
    const connection = this.#connection;
    if (block === undefined || connection === undefined) return;
    connection.begin(this);
    this.#headBlock = undefined;
    this.sent = "head";
    if (ends) this.localEnded = true;
    output.addBlock(this.id, connection.startBlock(block), ends);
  }

  protected override sentBody(): void {
    this.sent = "body";
  }

  protected override sentEnd(): void {
    if (this.remoteEnded) this.host?.streamOver(this);
  }

  inform(parts: ResponseParts): string | undefined {
    if (++this.#interims > limits.http.informationalMax) return "too many interim answers";
    if (!this.dead) this.#informCallback?.(parts.status, FieldList.owning(parts.fields.slice()));
    return undefined;
  }

  /** The final answer's head. @returns why it is malformed */
  answer(parts: ResponseParts, endStream: boolean): string | undefined {
    const { status, contentLength } = parts;
    if (this.#opensTunnel(parts)) return this.#openTunnel(parts);
    // There is no tunnel to write to.
    if (this.upgrade !== undefined) this.end();
    const never = status === 204;
    const bodiless = never || status === 304 || this.method === "HEAD";
    if (endStream && !bodiless && contentLength > 0) return "an answer without a body states its length";
    this.expected = bodiless ? 0 : contentLength;
    this.awaitsHead = false;
    const unknown = !never && status !== 304 && contentLength < 0 && (!endStream || this.method === "HEAD");
    const bodyLength = unknown ? "stream" : never ? 0 : Math.max(contentLength, 0);
    this.#answer = { head: { status, fields: FieldList.owning(parts.fields.slice()), bodyLength }, body: this };
    requestDeadlines.disarm(this);
    this.#headTimed = false;
    this.#deliverAnswer();
    return undefined;
  }

  #opensTunnel({ status, fields }: ResponseParts): boolean {
    if (status >= 300) return false;
    return this.upgrade === undefined ? this.method === "CONNECT" : !fields.includes(NOT_SWITCHED);
  }

  #openTunnel({ status, fields: raw }: ResponseParts): undefined {
    this.isTunnel = true;
    this.awaitsHead = false;
    const fields = FieldList.owning(raw.slice());
    const { upgrade } = this;
    const head =
      upgrade === undefined
        ? ({ status, fields, bodyLength: "stream" } as const)
        : ({ status: 101, upgrade, fields, bodyLength: "stream" } as const);
    this.#answer = { head, body: this };
    requestDeadlines.disarm(this);
    this.#headTimed = false;
    this.#deliverAnswer();
    return undefined;
  }

  /** What came has come whole, and nobody waits for the rest of what goes. */
  get isAnswered(): boolean {
    return this.remoteEnded && !this.isTunnel;
  }

  override receiveEnd(trailers: readonly string[] | undefined): void {
    this.remoteEnded = true;
    // Before the reader is told: what it does next finds the place free.
    if (this.localEnded) this.host?.streamOver(this);
    super.receiveEnd(trailers);
  }

  #deliverAnswer(): void {
    const answer = this.#answer;
    if (answer === undefined || this.#responseCallback === undefined || this.dead) return;
    this.#answer = undefined;
    this.#responseCallback(answer.head, answer.body);
  }

  /** Ends it; `onFail` follows, nothing else. */
  fail(kind: FailReason, reason: string, cause?: unknown): void {
    if (this.dead) return;
    this.kill();
    this.#failure = new ExchangeError(kind, this.sent, reason, cause);
    this.#deliverFailure();
  }

  /** The peer has proven that it did not look at the request (RFC 9113 section 8.7). */
  failUnprocessed(reason: string): void {
    this.sent = "none";
    this.fail("refused", reason);
  }

  override kill(): void {
    requestDeadlines.disarm(this);
    super.kill();
  }

  protected override watch(): void {
    // Until the answer's head the time of the request is the shorter one.
    if (!this.#headTimed) super.watch();
  }

  override onDeadline(): void {
    this.#leave(CANCEL);
    this.fail("timeout", this.#headTimed ? "no answer in time" : "the peer neither sent nor read for too long");
  }

  protected override misuse(reason: string): void {
    this.#leave(INTERNAL_ERROR);
    this.fail("protocol", reason);
  }

  /** Gives its place up. */
  #leave(code: number): void {
    const connection = this.#connection;
    if (connection === undefined) this.#room.drop(this);
    else if (this.sent === "none") connection.withdraw(this);
    else connection.reset(this, code);
  }

  // --- towards the stack ---

  onInform(callback: (status: number, fields: FieldList) => void): void {
    this.#informCallback = callback;
  }

  onResponse(callback: (head: ResponseHead, body: BodyReader) => void): void {
    this.#responseCallback = callback;
    if (this.#answer !== undefined) queueMicrotask(() => this.#deliverAnswer());
  }

  onFail(callback: (error: ExchangeError) => void): void {
    this.#failCallback = callback;
    if (this.#failure !== undefined) queueMicrotask(() => this.#deliverFailure());
  }

  abort(_reason: string): void {
    if (this.dead) return;
    this.#leave(CANCEL);
    this.kill();
  }

  #deliverFailure(): void {
    const failure = this.#failure;
    if (failure === undefined || this.#failCallback === undefined) return;
    this.#failure = undefined;
    this.#failCallback(failure);
  }
}
