/** One request that came in over HTTP/2, and its answer. */
import { FieldList } from "../../../shared/http/field-list.ts";
import { NOT_SWITCHED } from "../../../shared/http/header-names.ts";
import {
  type BodyWriter,
  ExchangeError,
  type FailReason,
  type Peer,
  type RequestHead,
  type ResponseHead,
  type ServerExchange,
} from "../engine.ts";
import type { RequestParts } from "./field-block.ts";
import type { FrameOutput } from "./frame-output.ts";
import { responseBlock } from "./hpack-encoder.ts";
import { CANCEL, INTERNAL_ERROR, NO_ERROR } from "./protocol.ts";
import { Http2Stream, type StreamHost } from "./stream.ts";

/** What an exchange asks of its connection. */
export interface ExchangeOwner extends StreamHost {
  readonly peer: Peer;
  /** Of a connection's first header block. */
  startBlock(block: Buffer): Buffer;
  /** The answer is in the output; `complete` follows when it has left. */
  answered(exchange: Http2ServerExchange): void;
  /** Both sides have said all, and nothing of it waits to leave. */
  done(exchange: Http2ServerExchange): void;
}

export class Http2ServerExchange extends Http2Stream implements ServerExchange {
  readonly head: RequestHead;
  override readonly host: ExchangeOwner;
  /** The engine counts it. */
  isServed = false;
  /** The client waits for a 100 before it sends the body. */
  #continueOwed: boolean;
  #interim: Buffer[] | undefined;
  #answer: Buffer | undefined;
  #hasAnswered = false;
  #hasReadEnd = false;
  /** The head waits for `end`: there is no body. */
  #isEmpty = false;
  #failure: ExchangeError | undefined;
  #failCallback: ((error: ExchangeError) => void) | undefined;
  #doneCallback: (() => void) | undefined;

  constructor(id: number, parts: RequestParts, endStream: boolean, host: ExchangeOwner, sendWindow: number) {
    super();
    const { method, target, contentLength, expectContinue, upgrade } = parts;
    this.id = id;
    this.host = host;
    this.sendWindow = sendWindow;
    this.remoteEnded = endStream;
    this.expected = contentLength;
    this.#continueOwed = expectContinue && !endStream;
    const bodyLength = endStream || upgrade !== undefined ? 0 : contentLength >= 0 ? contentLength : "stream";
    const head = { method, target, fields: FieldList.owning(parts.fields.slice()), bodyLength } as const;
    this.head = upgrade === undefined ? head : { ...head, upgrade };
  }

  get body(): this {
    return this;
  }

  get peer(): Peer {
    return this.host.peer;
  }

