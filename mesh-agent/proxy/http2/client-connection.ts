/** One HTTP/2 connection to an endpoint: many requests at a time. */
import type { Socket } from "node:net";
import { limits } from "../../../shared/limits.ts";
import { connectionDeadlines } from "../deadline-watch.ts";
import type { FailReason } from "../engine.ts";
import type { Http2ClientExchange, RequestHost } from "./client-exchange.ts";
import { ENDED, RESET_BY_US } from "./closed-streams.ts";
import { Http2Connection } from "./connection.ts";
import { type FieldBlock, Malformed } from "./field-block.ts";
import { NO_TABLE } from "./hpack-encoder.ts";
import { responseOf, trailersOf } from "./message-head.ts";
import * as h2 from "./protocol.ts";
import type { Http2Stream } from "./stream.ts";

/** What a connection needs of its pool. */
export interface ConnectionPool {
  /** It has room for requests that wait. */
  hasRoom(connection: ClientConnection): void;
  /** It takes no more requests: it is gone or going. */
  left(connection: ClientConnection): void;
  ended(connection: ClientConnection): void;
}

export interface ClientSettings {
  /** Streams at a time, if the peer allows so many. */
  readonly streamsMax: number;
  /** Nothing is sent before the peer has said what it takes. */
  readonly awaitsSettings: boolean;
  readonly idleMs: number;
  readonly stallTimeoutMs: number;
  readonly pingAfterMs: number;
  readonly pingTimeoutMs: number;
  readonly headerTableBytes: number;
  /** Requests after which it takes no more. */
  readonly requestsMax: number;
}

const KEEP_ALIVE_PING = Buffer.from("selvage?", "latin1");

type Awaited = "nothing" | "silence" | "pong" | "idle";

export class ClientConnection extends Http2Connection implements RequestHost {
  readonly #pool: ConnectionPool;
  readonly #settings: ClientSettings;
  #lastId = -1;
  /** The last whose head has left: those beyond it mean nothing to the peer. */
  #lastSentId = -1;
  #leaving = false;
  #awaited: Awaited = "nothing";
  #hasSentBlock = false;

  /** @param socket connected, and HTTP/2 by ALPN or by prior knowledge */
  constructor(pool: ConnectionPool, socket: Socket, settings: ClientSettings) {
    super(socket, true, settings.stallTimeoutMs, settings.headerTableBytes);
    this.#pool = pool;
    this.#settings = settings;
    socket.write(h2.PREFACE);
    this.announce([[h2.ENABLE_PUSH, 0]]);
    this.regulate();
  }

  /** Requests in flight. */
  get active(): number {
    return this.streams.size;
  }

  /** It takes requests, now or when others are over. */
  get isUsable(): boolean {
    return !this.over && !this.#leaving && this.socket.writable && this.#lastId < h2.MAX_31_BITS - 2;
  }

  get room(): number {
    const { awaitsSettings, streamsMax } = this.#settings;
    if (!this.isUsable || (awaitsSettings && !this.settingsReceived)) return 0;
    const max = this.peerSettings.maxConcurrentStreams ?? limits.http2.concurrentStreamsAssumed;
    return Math.max(0, Math.min(max, streamsMax) - this.active);
  }

  /** The peer has said what it takes. */
  get isGreeted(): boolean {
    return this.settingsReceived;
  }

  /** Extended CONNECT, as far as the peer has said. */
  get takesUpgrades(): boolean {
    return this.peerSettings.connectProtocol;
  }

  /** Another connection beside it would be worth its price. */
  get isBusy(): boolean {
    const waiting = this.output.bytes + this.socket.writableLength;
    return this.active >= limits.http2.busyStreams || waiting >= limits.http2.busyBytes || this.queue.isStarved;
  }

