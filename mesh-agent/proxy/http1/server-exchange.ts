/** One request that came in over HTTP/1.1, and its answer. */
import type { FieldList } from "../../../shared/http/field-list.ts";
import {
  type BodyReader,
  type BodyWriter,
  ExchangeError,
  type FailReason,
  type Peer,
  type RequestHead,
  type ResponseHead,
  type ServerExchange,
} from "../engine.ts";
import type { SocketStream } from "../socket-stream.ts";
import type { RequestScan } from "./head-scanner.ts";
import { interimHead, lastChunk, responseHead, type SentFraming, switchingHead } from "./head-writer.ts";
import type { InboundBody } from "./inbound-body.ts";
import type { SocketOutput } from "./socket-output.ts";

/** What an exchange asks of its connection. */
export interface ExchangeOwner {
  readonly output: SocketOutput;
  readonly peer: Peer;
  /** Whether the connection ends after this answer; asked once, when its head is written. */
  closesAfter(): boolean;
  /** The answer is in the output whole. */
  answerOver(): void;
  /** The answer's head, a 101, is written: what follows is another protocol. */
  switchProtocol(): SocketStream;
  /** A body stands still because of the client; `drained` follows when it reads again. */
  awaitClient(): void;
  /** Ends the connection with the exchange; `kind` is told to the exchange's owner, none when that asked for it. */
  breakOff(kind: FailReason | undefined, reason: string): void;
}

export class Http1ServerExchange implements ServerExchange, BodyWriter {
  readonly head: RequestHead;
  readonly inbound: InboundBody;
  /** Undefined: as the connection has it. */
  idleMs: number | undefined;
  readonly #owner: ExchangeOwner;
  readonly #http10: boolean;
  /** A 100 is still to be sent before the body comes. */
  #continueOwed: boolean;
  #framing: SentFraming | "empty" | undefined;
  #left = 0;
  #ended = false;
  #dead = false;
  #failure: ExchangeError | undefined;
  #failCallback: ((error: ExchangeError) => void) | undefined;
  #doneCallback: (() => void) | undefined;
  #drainCallback: (() => void) | undefined;
  #drainMissed = false;
  #stream: SocketStream | undefined;

  constructor(scan: RequestScan, inbound: InboundBody, owner: ExchangeOwner) {
    this.head = scan.head;
    this.inbound = inbound;
    this.#owner = owner;
    this.#http10 = scan.http10;
    this.#continueOwed = scan.expectContinue;
  }

  get peer(): Peer {
    return this.#owner.peer;
  }

  get body(): BodyReader {
    return this.#stream ?? this.inbound;
  }

  get hasAnswered(): boolean {
    return this.#framing !== undefined;
  }

  /** The client waits for a 100 that it did not get: it may send the body or not (RFC 9110 section 10.1.1). */
  get continueOwed(): boolean {
    return this.#continueOwed;
  }

  /** The answer is complete, though perhaps not flushed. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  inform(status: number, fields: FieldList): void {
    if (this.#dead || this.#http10 || this.hasAnswered) return;
    if (status === 101 || status < 100 || status > 199) throw new RangeError(`not an interim status: ${status}`);
    if (status === 100) this.#continueOwed = false;
    this.#owner.output.add(interimHead(status, fields));
  }

  /** The body is about to be read: tells the client to send it, unless it has begun to. */
  sendContinue(bodyHasBegun: boolean): void {
    if (!this.#continueOwed || this.#dead || this.hasAnswered) return;
    this.#continueOwed = false;
    if (!bodyHasBegun) this.#owner.output.add("HTTP/1.1 100 Continue\r\n\r\n");
  }

  respond(head: ResponseHead): BodyWriter {
    if (this.#dead) return this;
    if (this.hasAnswered) throw new Error("the request is answered already");
    const { status, fields, bodyLength } = head;
    if (status === 101 && this.head.upgrade !== undefined) return this.#switch(head);
    if (!(status >= 200 && status <= 599)) throw new RangeError(`not a final status: ${status}`);
    const framing = this.#framingOf(status, bodyLength);
    this.#owner.output.add(responseHead(status, fields, framing, framing === "close" || this.#owner.closesAfter()));
    const empty = this.head.method === "HEAD" || status === 204 || status === 304;
    this.#framing = empty ? "empty" : framing;
    this.#left = typeof framing === "number" ? framing : 0;
    return this;
  }

  #switch({ fields, upgrade }: ResponseHead): BodyWriter {
    if (upgrade === undefined) throw new RangeError("101 names no protocol");
    this.#owner.output.add(switchingHead(fields, upgrade));
    this.#framing = "empty";
    this.#stream = this.#owner.switchProtocol();
    return this.#stream;
  }

  /** RFC 9112 section 6.3, RFC 9110 section 8.6: 204 has no length, HEAD and 304 only one that is known. */
  #framingOf(status: number, bodyLength: number | "stream"): SentFraming {
    if (status === 204) return "none";
    if (status === 304) return bodyLength === 0 || bodyLength === "stream" ? "none" : bodyLength;
    if (bodyLength !== "stream") return bodyLength;
    if (this.head.method === "HEAD") return "none";
    return this.#http10 ? "close" : "chunked";
  }