  inform(status: number, fields: FieldList): void {
    if (this.dead || this.#hasAnswered) return;
    if (status === 101 || status < 100 || status > 199) throw new RangeError(`not an interim status: ${status}`);
    if (status === 100) this.#continueOwed = false;
    this.#interim ??= [];
    this.#interim.push(responseBlock(status, fields, undefined));
    this.host.ready(this);
  }

  protected override onFirstRead(): void {
    if (!this.#continueOwed || this.remoteEnded || this.#hasAnswered) return;
    this.inform(100, new FieldList());
  }

  override receive(chunk: Buffer): void {
    this.#continueOwed = false;
    super.receive(chunk);
  }

  respond(head: ResponseHead): BodyWriter {
    if (this.dead) return this;
    if (this.#hasAnswered) throw new Error("the request is answered already");
    const { status, fields, bodyLength } = head;
    const is2xx = status >= 200 && status <= 299;
    if (this.head.upgrade === undefined ? is2xx && this.head.method === "CONNECT" : status === 101)
      return this.#openTunnel(status === 101 ? 200 : status, fields);
    if (!(status >= 200 && status <= 599)) throw new RangeError(`not a final status: ${status}`);
    // Over HTTP/2 every 2xx would open the tunnel (RFC 9110 section 9.3.6).
    if (this.head.upgrade !== undefined && is2xx) fields.set(NOT_SWITCHED, "1");
    this.bodiless = this.head.method === "HEAD" || status === 204 || status === 304;
    this.#isEmpty = this.bodiless || bodyLength === 0;
    if (bodyLength !== "stream") this.toSend = bodyLength;
    this.#answer = responseBlock(status, fields, this.#statedLength(status, bodyLength));
    this.#hasAnswered = true;
    if (!this.#isEmpty) this.host.ready(this);
    return this;
  }

  #openTunnel(status: number, fields: FieldList): BodyWriter {
    this.isTunnel = true;
    this.watch();
    this.#answer = responseBlock(status, fields, undefined);
    this.#hasAnswered = true;
    this.host.ready(this);
    return this;
  }

  /** RFC 9110 section 8.6: 204 has no length, HEAD and 304 only one that is known; a body that is none needs none. */
  #statedLength(status: number, bodyLength: number | "stream"): number | undefined {
    if (status === 204 || bodyLength === "stream") return undefined;
    if (this.head.method === "HEAD" && status !== 304) return bodyLength;
    return bodyLength === 0 ? undefined : bodyLength;
  }

  protected override get headLeft(): boolean {
    return this.#hasAnswered && this.#answer === undefined;
  }

  protected override sendHead(output: FrameOutput, ends: boolean): void {
    const interim = this.#interim;
    if (interim !== undefined) {
      for (const block of interim) output.addBlock(this.id, this.host.startBlock(block), false);
      this.#interim = undefined;
    }
    const answer = this.#answer;
    if (answer === undefined || (this.#isEmpty && !this.hasEnded)) return;
    this.#answer = undefined;
    if (ends) this.localEnded = true;
    output.addBlock(this.id, this.host.startBlock(answer), ends);
    if (ends) this.sentEnd();
  }

  protected override readEnd(): void {
    this.#hasReadEnd = true;
    if (!this.isTunnel || !this.localEnded) return;
    this.host.streamOver(this);
    this.host.done(this);
  }

  protected override sentEnd(): void {
    if (this.isTunnel && !this.#hasReadEnd) return;
    // An answer before the end of its request: the client need not send the rest (RFC 9113 section 8.1).
    if (this.remoteEnded) this.host.streamOver(this);
    else this.host.reset(this, NO_ERROR);
    this.host.answered(this);
  }

  protected override misuse(reason: string): void {
    this.#breakOff("protocol", reason, INTERNAL_ERROR);
  }

  abort(_reason: string): void {
    if (this.dead) return;
    this.host.reset(this, INTERNAL_ERROR);
    this.kill();
    this.host.answered(this);
  }

  #breakOff(kind: FailReason, reason: string, code: number): void {
    if (this.dead) return;
    this.host.reset(this, code);
    this.fail(kind, reason);
    this.host.answered(this);
  }

  override onDeadline(): void {
    this.#breakOff("timeout", "the client neither sent nor read for too long", CANCEL);
  }

  onFail(callback: (error: ExchangeError) => void): void {
    this.#failCallback = callback;
    if (this.#failure !== undefined) queueMicrotask(() => this.#deliverFailure());
  }

  onDone(callback: () => void): void {
    this.#doneCallback = callback;
  }

  /** The answer has left. */
  complete(): void {
    if (this.dead) return;
    this.kill();
    this.#doneCallback?.();
  }

  /** Ends it because of the peer; `onFail` follows, nothing else. */
  fail(kind: FailReason, reason: string): void {
    if (this.dead) return;
    this.kill();
    this.#failure = new ExchangeError(kind, "none", reason);
    this.#deliverFailure();
  }

  #deliverFailure(): void {
    const failure = this.#failure;
    if (failure === undefined || this.#failCallback === undefined) return;
    this.#failure = undefined;
    this.#failCallback(failure);
  }
}
