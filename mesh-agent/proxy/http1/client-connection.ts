/** One connection to an endpoint: one request at a time, then idle. */
import type { Socket } from "node:net";
import { limits } from "../../../shared/limits.ts";
import type { IdleEvent } from "../../../shared/policy/idle-time.ts";
import { type ConnectFailure, connectFailureOf } from "../connect.ts";
import { connectionDeadlines, type DeadlineWatch, requestDeadlines, type Watched } from "../deadline-watch.ts";
import type { FailReason } from "../engine.ts";
import { SocketStream } from "../socket-stream.ts";
import { BodyDecoder } from "./body-framing.ts";
import { LF } from "./byte-class.ts";
import type { ExchangeHost, Http1ClientExchange } from "./client-exchange.ts";
import { MessageFault } from "./field-scanner.ts";
import { type ResponseScan, scanResponseHead } from "./head-scanner.ts";
import { type BodyOwner, InboundBody } from "./inbound-body.ts";
import { InputBuffer } from "./input-buffer.ts";
import { SocketOutput } from "./socket-output.ts";

/** What a connection needs of its pool. */
export interface ConnectionPool {
  /** How long an idle connection is kept now. */
  readonly idleMs: number;
  /** Requests after which a connection is not used again. */
  readonly requestsMax: number;
  /** Idle connections were closed by the peer: it is looked at closely whether one still lives before anything is written. */
  readonly isWary: boolean;
  /** See `IdleEvent`. */
  idle(event: IdleEvent, ms: number): void;
  connected(connection: ClientConnection): void;
  /** Its exchange is over and another may follow. */
  released(connection: ClientConnection): void;
  /** It has become a tunnel, which takes nobody's place. */
  detached(connection: ClientConnection): void;
  /** It ended. @param failure why it was never usable; absent when it was connected once */
  ended(connection: ClientConnection, failure: ConnectFailure | undefined): void;
}

type Phase = "connecting" | "idle" | "head" | "body" | "tunnel" | "closed";

export class ClientConnection implements ExchangeHost, BodyOwner, Watched {
  readonly output: SocketOutput;
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly #pool: ConnectionPool;
  readonly #socket: Socket;
  readonly #input = new InputBuffer();
  #phase: Phase = "connecting";
  #exchange: Http1ClientExchange | undefined;
  #body: InboundBody | undefined;
  #stream: SocketStream | undefined;
  #running = false;
  #paused = false;
  #closeAfter = false;
  #peerEnded = false;
  #interim = 0;
  /** How long it is kept when idle, from the last time on that it was. */
  #idleMs = 0;
  /** How long it was idle before its request. */
  #idleForMs = 0;
  #requests = 0;
  #error: (Error & { code?: string }) | undefined;

