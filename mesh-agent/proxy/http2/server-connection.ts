/** One HTTP/2 connection of a client: requests in, exchanges up, answers out, many at a time. */
import type { Socket } from "node:net";
import { limits } from "../../../shared/limits.ts";
import { connectionDeadlines } from "../deadline-watch.ts";
import type { FailReason, Peer } from "../engine.ts";
import { MessageFault } from "../http1/field-scanner.ts";
import type { ConnectionOwner, ListenerConnection } from "../listener.ts";
import { ENDED, RESET_BY_US, UNKNOWN } from "./closed-streams.ts";
import { Http2Connection } from "./connection.ts";
import { type FieldBlock, Malformed, type RequestParts } from "./field-block.ts";
import { NO_TABLE } from "./hpack-encoder.ts";
import { requestOf, trailersOf } from "./message-head.ts";
import * as h2 from "./protocol.ts";
import { refusalOf } from "./refusal.ts";
import { type ExchangeOwner, Http2ServerExchange } from "./server-exchange.ts";
import type { Http2Stream } from "./stream.ts";

export interface Http2Settings {
  /** Hand requests with CONNECT up, with `:protocol` (RFC 8441) too; otherwise they are refused. */
  readonly connect: boolean;
  readonly headTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly stallTimeoutMs: number;
  /** A client with requests in flight that is silent for so long is asked whether it lives ... */
  readonly pingAfterMs: number;
  /** ... and given up after this. */
  readonly pingTimeoutMs: number;
  readonly concurrentStreamsMax: number;
  readonly headerTableBytes: number;
}

/** What the connection waits for, of which it has a deadline. */
type Awaited = "start" | "frame" | "request" | "room" | "life" | "pong" | "nothing";

const DRAIN_PING = Buffer.from("draining", "latin1");
const LIFE_PING = Buffer.from("selvage?", "latin1");

export class ServerConnection extends Http2Connection implements ExchangeOwner, ListenerConnection {
  readonly peer: Peer;
  readonly #owner: ConnectionOwner;
  readonly #settings: Http2Settings;
  #prefaceAt = 0;
  #awaited: Awaited = "nothing";
  /** Something came since that was looked at last. */
  #hasHeard = false;
  #leaving: "no" | "announced" | "yes" = "no";
  /** Streams beyond it are not looked at: the peer was told so. */
  #lastAccepted: number = h2.MAX_31_BITS;
  #announceTimer: NodeJS.Timeout | undefined;
  #hasSentBlock = false;
  /** Answers in the output. */
  #answered: Http2ServerExchange[] = [];

  constructor(owner: ConnectionOwner, settings: Http2Settings, socket: Socket, peer: Peer) {
    super(socket, false, settings.stallTimeoutMs, settings.headerTableBytes);
    this.#owner = owner;
    this.#settings = settings;
    this.peer = peer;
    const entries: [number, number][] = [[h2.MAX_CONCURRENT_STREAMS, settings.concurrentStreamsMax]];
    if (settings.connect) entries.push([h2.ENABLE_CONNECT_PROTOCOL, 1]);
    this.announce(entries);
    this.#await("start", settings.headTimeoutMs);
  }

  // --- in ---

  protected override preface(chunk: Buffer): number {
    const missing = h2.PREFACE.length - this.#prefaceAt;
    if (missing === 0) return 0;
    const size = Math.min(missing, chunk.length);
    if (h2.PREFACE.compare(chunk, 0, size, this.#prefaceAt, this.#prefaceAt + size) !== 0) {
      this.fail(h2.PROTOCOL_ERROR, "the client does not speak HTTP/2");
      return -1;
    }
    this.#prefaceAt += size;
    return size === missing ? size : -1;
  }

  protected override isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId > this.lastPeerId;
  }

  protected override headers(streamId: number, endStream: boolean, block: FieldBlock): void {
    const stream = this.streams.get(streamId);
    if (stream !== undefined) this.#trailers(stream, endStream, block);
    else if (streamId % 2 === 0) this.fail(h2.PROTOCOL_ERROR, "a client's stream has an even number");
    else if (streamId > this.lastPeerId) this.#begin(streamId, endStream, block);
    else {
      const how = this.closed.get(streamId);
      if (how === ENDED) this.fail(h2.STREAM_CLOSED, "HEADERS on a closed stream");
      else if (how === UNKNOWN) this.fail(h2.PROTOCOL_ERROR, "stream numbers do not grow");
    }
  }

