/** Frames of an HTTP/2 peer (RFC 9113 section 6), as far as client and server read them alike. */
import type { Socket } from "node:net";
import { ENDED, UNKNOWN } from "./closed-streams.ts";
import { ConnectionEnd } from "./connection-end.ts";
import type { FieldBlock } from "./field-block.ts";
import { FrameReader, type FrameTaker } from "./frame-reader.ts";
import { dependsOn, HeaderAssembly } from "./header-assembly.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import * as h2 from "./protocol.ts";
import type { Http2Stream } from "./stream.ts";

export abstract class Http2Connection extends ConnectionEnd implements FrameTaker {
  protected readonly reader: FrameReader = new FrameReader(this);
  protected readonly assembly = new HeaderAssembly();
  protected settingsReceived = false;
  /** The peer has taken our settings. */
  protected settingsAcked = false;
  readonly #peerIsServer: boolean;
  readonly #decoder = new HpackDecoder();

  constructor(socket: Socket, peerIsServer: boolean, stallTimeoutMs: number, tableBytes: number) {
    super(socket, stallTimeoutMs, tableBytes);
    this.#peerIsServer = peerIsServer;
  }

  /** A stream that was begun and is not over. */
  protected find(streamId: number): Http2Stream | undefined {
    return this.streams.get(streamId);
  }

  /** A stream that nobody has begun. */
  protected abstract isIdle(streamId: number): boolean;
  /** A whole header block came. */
  protected abstract headers(streamId: number, endStream: boolean, block: FieldBlock): void;
  /** The peer has reset a stream, which is forgotten already. */
  protected abstract peerReset(stream: Http2Stream, code: number): void;
  protected abstract peerGoesAway(lastStreamId: number, code: number): void;
  protected abstract pong(payload: Buffer): void;
  /** The message on a stream is not well-formed: resets it and fails the exchange. */
  protected abstract malformed(stream: Http2Stream, code: number, reason: string): void;

  /** Bytes before frames, of which a server gets some. @returns where frames begin, -1: not yet */
  protected preface(_chunk: Buffer): number {
    return 0;
  }

  protected override onData(chunk: Buffer): void {
    const at = this.preface(chunk);
    if (at < 0) return;
    this.reader.read(at === 0 ? chunk : chunk.subarray(at));
    if (this.over) return;
    this.grant();
    this.regulate();
  }

  frame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean {
    if (this.assembly.streamId !== 0 && (type !== h2.CONTINUATION || streamId !== this.assembly.streamId))
      return this.fail(h2.PROTOCOL_ERROR, "a header block is interrupted");
    if (!this.settingsReceived && (type !== h2.SETTINGS || (flags & h2.ACK) !== 0))
      return this.fail(h2.PROTOCOL_ERROR, "the first frame is not SETTINGS");
    switch (type) {
      case h2.DATA:
        this.#data(flags, streamId, bytes, from, to);
        break;
      case h2.HEADERS:
        this.#headersFrame(flags, streamId, bytes, from, to);
        break;
      case h2.CONTINUATION:
        this.#continuation(flags, bytes, from, to);
        break;
      case h2.SETTINGS:
        this.#settings(flags, streamId, bytes, from, to);
        break;
      case h2.WINDOW_UPDATE:
        this.#windowUpdate(streamId, bytes, from, to);
        break;
      case h2.RST_STREAM:
        this.#rstStream(streamId, bytes, from, to);
        break;
      case h2.PING:
        this.#ping(flags, streamId, bytes, from, to);
        break;
      case h2.GOAWAY:
        if (streamId !== 0) this.fail(h2.PROTOCOL_ERROR, "GOAWAY on a stream");
        else if (to - from < 8) this.fail(h2.FRAME_SIZE_ERROR, "GOAWAY is too short");
        else this.peerGoesAway(bytes.readUInt32BE(from) & h2.MAX_31_BITS, bytes.readUInt32BE(from + 4));
        break;
      case h2.PRIORITY:
        this.#priority(streamId, bytes, from, to);
        break;
      case h2.PUSH_PROMISE:
        this.fail(h2.PROTOCOL_ERROR, "nobody may push");
        break;
      default:
        this.#countIdle();
    }
    return !this.over;
  }

  frameTooLong(type: number, streamId: number): void {
    this.fail(h2.FRAME_SIZE_ERROR, `a frame of type ${type} on stream ${streamId} is too long`);
  }

