/** One connection of a client: heads in, exchanges up, answers out, one request at a time (RFC 9112 section 9.3). */
import type { Socket } from "node:net";
import { limits } from "../../../shared/limits.ts";
import { connectionDeadlines, type DeadlineWatch, type Watched } from "../deadline-watch.ts";
import type { FailReason, Peer } from "../engine.ts";
import type { ConnectionOwner, ListenerConnection, PriorKnowledge } from "../listener.ts";
import { SocketStream } from "../socket-stream.ts";
import { BodyDecoder } from "./body-framing.ts";
import { LF } from "./byte-class.ts";
import type { ConnectionSettings, Phase } from "./connection-state.ts";
import { MessageFault } from "./field-scanner.ts";
import { type RequestScan, scanRequestHead } from "./head-scanner.ts";
import { type BodyOwner, InboundBody } from "./inbound-body.ts";
import { InputBuffer } from "./input-buffer.ts";
import { refusal } from "./refusal.ts";
import { type ExchangeOwner, Http1ServerExchange } from "./server-exchange.ts";
import { SocketOutput } from "./socket-output.ts";

const nothing = (): void => undefined;

export class ServerConnection implements ExchangeOwner, BodyOwner, ListenerConnection, Watched {
  readonly output: SocketOutput;
  readonly peer: Peer;
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly #engine: ConnectionOwner;
  readonly #settings: ConnectionSettings;
  readonly #socket: Socket;
  readonly #input = new InputBuffer();
  #phase: Phase = "head";
  #stream: SocketStream | undefined;
  #exchange: Http1ServerExchange | undefined;
  #running = false;
  #closeAfter = false;
  #inHead = false;
  #tunnel = false;
  /** The next bytes may begin another protocol. */
  #mayBePreface: boolean;
  #paused = false;
  /** Of the body that is thrown away. */
  #decoder: BodyDecoder | undefined;
  /** Of a last answer, when that was last looked at. */
  #unsent = 0;
  /** Bytes that may still be thrown away. */
  #discardable = 0;