  #trailers(stream: Http2Stream, endStream: boolean, block: FieldBlock): void {
    if (stream.remoteEnded) {
      this.malformed(stream, h2.STREAM_CLOSED, "HEADERS behind the end of the stream");
      return;
    }
    const trailers = trailersOf(block);
    if (!endStream) this.malformed(stream, h2.PROTOCOL_ERROR, "trailers do not end their stream");
    else if (trailers instanceof Malformed) this.malformed(stream, h2.PROTOCOL_ERROR, trailers.reason);
    else if (stream.expected > 0) this.malformed(stream, h2.PROTOCOL_ERROR, "the body is not as long as stated");
    else if (trailers.join("").length > limits.http.trailerBytesMax)
      this.malformed(stream, h2.PROTOCOL_ERROR, "the trailer section is too large");
    else stream.receiveEnd(trailers);
  }

  #begin(streamId: number, endStream: boolean, block: FieldBlock): void {
    if (streamId > this.#lastAccepted) return;
    this.lastPeerId = streamId;
    if (this.streams.size >= this.#settings.concurrentStreamsMax) {
      this.#refuse(streamId, h2.REFUSED_STREAM);
      return;
    }
    const parts = requestOf(block);
    if (parts instanceof Malformed) this.#refuseMalformed(streamId, parts.reason);
    else if (parts instanceof MessageFault) this.#answerFault(streamId, endStream, parts, block);
    else if (endStream && parts.contentLength > 0)
      this.#refuseMalformed(streamId, "a request without a body states its length");
    else if (parts.upgrade !== undefined && !this.#settings.connect)
      this.#refuseMalformed(streamId, "`:protocol`, which was not offered");
    else if (parts.method === "CONNECT" && !this.#settings.connect)
      this.#answerFault(streamId, endStream, new MessageFault("not_implemented", "CONNECT is not served here"), block);
    else {
      this.idleFrames.forgive();
      const exchange = this.#open(streamId, parts, endStream);
      exchange.isServed = true;
      this.#owner.exchange(exchange);
    }
  }

  #open(streamId: number, parts: RequestParts, endStream: boolean): Http2ServerExchange {
    const exchange = new Http2ServerExchange(streamId, parts, endStream, this, this.peerWindow);
    this.streams.add(exchange);
    return exchange;
  }

  #refuse(streamId: number, code: number): void {
    this.sendReset(streamId, code);
    this.closed.note(streamId, RESET_BY_US);
    this.#countReset();
  }

  #countReset(): void {
    if (this.resets.count()) this.fail(h2.ENHANCE_YOUR_CALM, "too many streams come to nothing");
  }

  #refuseMalformed(streamId: number, reason: string): void {
    this.#owner.refused(new MessageFault("bad_request", reason), this.peer);
    this.#refuse(streamId, h2.PROTOCOL_ERROR);
  }

  /** The rest of the request is not waited for. */
  #answerFault(streamId: number, endStream: boolean, fault: MessageFault, { raw }: FieldBlock): void {
    this.#owner.refused(fault, this.peer);
    const parts = { method: "GET", target: "*", fields: [], contentLength: -1, expectContinue: false };
    const exchange = this.#open(streamId, parts, endStream);
    const { head, content } = refusalOf(fault, raw);
    const writer = exchange.respond(head);
    writer.write(content);
    writer.end();
  }

  protected override malformed(stream: Http2Stream, code: number, reason: string): void {
    this.reset(stream, code);
    if (stream instanceof Http2ServerExchange) {
      stream.fail("protocol", reason);
      this.#over(stream);
    }
    this.#owner.refused(new MessageFault("bad_request", reason), this.peer);
    this.#countReset();
  }

  protected override peerReset(stream: Http2Stream, code: number): void {
    if (stream instanceof Http2ServerExchange) {
      stream.fail("reset", `the client gave the request up (${h2.errorName(code)})`);
      this.#over(stream);
    }
    this.#countReset();
  }

  /** The client will not send more requests; what runs is finished. */
  protected override peerGoesAway(): void {}

  protected override pong(payload: Buffer): void {
    if (this.#leaving === "announced" && payload.equals(DRAIN_PING)) this.#leave();
  }

  // --- answers ---

  startBlock(block: Buffer): Buffer {
    if (this.#hasSentBlock) return block;
    this.#hasSentBlock = true;
    return Buffer.concat([NO_TABLE, block]);
  }

  answered(exchange: Http2ServerExchange): void {
    this.#answered.push(exchange);
  }

  override flushed(blocked: boolean): void {
    const answered = this.#answered;
    if (answered.length > 0) {
      this.#answered = [];
      for (const exchange of answered) this.done(exchange);
    }
    super.flushed(blocked);
  }

  done(exchange: Http2ServerExchange): void {
    this.#over(exchange);
    exchange.complete();
    if (this.#leaving === "yes" && this.streams.size === 0) this.linger();
  }

  #over(exchange: Http2ServerExchange): void {
    if (!exchange.isServed) return;
    exchange.isServed = false;
    this.#owner.exchangeOver();
  }

  // --- time ---

  protected override regulate(): void {
    if (this.over) return;
    const { headTimeoutMs, keepAliveMs, stallTimeoutMs, pingAfterMs } = this.#settings;
    if (!this.settingsAcked) this.#await("start", headTimeoutMs);
    else if (this.assembly.streamId !== 0 || this.reader.isMidFrame) this.#await("frame", headTimeoutMs);
    else if (this.output.isBlocked) this.#await("room", stallTimeoutMs);
    else if (this.streams.size === 0) this.#await("request", keepAliveMs);
    else if (this.#awaited !== "pong") this.#await("life", pingAfterMs);
  }

  /** A new time begins only when something else is waited for. */
  #await(awaited: Awaited, forMs: number): void {
    if (awaited === this.#awaited) return;
    this.#awaited = awaited;
    connectionDeadlines.arm(this, forMs);
  }

  override onDeadline(): void {
    if (this.over) this.endLinger();
    else if (this.#awaited === "room") this.socket.destroy();
    else if (this.#awaited === "request") this.close();
    else if (this.#awaited === "life") this.#askForLife();
    else if (this.#awaited === "pong") this.destroy("the client is silent");
    else if (this.#awaited === "start" && this.settingsReceived)
      this.fail(h2.SETTINGS_TIMEOUT, "the client did not acknowledge our settings");
    else this.fail(h2.NO_ERROR, "the client did not go on in time");
  }

  /** Streams that stand still are no reason to keep a client that is gone. */
  #askForLife(): void {
    this.#awaited = "nothing";
    if (this.#hasHeard) this.#await("life", this.#settings.pingAfterMs);
    else {
      this.control(h2.PING << 8, 0, LIFE_PING);
      this.#await("pong", this.#settings.pingTimeoutMs);
    }
    this.#hasHeard = false;
  }

  protected override onData(chunk: Buffer): void {
    this.#hasHeard = true;
    if (this.#awaited === "pong") this.#awaited = "nothing";
    super.onData(chunk);
  }

  // --- ends ---

  /** In two steps (section 6.8): requests that are under way are still taken, and counted. */
  drain(): void {
    if (this.over || this.#leaving !== "no") return;
    this.#leaving = "announced";
    this.sendGoaway(h2.MAX_31_BITS, h2.NO_ERROR);
    this.control(h2.PING << 8, 0, DRAIN_PING);
    this.#announceTimer = setTimeout(() => this.#leave(), limits.http2.drainPingMs);
    this.#announceTimer.unref();
  }

  /** Ends it after the answers in flight, at once without one. */
  close(): void {
    this.#leave();
  }

  #leave(): void {
    clearTimeout(this.#announceTimer);
    if (this.over || this.#leaving === "yes") return;
    this.#leaving = "yes";
    this.#lastAccepted = this.lastPeerId;
    this.sendGoaway(this.lastPeerId, h2.NO_ERROR);
    if (this.streams.size === 0) this.linger();
  }

  destroy(reason: string): void {
    this.failAll("reset", reason);
    this.socket.destroy();
  }

  protected override onError(reason: string): void {
    this.#owner.refused(new MessageFault("bad_request", reason), this.peer);
  }

  protected override failAll(kind: FailReason, reason: string): void {
    const exchanges = [...this.streams.values(), ...this.#answered];
    this.streams.clear();
    this.#answered = [];
    for (const exchange of exchanges) {
      if (!(exchange instanceof Http2ServerExchange)) continue;
      exchange.fail(kind, reason);
      this.#over(exchange);
    }
  }

  protected override onPeerEnd(): void {
    this.failAll("reset", "the client closed the connection");
    this.linger();
  }

  protected override onClose(): void {
    clearTimeout(this.#announceTimer);
    super.onClose();
    this.#owner.connectionOver(this);
  }
}