  /** @param connectedEvent when the socket is usable: `connect`, or `secureConnect` with TLS */
  constructor(pool: ConnectionPool, socket: Socket, connectedEvent: string, connectTimeoutMs: number) {
    this.#pool = pool;
    this.#socket = socket;
    this.output = new SocketOutput(
      socket,
      () => this.#onFlush(),
      () => this.#exchange?.drained(),
    );
    socket.once(connectedEvent, () => this.#onConnected());
    socket.on("data", (chunk) => this.#onData(chunk));
    socket.on("end", () => this.#onEnd());
    socket.on("error", (error) => {
      this.#error = error;
    });
    socket.on("close", () => this.#onClose());
    socket.on("drain", () => this.#exchange?.drained());
    requestDeadlines.arm(this, connectTimeoutMs);
  }

  get isConnecting(): boolean {
    return this.#phase === "connecting";
  }

  /** Idle, but not for too long, and nothing says that the peer has left. */
  get isUsable(): boolean {
    const isIdle = this.#phase === "idle" && !this.#peerEnded && this.#socket.writable;
    return isIdle && (this.#requests === 0 || performance.now() < this.deadlineMs);
  }

  /** Nobody has used it yet. */
  get isFresh(): boolean {
    return this.#requests === 0;
  }

  /** Since when it is idle, or was before its request. */
  get #idleSinceMs(): number {
    return this.deadlineMs - this.#idleMs;
  }

  /** A request is lost with it that was most likely sent to nobody. */
  get #isStale(): boolean {
    return this.#requests > 1 && this.#phase === "head" && this.#interim === 0 && this.#input.length === 0;
  }

  start(exchange: Http1ClientExchange): void {
    connectionDeadlines.disarm(this);
    if (this.#requests > 0) this.#idleForMs = performance.now() - this.#idleSinceMs;
    this.#phase = "head";
    this.#interim = 0;
    this.#requests++;
    if (this.#requests >= this.#pool.requestsMax) this.#closeAfter = true;
    this.output.patient = this.#pool.isWary && this.#requests > 1;
    this.#exchange = exchange;
    exchange.attach(this, this.output);
  }

  /** Ends it now when idle, after its exchange otherwise. */
  retire(): void {
    this.#closeAfter = true;
    if (this.#phase === "idle" || this.#phase === "connecting") this.#socket.destroy();
  }

  #onConnected(): void {
    requestDeadlines.disarm(this);
    this.#becomeIdle();
    this.#pool.connected(this);
  }

  #becomeIdle(): void {
    this.#phase = "idle";
    this.#idleMs = this.#pool.idleMs;
    connectionDeadlines.arm(this, this.#idleMs);
  }

  #onFlush(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    exchange.flushed();
    this.output.patient = !exchange.isRequestOver;
  }

  // --- input ---

  #onData(chunk: Buffer): void {
    if (this.#phase === "tunnel") return;
    if (this.#exchange === undefined || this.#exchange.sent === "none") {
      // RFC 9112 section 9.2: what nobody asked for must not be taken for the next answer; nor when a request waits for the turn's end.
      this.#fail("reset", "the peer spoke before it was asked", true);
      return;
    }
    const midHead = this.#phase === "head" && this.#input.length > 0;
    this.#input.append(chunk);
    if (midHead && this.#input.length < limits.http.headBytesMax && !chunk.includes(LF)) return;
    this.#process();
  }

  wake(): void {
    if (this.#exchange !== undefined) this.#process();
  }

  onFirstRead(): void {
    if (!this.#running) queueMicrotask(() => this.wake());
  }

  #process(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#phase === "head" ? this.#input.length > 0 && this.#readHead() : this.#readBody());
    } finally {
      this.#running = false;
    }
    const full = this.#input.length >= limits.http.pipelinedBytesMax;
    if (full === this.#paused || this.#phase === "tunnel" || this.#socket.destroyed) return;
    this.#paused = full;
    if (full) this.#socket.pause();
    else this.#socket.resume();
  }

  #readHead(): boolean {
    const exchange = this.#exchange;
    if (exchange === undefined || !exchange.canTakeResponse) return false;
    const input = this.#input;
    const scan = scanResponseHead(input.bytes, input.at, input.end, exchange.method);
    if (scan === undefined) {
      if (this.#peerEnded) this.#fail("reset", "the connection ended within the answer's head");
      return false;
    }
    if (scan instanceof MessageFault) {
      this.#fail("protocol", scan.reason);
      return false;
    }
    input.at = scan.next;
    if (input.length === 0) input.clear();
    if (scan.head.status < 200) return this.#readInterim(exchange, scan);
    this.#startBody(exchange, scan);
    return true;
  }

  #readInterim(exchange: Http1ClientExchange, scan: ResponseScan): boolean {
    this.#interim++;
    if (scan.head.status === 101) this.#switch(exchange, scan);
    else if (this.#interim > limits.http.informationalMax) this.#fail("protocol", "too many interim answers");
    else exchange.inform(scan.head.status, scan.head.fields);
    return this.#exchange === exchange;
  }

  /** RFC 9110 section 7.8: to one of those that were offered, and that is one. */
  #switch(exchange: Http1ClientExchange, { head, upgrade }: ResponseScan): void {
    if (exchange.upgrade === undefined || upgrade !== exchange.upgrade) {
      this.#fail("protocol", "the peer changed the protocol to one that nobody asked for");
      return;
    }
    this.#phase = "tunnel";
    this.#stream = new SocketStream(this.#socket, this.#input.take(Number.POSITIVE_INFINITY));
    this.#pool.detached(this);
    exchange.switchTo({ status: 101, fields: head.fields, upgrade, bodyLength: "stream" }, this.#stream);
  }

  #startBody(exchange: Http1ClientExchange, scan: ResponseScan): void {
    if (scan.close) this.#closeAfter = true;
    if (scan.keepAliveTimeoutS >= 0) {
      const keptMs = scan.keepAliveTimeoutS * 1_000;
      if (keptMs <= limits.agent.idleMarginMs) this.#closeAfter = true;
      this.#pool.idle("said", keptMs);
    }
    const length = typeof scan.head.bodyLength === "number" ? scan.head.bodyLength : 0;
    this.#body = new InboundBody(new BodyDecoder(scan.framing, length), this);
    this.#phase = "body";
    exchange.respond(scan.head, this.#body);
  }

  #readBody(): boolean {
    const body = this.#body;
    if (this.#phase !== "body" || body === undefined) return false;
    const progress = body.pump(this.#input);
    if (this.#body !== body) return false;
    if (progress === "over") this.#exchangeOver();
    else if (progress === "fault") this.#fail("protocol", body.decoder.fault?.reason ?? "the body is malformed");
    else if (progress === "starved" && this.#peerEnded) {
      if (body.decoder.endOfConnection()) return true;
      this.#fail("reset", "the connection ended within the answer's body");
    }
    return false;
  }

  #exchangeOver(): void {
    const exchange = this.#exchange;
    const reusable =
      exchange?.isRequestOver === true && !this.#closeAfter && !this.#peerEnded && this.#input.length === 0;
    exchange?.kill();
    this.#forgetExchange();
    if (!reusable || !this.#socket.writable) {
      this.#socket.destroy();
      return;
    }
    this.#becomeIdle();
    this.#pool.released(this);
  }

  #forgetExchange(): void {
    this.#exchange = undefined;
    this.#body?.kill();
    this.#body = undefined;
  }

  // --- ends ---

  drop(_exchange: Http1ClientExchange): void {
    this.#forgetExchange();
    if (this.#stream === undefined) this.#socket.destroy();
    else this.#stream.abort();
  }

  #fail(kind: FailReason, reason: string, isStale = false): void {
    const exchange = this.#exchange;
    this.#forgetExchange();
    this.#socket.destroy();
    exchange?.fail(kind, reason, this.#error, isStale);
  }

  /** Tells the pool when the peer has closed it as unused. @returns whether a request was lost with it */
  #noteClose(): boolean {
    const isStale = this.#isStale;
    const isIdle = this.#phase === "idle" && this.#requests > 0;
    // Under a request it was closed at some time before: the time until the request is the most that the peer can have kept it.
    if (isIdle) this.#pool.idle("closed", performance.now() - this.#idleSinceMs);
    else if (isStale) this.#pool.idle("closed", this.#idleForMs);
    return isStale;
  }

  #onEnd(): void {
    if (this.#phase === "tunnel") return;
    this.#peerEnded = true;
    if (this.#exchange === undefined) {
      this.#noteClose();
      this.#socket.destroy();
    } else if (this.#phase === "head" && this.#input.length === 0)
      this.#fail("reset", "the connection ended without an answer", this.#noteClose());
    else this.#process();
  }

  #onClose(): void {
    const wasConnecting = this.#phase === "connecting";
    connectionDeadlines.disarm(this);
    requestDeadlines.disarm(this);
    if (this.#stream?.isOver === true) {
      this.#exchange?.kill();
      this.#forgetExchange();
    }
    if (this.#peerEnded && this.#phase === "body" && this.#error === undefined) {
      // All that the peer had to say is held here, for a reader who has paused.
      this.#pool.ended(this, undefined);
      return;
    }
    const isStale = this.#error !== undefined && this.#noteClose();
    this.#phase = "closed";
    this.#fail("reset", this.#error?.message ?? "the connection was closed", isStale);
    this.#pool.ended(this, wasConnecting ? connectFailureOf(this.#error) : undefined);
  }

  onDeadline(): void {
    if (this.#phase === "connecting") this.#error ??= new Error("no connection in time");
    else if (this.#phase === "idle") this.#pool.idle("outlived", this.#idleMs);
    this.#socket.destroy();
  }
}