  write(chunk: Buffer): boolean {
    const { output } = this.#owner;
    if (this.#dead || this.#ended || chunk.length === 0 || this.#framing === "empty") return true;
    if (this.#framing === "chunked") {
      output.add(`${chunk.length.toString(16)}\r\n`);
      output.add(chunk);
      return this.#flowing(output.add("\r\n"));
    }
    if (typeof this.#framing === "number") {
      if (chunk.length > this.#left) {
        this.#owner.breakOff("protocol", "the answer is longer than its length");
        return true;
      }
      this.#left -= chunk.length;
    }
    return this.#flowing(output.add(chunk));
  }

  #flowing(flowing: boolean): boolean {
    if (!flowing) this.#owner.awaitClient();
    return flowing;
  }

  onDrain(callback: () => void): void {
    this.#drainCallback = callback;
    if (this.#drainMissed) queueMicrotask(() => this.#tellDrained());
  }

  #tellDrained(): void {
    this.#drainMissed = this.#drainCallback === undefined;
    if (!this.#dead && !this.#ended) this.#drainCallback?.();
  }

  end(trailers?: FieldList): void {
    if (this.#dead || this.#ended) return;
    if (typeof this.#framing === "number" && this.#left > 0) {
      this.#owner.breakOff("protocol", "the answer is shorter than its length");
      return;
    }
    if (this.#framing === "chunked") this.#owner.output.add(lastChunk(trailers));
    this.#ended = true;
    if (this.#flowing(!this.#owner.output.isBlocked)) this.#owner.answerOver();
  }

  abort(reason: string): void {
    if (!this.#dead) this.#owner.breakOff(undefined, reason);
  }

  idleAfter(idleMs: number): void {
    this.idleMs = idleMs;
  }

  onFail(callback: (error: ExchangeError) => void): void {
    this.#failCallback = callback;
    if (this.#failure !== undefined) queueMicrotask(() => this.#deliverFailure());
  }

  onDone(callback: () => void): void {
    this.#doneCallback = callback;
  }

  /** The socket takes more. */
  drained(): void {
    if (this.#dead) return;
    if (this.#ended) this.#owner.answerOver();
    else this.#tellDrained();
  }

  /** Ends it as a success; no callback follows. */
  complete(): void {
    this.kill();
    this.#doneCallback?.();
  }

  /** No callback is called from now on. */
  kill(): void {
    this.#dead = true;
    this.inbound.kill();
  }

  /** Ends it because of the peer; `onFail` follows, nothing else. */
  fail(kind: FailReason, reason: string, cause?: unknown): void {
    if (this.#dead) return;
    this.kill();
    this.#failure = new ExchangeError(kind, "none", reason, cause);
    this.#deliverFailure();
  }

  #deliverFailure(): void {
    const failure = this.#failure;
    if (failure === undefined || this.#failCallback === undefined) return;
    this.#failure = undefined;
    this.#failCallback(failure);
  }
}