  constructor(engine: ConnectionOwner, settings: ConnectionSettings, socket: Socket, peer: Peer) {
    this.#engine = engine;
    this.#settings = settings;
    this.#socket = socket;
    this.peer = peer;
    this.output = new SocketOutput(socket, nothing, nothing);
    this.#mayBePreface = settings.prior !== undefined;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("error", nothing);
    socket.on("close", this.#onClose);
    socket.on("drain", this.#onDrain);
    connectionDeadlines.arm(this, settings.headTimeoutMs);
  }

  /** Answers say `Connection: close` as long as the listener drains. */
  drain(): void {}

  /** Ends it after the answer in flight, at once without one. */
  close(): void {
    this.#closeAfter = true;
    if (this.#phase === "head") this.#linger();
  }

  destroy(reason: string): void {
    this.#fail("reset", reason);
    this.#socket.destroy();
  }

  // --- input ---

  readonly #onData = (chunk: Buffer): void => {
    if (this.#phase === "tunnel") return;
    const midHead = this.#phase === "head" && this.#input.length > 0;
    if (this.#phase === "linger") {
      this.#discardable -= chunk.length;
      if (this.#discardable < 0) this.#socket.destroy();
      return;
    }
    this.#input.append(chunk);
    // A head that trickles in is scanned again at each line, not at each byte.
    if (midHead && this.#input.length < limits.http.headBytesMax && !chunk.includes(LF)) return;
    this.#process();
  };

  #process(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#step());
    } finally {
      this.#running = false;
    }
    this.#regulate();
  }

  /** @returns whether another step may get further */
  #step(): boolean {
    if (this.#phase === "head") return this.#input.length > 0 && this.#readHead();
    if (this.#phase === "exchange") return this.#readBody();
    return this.#phase === "discard" && this.#discard();
  }

  /** Stops reading while more is held than a pipelining client may have ahead. */
  #regulate(): void {
    const full = this.#input.length >= limits.http.pipelinedBytesMax;
    if (full === this.#paused || this.#phase === "closed" || this.#phase === "tunnel") return;
    this.#paused = full;
    if (full) this.#socket.pause();
    else this.#socket.resume();
  }

  #readHead(): boolean {
    const input = this.#input;
    if (this.#mayBePreface && this.#isPreface()) return false;
    const scan = scanRequestHead(input.bytes, input.at, input.end);
    if (scan === undefined) {
      if (!this.#inHead) connectionDeadlines.arm(this, this.#settings.headTimeoutMs);
      this.#inHead = true;
      return false;
    }
    if (scan instanceof MessageFault) {
      this.#refuse(scan);
      return false;
    }
    input.at = scan.next;
    if (input.length === 0) input.clear();
    this.#inHead = false;
    connectionDeadlines.disarm(this);
    const fault = this.#unsupported(scan);
    if (fault !== undefined) {
      this.#refuse(fault);
      return false;
    }
    if (scan.head.method === "CONNECT") this.#openTunnel();
    else this.#startExchange(scan);
    return true;
  }

  /** @returns whether what came is the preface of another protocol, or may become it */
  #isPreface(): boolean {
    const { prior } = this.#settings;
    const { bytes, at, length } = this.#input;
    const known = Math.min(length, prior?.preface.length ?? 0);
    this.#mayBePreface = prior?.preface.compare(bytes, at, at + known, 0, known) === 0;
    if (this.#mayBePreface && known === prior?.preface.length) this.#handOver(prior);
    return this.#mayBePreface;
  }

  /** The client speaks the other protocol: this connection is its from now on. */
  #handOver(prior: PriorKnowledge): void {
    const socket = this.#socket;
    const rest = Buffer.from(this.#input.bytes.subarray(this.#input.at, this.#input.end));
    this.output.flush();
    this.#phase = "closed";
    this.#input.clear();
    connectionDeadlines.disarm(this);
    socket.off("data", this.#onData).off("end", this.#onEnd).off("error", nothing);
    socket.off("close", this.#onClose).off("drain", this.#onDrain);
    this.#engine.handedOver(this, prior.speak(this.#engine, socket, this.peer));
    socket.unshift(rest);
  }

  #unsupported(scan: RequestScan): MessageFault | undefined {
    const { form } = scan;
    const { method, bodyLength } = scan.head;
    const forward = this.#settings.proxy && !this.#tunnel;
    if (method === "CONNECT" && !forward) return new MessageFault("not_implemented", "CONNECT is not served here");
    if (form === "absolute" && !forward)
      return new MessageFault("bad_request", "a target in absolute form is for proxies");
    if (form === "authority" && (bodyLength !== 0 || scan.http10))
      return new MessageFault("bad_request", "CONNECT has a body or comes over HTTP/1.0");
    return undefined;
  }

  /** The client speaks HTTP through its tunnel too: the engine is the other end of it. */
  #openTunnel(): void {
    this.#tunnel = true;
    this.#mayBePreface = this.#settings.prior !== undefined;
    this.output.add("HTTP/1.1 200 Connection Established\r\n\r\n");
    connectionDeadlines.arm(this, this.#settings.headTimeoutMs);
  }

  #startExchange(scan: RequestScan): void {
    if (scan.close) this.#closeAfter = true;
    const { bodyLength } = scan.head;
    const framing = scan.chunked ? "chunked" : bodyLength === 0 ? "none" : "length";
    const decoder = new BodyDecoder(framing, typeof bodyLength === "number" ? bodyLength : 0);
    const exchange = new Http1ServerExchange(scan, new InboundBody(decoder, this), this);
    this.#exchange = exchange;
    this.#phase = "exchange";
    this.#engine.exchange(exchange);
  }

  #readBody(): boolean {
    const exchange = this.#exchange;
    if (exchange === undefined) return false;
    const progress = exchange.inbound.pump(this.#input);
    if (this.#exchange !== exchange) return true;
    if (progress === "fault") this.#refuse(exchange.inbound.decoder.fault as MessageFault);
    else if (progress === "starved") this.awaitClient();
    else if (!this.output.isBlocked) connectionDeadlines.disarm(this);
    return false;
  }

  #discard(): boolean {
    const decoder = this.#decoder;
    if (decoder === undefined) return false;
    for (let slice = decoder.next(this.#input); slice !== undefined; slice = decoder.next(this.#input))
      this.#discardable -= slice.length;
    if (decoder.done && this.#discardable >= 0) {
      this.#awaitHead();
      return this.#phase === "head";
    }
    if (this.#discardable < 0 || decoder.fault !== undefined) this.#linger();
    return false;
  }

  wake(): void {
    if (this.#phase !== "closed") this.#process();
  }

  onFirstRead(): void {
    this.#exchange?.sendContinue(this.#input.length > 0);
    if (!this.#running) queueMicrotask(() => this.wake());
  }

  // --- answers ---

  closesAfter(): boolean {
    const exchange = this.#exchange;
    if (exchange === undefined) return true;
    const { inbound, continueOwed } = exchange;
    const { decoder } = inbound;
    // An answer before the end of its request: the rest will not be waited for if it is, or may be, long.
    const early = decoder.remaining > limits.http.drainBytesMax || (inbound.isRead && decoder.isOpenEnded);
    if (this.#engine.draining || continueOwed || early) this.#closeAfter = true;
    return this.#closeAfter;
  }

  awaitClient(): void {
    connectionDeadlines.arm(this, this.#exchange?.idleMs ?? this.#settings.stallTimeoutMs);
  }

  answerOver(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    const { decoder } = exchange.inbound;
    this.#exchange = undefined;
    if (this.#closeAfter) this.#linger();
    else if (decoder.done) this.#awaitHead();
    else this.#startDiscard(decoder);
    this.#engine.exchangeOver();
    exchange.complete();
    if (!this.#running && this.#input.length > 0) queueMicrotask(() => this.wake());
  }

  switchProtocol(): SocketStream {
    this.#phase = "tunnel";
    connectionDeadlines.disarm(this);
    this.output.flush();
    this.#stream = new SocketStream(this.#socket, this.#input.take(Number.POSITIVE_INFINITY));
    return this.#stream;
  }

  #awaitHead(): void {
    this.#decoder = undefined;
    if (this.#closeAfter) {
      this.#linger();
      return;
    }
    this.#phase = "head";
    connectionDeadlines.arm(this, this.#settings.keepAliveMs);
  }

  #startDiscard(decoder: BodyDecoder): void {
    if (decoder.remaining > limits.http.drainBytesMax) {
      this.#linger();
      return;
    }
    this.#phase = "discard";
    this.#decoder = decoder;
    this.#discardable = limits.http.drainBytesMax;
    connectionDeadlines.arm(this, this.#settings.lingerMs);
  }

  readonly #onDrain = (): void => {
    if (this.#phase !== "exchange") return;
    connectionDeadlines.disarm(this);
    this.#exchange?.drained();
  };

  /** Answers with a problem document if an answer is still possible, then ends the connection. */
  #refuse(fault: MessageFault): void {
    this.#engine.refused(fault, this.peer);
    const exchange = this.#exchange;
    const canAnswer = exchange === undefined || !exchange.hasAnswered;
    this.#fail("protocol", fault.reason);
    if (!canAnswer) {
      this.#socket.destroy();
      return;
    }
    this.output.add(refusal(fault));
    this.#linger();
  }

  // --- ends ---

  breakOff(kind: FailReason | undefined, reason: string): void {
    this.#fail(kind, reason);
    // What was said before it broke off is the client's.
    this.output.flush();
    // A plain end would look like the end of a body that has no other.
    if ("encrypted" in this.#socket) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  #fail(kind: FailReason | undefined, reason: string): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.#exchange = undefined;
    this.#engine.exchangeOver();
    if (kind === undefined) exchange.kill();
    else exchange.fail(kind, reason);
  }

  /** RFC 9112 section 9.6: closes our side, and reads on for a while so that the answer is not lost to a reset. */
  #linger(): void {
    if (this.#phase === "linger" || this.#phase === "closed") return;
    this.#phase = "linger";
    this.#input.clear();
    this.#discardable = limits.http.lingerBytesMax;
    this.output.flush();
    this.#socket.end();
    this.#socket.resume();
    connectionDeadlines.arm(this, this.#settings.lingerMs);
  }

  /** A slow reader gets its answer whole, as long as it goes on reading. */
  #endLinger(): void {
    const unsent = this.#socket.writableLength;
    if (unsent === 0 || unsent === this.#unsent) this.#socket.destroy();
    else {
      this.#unsent = unsent;
      connectionDeadlines.arm(this, this.#settings.stallTimeoutMs);
    }
  }

  readonly #onEnd = (): void => {
    if (this.#phase === "tunnel") return;
    const exchange = this.#exchange;
    if (exchange === undefined) {
      this.#linger();
      return;
    }
    const complete = exchange.inbound.decoder.done;
    if (exchange.hasEnded || (complete && this.#settings.allowHalfClose)) this.#closeAfter = true;
    else this.destroy("the client closed the connection");
  };

  readonly #onClose = (): void => {
    if (this.#stream?.isOver === true) this.#tunnelOver();
    else this.#fail("reset", "the connection to the client is gone");
    this.#phase = "closed";
    this.#input.clear();
    connectionDeadlines.disarm(this);
    this.#engine.connectionOver(this);
  };

  #tunnelOver(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.#exchange = undefined;
    this.#engine.exchangeOver();
    exchange.complete();
  }

  onDeadline(): void {
    if (this.#phase === "exchange") {
      this.#fail("timeout", "the client neither sent nor read for too long");
      this.#socket.destroy();
    } else if (this.#phase === "head" && this.#inHead) {
      this.#refuse(new MessageFault("request_timeout", "the head did not arrive in time"));
    } else if (this.#phase === "linger") this.#endLinger();
    else this.#linger();
  }
}