  /** A frame that brings nothing. */
  #countIdle(): void {
    if (this.idleFrames.count()) this.fail(h2.ENHANCE_YOUR_CALM, "too many frames that bring nothing");
  }

  #data(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    const length = to - from;
    let start = from;
    let end = to;
    if (streamId === 0) {
      this.fail(h2.PROTOCOL_ERROR, "DATA on stream 0");
      return;
    }
    if ((flags & h2.PADDED) !== 0) {
      end -= length === 0 ? 1 : (bytes[start] as number);
      start++;
      if (end < start) {
        this.fail(h2.PROTOCOL_ERROR, "DATA is all padding");
        return;
      }
    }
    if (!this.window.take(length)) {
      this.fail(h2.FLOW_CONTROL_ERROR, "more DATA than the connection has room for");
      return;
    }
    const stream = this.find(streamId);
    const endStream = (flags & h2.END_STREAM) !== 0;
    if (start < end) this.idleFrames.forgive();
    else if (!endStream) this.#countIdle();
    if (stream === undefined) this.#strayData(streamId);
    else if (stream.remoteEnded) this.malformed(stream, h2.STREAM_CLOSED, "DATA behind the end of the stream");
    else {
      stream.receiveWindow -= length;
      if (stream.receiveWindow < 0)
        this.malformed(stream, h2.FLOW_CONTROL_ERROR, "more DATA than the stream has room for");
      else this.#body(stream, bytes.subarray(start, end), length, endStream);
    }
  }

  #body(stream: Http2Stream, chunk: Buffer, frameBytes: number, endStream: boolean): void {
    const { length } = chunk;
    if (stream.awaitsHead) {
      this.malformed(stream, h2.PROTOCOL_ERROR, "DATA before the head");
      return;
    }
    if (stream.expected >= 0) {
      stream.expected -= length;
      if (stream.expected < 0 || (endStream && stream.expected > 0)) {
        this.malformed(stream, h2.PROTOCOL_ERROR, "the body is not as long as stated");
        return;
      }
    }
    if (frameBytes > length) stream.receivePadding(frameBytes - length);
    if (length > 0) stream.receive(chunk);
    if (endStream && !stream.dead) stream.receiveEnd(undefined);
  }

  #strayData(streamId: number): void {
    if (this.isIdle(streamId)) {
      this.fail(h2.PROTOCOL_ERROR, "DATA on a stream that nobody has begun");
      return;
    }
    const how = this.closed.get(streamId);
    if (how === ENDED) this.fail(h2.STREAM_CLOSED, "DATA on a closed stream");
    else {
      if (how === UNKNOWN) this.sendReset(streamId, h2.STREAM_CLOSED);
      this.#countIdle();
    }
  }

  #headersFrame(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    const { assembly } = this;
    if (streamId === 0) {
      this.fail(h2.PROTOCOL_ERROR, "HEADERS on stream 0");
      return;
    }
    const code = assembly.open(flags, streamId, bytes, from, to);
    const endStream = (flags & h2.END_STREAM) !== 0;
    if (code !== h2.NO_ERROR) this.fail(code, "HEADERS is badly padded or depends on itself");
    else if ((flags & h2.END_HEADERS) !== 0) this.#block(streamId, endStream);
    else assembly.begin(streamId, endStream);
  }

  #continuation(flags: number, bytes: Buffer, from: number, to: number): void {
    const { assembly } = this;
    const { streamId, endStream } = assembly;
    if (streamId === 0) {
      this.fail(h2.PROTOCOL_ERROR, "CONTINUATION of nothing");
      return;
    }
    const code = assembly.add(bytes, from, to);
    if (code !== h2.NO_ERROR) this.fail(code, "a header block is too large");
    else if ((flags & h2.END_HEADERS) !== 0) {
      assembly.end();
      this.#block(streamId, endStream);
    }
  }

  #block(streamId: number, endStream: boolean): void {
    const { bytes, from, to } = this.assembly;
    const block = this.#decoder.decode(bytes, from, to);
    if (block === undefined) this.fail(h2.COMPRESSION_ERROR, `a header block: ${this.#decoder.error}`);
    else this.headers(streamId, endStream, block);
  }

  #settings(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    const length = to - from;
    if (streamId !== 0) this.fail(h2.PROTOCOL_ERROR, "SETTINGS on a stream");
    else if ((flags & h2.ACK) !== 0) {
      if (length !== 0) this.fail(h2.FRAME_SIZE_ERROR, "an acknowledgement with a payload");
      else if (this.settingsAcked) this.#countIdle();
      else {
        this.settingsAcked = true;
        this.#decoder.limitTable(this.tableBytes);
      }
    } else if (length % 6 !== 0) this.fail(h2.FRAME_SIZE_ERROR, "SETTINGS of odd length");
    else this.#applySettings(bytes, from, to);
  }

  #applySettings(bytes: Buffer, from: number, to: number): void {
    const before = this.peerSettings.initialWindow;
    const code = this.peerSettings.apply(bytes, from, to, this.#peerIsServer);
    if (code !== h2.NO_ERROR) {
      this.fail(code, "a setting is out of its range");
      return;
    }
    const wider = this.peerSettings.initialWindow - before;
    for (const stream of wider === 0 ? [] : this.streams.values()) {
      if (stream.sendWindow + wider > h2.MAX_31_BITS) {
        this.fail(h2.FLOW_CONTROL_ERROR, "a window grows beyond 2^31 - 1");
        return;
      }
      stream.sendWindow += wider;
      if (wider > 0) this.ready(stream);
    }
    if (this.settingsReceived) this.#countIdle();
    this.settingsReceived = true;
    this.control((h2.SETTINGS << 8) | h2.ACK, 0, h2.EMPTY);
  }

  #windowUpdate(streamId: number, bytes: Buffer, from: number, to: number): void {
    if (to - from !== 4) {
      this.fail(h2.FRAME_SIZE_ERROR, "WINDOW_UPDATE is not 4 bytes");
      return;
    }
    const increment = bytes.readUInt32BE(from) & h2.MAX_31_BITS;
    const stream = streamId === 0 ? undefined : this.find(streamId);
    if (streamId === 0) {
      if (increment === 0) this.fail(h2.PROTOCOL_ERROR, "WINDOW_UPDATE by 0");
      else if (!this.queue.widen(increment, h2.MAX_31_BITS))
        this.fail(h2.FLOW_CONTROL_ERROR, "the window grows beyond 2^31 - 1");
      else this.output.schedule();
    } else if (stream !== undefined) {
      if (increment === 0) this.malformed(stream, h2.PROTOCOL_ERROR, "WINDOW_UPDATE by 0");
      else if (stream.sendWindow + increment > h2.MAX_31_BITS)
        this.malformed(stream, h2.FLOW_CONTROL_ERROR, "the window grows beyond 2^31 - 1");
      else {
        stream.sendWindow += increment;
        this.ready(stream);
      }
    } else if (this.isIdle(streamId)) this.fail(h2.PROTOCOL_ERROR, "WINDOW_UPDATE on a stream that nobody has begun");
    this.#countIdle();
  }

  #rstStream(streamId: number, bytes: Buffer, from: number, to: number): void {
    if (streamId === 0) this.fail(h2.PROTOCOL_ERROR, "RST_STREAM on stream 0");
    else if (to - from !== 4) this.fail(h2.FRAME_SIZE_ERROR, "RST_STREAM is not 4 bytes");
    else if (this.isIdle(streamId)) this.fail(h2.PROTOCOL_ERROR, "RST_STREAM on a stream that nobody has begun");
    else {
      const stream = this.find(streamId);
      if (stream === undefined) this.#countIdle();
      else {
        this.forget(stream, ENDED);
        this.peerReset(stream, bytes.readUInt32BE(from));
      }
    }
  }

  #ping(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    if (streamId !== 0) this.fail(h2.PROTOCOL_ERROR, "PING on a stream");
    else if (to - from !== 8) this.fail(h2.FRAME_SIZE_ERROR, "PING is not 8 bytes");
    else {
      this.#countIdle();
      const payload = Buffer.from(bytes.subarray(from, to));
      if ((flags & h2.ACK) !== 0) this.pong(payload);
      else this.control((h2.PING << 8) | h2.ACK, 0, payload);
    }
  }

  #priority(streamId: number, bytes: Buffer, from: number, to: number): void {
    const stream = this.find(streamId);
    if (streamId === 0) this.fail(h2.PROTOCOL_ERROR, "PRIORITY on stream 0");
    else if (to - from !== 5) {
      if (stream === undefined) this.sendReset(streamId, h2.FRAME_SIZE_ERROR);
      else this.malformed(stream, h2.FRAME_SIZE_ERROR, "PRIORITY is not 5 bytes");
    } else if (dependsOn(bytes, from) === streamId) {
      if (stream === undefined) this.sendReset(streamId, h2.PROTOCOL_ERROR);
      else this.malformed(stream, h2.PROTOCOL_ERROR, "a stream depends on itself");
    }
    this.#countIdle();
  }
}