  start(exchange: Http2ClientExchange): void {
    this.#lastId += 2;
    exchange.id = this.#lastId;
    exchange.sendWindow = this.peerWindow;
    this.streams.add(exchange);
    exchange.attach(this);
    // Not only when something is read or written: the end of an idle time may be near.
    this.regulate();
    if ((this.#lastId + 1) / 2 >= this.#settings.requestsMax) this.#leave();
  }

  /** Nothing new is accepted; ends when nothing is in flight. */
  retire(): void {
    if (this.#leaving || this.over) return;
    this.#leave();
    this.#endIfDone();
  }

  // --- for exchanges ---

  begin(exchange: Http2ClientExchange): void {
    this.#lastSentId = exchange.id;
  }

  startBlock(block: Buffer): Buffer {
    if (this.#hasSentBlock) return block;
    this.#hasSentBlock = true;
    return Buffer.concat([NO_TABLE, block]);
  }

  withdraw(exchange: Http2ClientExchange): void {
    this.streams.delete(exchange.id);
    this.#freed();
  }

  override streamOver(stream: Http2Stream): void {
    super.streamOver(stream);
    this.#freed();
  }

  override reset(stream: Http2Stream, code: number): void {
    super.reset(stream, code);
    this.#freed();
  }

  #freed(): void {
    if (this.#leaving) this.#endIfDone();
    else this.#pool.hasRoom(this);
  }

  // --- in ---

  protected override find(streamId: number): Http2ClientExchange | undefined {
    return streamId > this.#lastSentId ? undefined : (this.streams.get(streamId) as Http2ClientExchange | undefined);
  }

  protected override isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId > this.#lastSentId;
  }

  protected override headers(streamId: number, endStream: boolean, block: FieldBlock): void {
    const stream = this.find(streamId);
    if (stream === undefined) this.#strayHeaders(streamId);
    else if (stream.remoteEnded) this.malformed(stream, h2.STREAM_CLOSED, "HEADERS behind the end of the stream");
    else if (stream.awaitsHead) this.#answer(stream, endStream, block);
    else this.#trailers(stream, endStream, block);
  }

  #strayHeaders(streamId: number): void {
    if (this.isIdle(streamId)) this.fail(h2.PROTOCOL_ERROR, "an answer to nothing");
    else if (this.closed.get(streamId) === ENDED) this.fail(h2.STREAM_CLOSED, "HEADERS on a closed stream");
  }

  #answer(stream: Http2ClientExchange, endStream: boolean, block: FieldBlock): void {
    const parts = responseOf(block);
    let reason: string | undefined;
    if (parts instanceof Malformed) ({ reason } = parts);
    else if (parts.status >= 200) reason = stream.answer(parts, endStream);
    else reason = endStream ? "an interim answer ends the stream" : stream.inform(parts);
    if (reason !== undefined) this.malformed(stream, h2.PROTOCOL_ERROR, reason);
    else if (endStream && !stream.dead) stream.receiveEnd(undefined);
  }

  #trailers(stream: Http2ClientExchange, endStream: boolean, block: FieldBlock): void {
    const trailers = trailersOf(block);
    if (!endStream) this.malformed(stream, h2.PROTOCOL_ERROR, "trailers do not end their stream");
    else if (trailers instanceof Malformed) this.malformed(stream, h2.PROTOCOL_ERROR, trailers.reason);
    else if (stream.expected > 0) this.malformed(stream, h2.PROTOCOL_ERROR, "the body is not as long as stated");
    else stream.receiveEnd(trailers);
  }

  protected override malformed(stream: Http2Stream, code: number, reason: string): void {
    super.reset(stream, code);
    (stream as Http2ClientExchange).fail("protocol", reason);
    if (this.resets.count()) this.fail(h2.ENHANCE_YOUR_CALM, "too many streams come to nothing");
    else this.#freed();
  }

  protected override peerReset(stream: Http2Stream, code: number): void {
    const exchange = stream as Http2ClientExchange;
    // Section 8.1: the answer is whole, the rest of the request is not wanted.
    if (exchange.isAnswered) exchange.stopSending();
    else if (code === h2.REFUSED_STREAM) exchange.failUnprocessed("the peer refused the request");
    else
      exchange.fail(code === h2.HTTP_1_1_REQUIRED ? "protocol" : "reset", `the peer reset it: ${h2.errorName(code)}`);
    this.#freed();
  }

  protected override peerGoesAway(lastStreamId: number, code: number): void {
    const seenId = Math.min(lastStreamId, this.#lastSentId);
    const unseen = this.streams.values().filter((stream) => stream.id > seenId);
    for (const stream of unseen) this.forget(stream, RESET_BY_US);
    this.#leave();
    for (const stream of unseen as Http2ClientExchange[])
      stream.failUnprocessed(`the peer takes no more requests (${h2.errorName(code)})`);
    this.#endIfDone();
  }

  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#pool.left(this);
  }

  #endIfDone(): void {
    if (this.over || this.active > 0) return;
    this.sendGoaway(0, h2.NO_ERROR);
    this.linger();
  }

  // --- time ---

  protected override onData(chunk: Buffer): void {
    // Whatever comes proves that the peer lives.
    if (this.#awaited === "silence" || this.#awaited === "pong") this.#awaited = "nothing";
    super.onData(chunk);
    // The peer may have said that it takes more.
    if (!this.#leaving) this.#pool.hasRoom(this);
  }

  protected override regulate(): void {
    if (this.over) return;
    if (this.active === 0) this.#await("idle", this.#settings.idleMs);
    else if (this.#awaited !== "pong") this.#await("silence", this.#settings.pingAfterMs);
  }

  #await(awaited: Awaited, forMs: number): void {
    if (awaited === this.#awaited) return;
    this.#awaited = awaited;
    connectionDeadlines.arm(this, forMs);
  }

  override onDeadline(): void {
    if (this.over) this.endLinger();
    else if (this.#awaited === "pong") {
      this.failAll("reset", "the peer is silent");
      this.socket.destroy();
    } else if (this.#awaited === "idle") this.retire();
    else {
      this.control(h2.PING << 8, 0, KEEP_ALIVE_PING);
      this.#await("pong", this.#settings.pingTimeoutMs);
    }
  }

  protected override pong(): void {}

  // --- ends ---

  destroy(): void {
    this.socket.destroy();
  }

  protected override failAll(kind: FailReason, reason: string): void {
    const exchanges = this.streams.values() as Http2ClientExchange[];
    this.streams.clear();
    this.#leave();
    for (const exchange of exchanges) {
      // What has come whole is the reader's.
      if (exchange.isAnswered) exchange.stopSending();
      else exchange.fail(kind, reason);
    }
  }

  protected override onPeerEnd(): void {
    this.failAll("reset", "the peer closed the connection");
    this.linger();
  }

  protected override onClose(): void {
    super.onClose();
    this.#pool.ended(this);
  }
}
